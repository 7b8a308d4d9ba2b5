"""The PNG files."""

from __future__ import annotations

import struct

import pytest

from seedcast.services.master.derived.plots import DOTS_PER_INCH, SIZE_INCHES, plot_rewards
from tests.master.records import evaluated, generation

GENERATIONS = [generation(n) for n in range(1, 6)]
TESTS = [evaluated(5)]


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("axis", ["iteration", "time"])
def test_a_plot_is_a_png_of_the_stated_size(axis: str) -> None:
    png = plot_rewards(GENERATIONS, TESTS, axis, "walker")  # type: ignore[arg-type]
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert size(png) == (SIZE_INCHES[0] * DOTS_PER_INCH, SIZE_INCHES[1] * DOTS_PER_INCH)


def test_the_same_records_give_the_same_bytes_and_others_do_not() -> None:
    plot = plot_rewards(GENERATIONS, TESTS, "iteration", "walker")
    assert plot_rewards(GENERATIONS, TESTS, "iteration", "walker") == plot
    assert plot_rewards(GENERATIONS[:-1], TESTS, "iteration", "walker") != plot
    assert plot_rewards(GENERATIONS, [], "iteration", "walker") != plot
    assert plot_rewards(GENERATIONS, TESTS, "time", "walker") != plot


def test_a_plot_of_very_many_tests_still_tells_them_from_none() -> None:
    many = [evaluated(n) for n in range(1, 3001)]
    assert plot_rewards(GENERATIONS, many, "iteration", "walker") != plot_rewards(
        GENERATIONS, [], "iteration", "walker"
    )


def test_a_plot_without_records_is_still_a_png() -> None:
    assert plot_rewards([], [], "time", "walker").startswith(b"\x89PNG")


def test_dollar_signs_in_a_title_are_text_and_not_mathematics() -> None:
    assert plot_rewards(GENERATIONS, TESTS, "time", r"$\frac{").startswith(b"\x89PNG")
