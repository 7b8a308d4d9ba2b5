"""The same seed gives the same search, and nothing outside plays a part in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seedcast.services.master.strategies.contract.settings import Settings, members_of, train


class Repeating(Settings):
    """Seeds, draws, and what is outside."""

    def test_the_same_seed_gives_the_same_search(self) -> None:
        one, other = train(self.build(), 5), train(self.build(), 5)
        assert members_of(one).tobytes() == members_of(other).tobytes()
        assert one.mean.tobytes() == other.mean.tobytes()

    def test_another_seed_gives_another_population(self) -> None:
        assert not np.isclose(members_of(self.build(seed=1)), members_of(self.build(seed=2))).any()

    def test_another_generation_draws_other_noise(self) -> None:
        strategy = self.build()
        first = members_of(strategy) - strategy.mean
        strategy.tell(np.arange(self.population_size, dtype=np.float64))
        second = members_of(strategy) - strategy.mean
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5

    def test_numpys_global_generator_is_neither_used_nor_changed(self) -> None:
        np.random.seed(1)
        expected = np.random.random(4)
        np.random.seed(1)
        one = train(self.build(), 3)
        assert np.array_equal(np.random.random(4), expected)
        np.random.seed(2)
        assert np.array_equal(one.mean, train(self.build(), 3).mean)

    def test_nothing_is_printed_and_no_file_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        train(self.build(), 20)
        assert list(tmp_path.iterdir()) == []
        assert capfd.readouterr() == ("", "")
