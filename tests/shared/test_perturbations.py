"""Members made one by one have the bits of the population written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.seeding import noise

KEY = NoiseKey(seed=3, generation=4, mirrored=True)


def written_out(
    mean: NDArray[np.float32], sigma: NDArray[np.float32], key: NoiseKey, members: int
) -> NDArray[np.float32]:
    """Return the whole population ``(members, dimension)``, by its definition."""
    rows = []
    for member in range(members):
        draw, sign = (member // 2, 1 - 2 * (member % 2)) if key.mirrored else (member, 1)
        rows.append(mean + np.float32(sign) * (sigma * noise(key.seed, key.generation, draw, len(mean))))
    return np.stack(rows)


@given(st.data())
def test_any_members_in_any_order_have_the_bits_of_the_population_written_out(data: st.DataObject) -> None:
    dimension, members = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
    key = NoiseKey(
        seed=data.draw(st.integers(0, 2**64 - 1)),
        generation=data.draw(st.integers(0, 10**9)),
        mirrored=data.draw(st.booleans()),
    )
    values = np.random.default_rng(data.draw(st.integers(0, 1000)))
    mean = values.standard_normal(dimension, dtype=np.float32)
    sigma = values.random(data.draw(st.sampled_from([1, dimension])), dtype=np.float32)
    numbers = np.array(data.draw(st.lists(st.integers(0, members - 1), min_size=1)), np.int32)
    some = GaussianMembers(mean, sigma, key, numbers)
    expected = written_out(mean, sigma, key, members)[numbers]
    assert some.shape == (len(some), dimension) == expected.shape
    assert np.array_equal(np.stack([some[row] for row in range(len(some))]), expected)
    assert np.array_equal(np.asarray(some), expected)
    assert np.array_equal(some[np.arange(len(some))[::-1]], expected[::-1])


def test_episodes_of_a_member_and_members_of_a_pair_draw_their_noise_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def counted(key: NoiseKey, draw: int, dimension: int) -> NDArray[np.float32]:
        drawn.append(draw)
        return noise(key.seed, key.generation, draw, dimension)

    monkeypatch.setattr(NoiseKey, "noise", counted)
    members = GaussianMembers(np.zeros(3, np.float32), np.ones(1, np.float32), KEY, np.arange(4, dtype=np.int32))
    for row in (0, 0, 1, 1, 2, 3, 3):
        members[row]
    assert drawn == [0, 1]
