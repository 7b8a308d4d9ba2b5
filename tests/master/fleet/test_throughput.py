"""The rate meter, by plain values."""

from __future__ import annotations

import pytest

from seedcast.services.master.fleet.throughput import WINDOW_SECONDS, Throughput


def test_a_meter_that_has_seen_nothing_says_nothing() -> None:
    assert Throughput().rates(100.0) == (0.0, 0.0)


def test_a_steady_stream_has_its_rate_whatever_the_time_of_day() -> None:
    for start in (0.0, 1234.56):
        meter = Throughput()
        for tenth in range(300):
            meter.add(start + tenth / 10, 2, 70)
        units, steps = meter.rates(start + 30.0)
        assert units == pytest.approx(20, rel=0.02)
        assert steps == pytest.approx(700, rel=0.02)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    meter = Throughput()
    meter.add(0.0, 1000, 1000)
    assert meter.rates(WINDOW_SECONDS - 0.5)[0] > 100
    assert meter.rates(WINDOW_SECONDS + 1.5) == (0.0, 0.0)


def test_the_first_second_counts_as_one() -> None:
    meter = Throughput()
    meter.add(5.0, 3, 30)
    assert meter.rates(5.001) == (3.0, 30.0)


def test_a_meter_stays_small() -> None:
    meter = Throughput()
    for number in range(100_000):
        meter.add(number / 100, 1, 1)
    assert len(meter._seconds) <= WINDOW_SECONDS + 1
