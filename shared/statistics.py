"""Statistics over seeds: how good a setting is, how sure that is, and whether two settings differ.

Agarwal, Schwarzer, Castro, Courville and Bellemare, "Deep reinforcement learning at the edge of the statistical
precipice" (2021, https://arxiv.org/abs/2108.13264), for the interquartile mean, its stratified bootstrap
interval, the performance profile and the probability of improvement; Mann and Whitney (1947), and Holm, "A simple
sequentially rejective multiple test procedure" (1979), for tests.

Scores come as one array a task, ``(runs,)``: a task is a stratum, and its runs are seeds. Every draw is keyed, so
that the same scores always give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = Sequence[NDArray[np.float64]]
"""One array ``(runs,)`` a task."""
Statistic = Callable[[Scores], float]

RESAMPLES = 2000
CONFIDENCE = 0.95
CURVE_POINTS = 60
CURVE_RESAMPLES = 200
"""Enough for a band that is looked at; an interval that is printed takes more."""
_BOOTSTRAP_SEED = 20_211_001


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that holds its true value with a probability of `CONFIDENCE`."""

    estimate: float
    low: float
    high: float


def interquartile_mean(scores: Scores) -> float:
    """Return the mean of the middle half of all runs' scores: a quarter of them is cut off at each end.

    Less swayed by one lucky or failed seed than the mean, and less wasteful than the median.

    Raises:
        ValueError: there are no scores.
    """
    from scipy import stats  # late: it takes longer to import than all of the master

    pooled = _pooled(scores)
    return float(stats.trim_mean(pooled, 0.25))


def bootstrap(scores: Scores, statistic: Statistic = interquartile_mean, resamples: int = RESAMPLES) -> Interval:
    """Return a statistic with its percentile interval by the stratified bootstrap.

    Runs are drawn again with replacement within each task, so that every task keeps its number of runs. With
    fewer than two runs in every task nothing is known of the spread: the interval has no width then.
    """
    generator = np.random.Generator(np.random.Philox(_BOOTSTRAP_SEED))
    estimates = [
        statistic([task[generator.integers(0, len(task), len(task))] for task in scores]) for _ in range(resamples)
    ]
    low, high = np.quantile(estimates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(statistic(scores), float(low), float(high))


@dataclass(frozen=True)
class Band:
    """A curve over runs: at each ``x`` an interquartile mean and its interval."""

    x: list[float]
    estimate: list[float]
    low: list[float]
    high: list[float]


def curve_over_runs(lines: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Band | None:
    """Return one curve of runs, each ``(x, scores)``, rising in x, over the x that all of them cover.

    Between two of its scores a run counts with the earlier one: what was not measured is not guessed. None where
    there are no runs, or no x is covered by all.
    """
    if not lines or not all(len(x) for x, _ in lines):
        return None
    used = [np.array(x, np.float64) for x, _ in lines]
    scores = [np.array(y, np.float64) for _, y in lines]
    begin, end = max(line[0] for line in used), min(line[-1] for line in used)
    if begin > end:
        return None
    x = np.unique(np.linspace(begin, end, CURVE_POINTS))
    before = [np.searchsorted(line, x, side="right") - 1 for line in used]
    at = np.stack([score[index] for score, index in zip(scores, before, strict=True)])
    estimate, low, high = _bootstrap_columns(at, CURVE_RESAMPLES)
    return Band(x=x.tolist(), estimate=estimate.tolist(), low=low.tolist(), high=high.tolist())


def _bootstrap_columns(
    at: NDArray[np.float64], resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what `bootstrap` does of each column of ``at`` ``(runs, points)``, all columns at once."""
    runs = len(at)
    if runs == 1:
        return at[0], at[0], at[0]
    generator = np.random.Generator(np.random.Philox(_BOOTSTRAP_SEED))
    drawn = np.stack([generator.integers(0, runs, runs) for _ in range(resamples)])
    cut = int(0.25 * runs)

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sort(values, axis=-2)[..., cut : runs - cut, :].mean(axis=-2), np.float64)

    estimates = means(at[drawn])
    low, high = np.quantile(estimates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return means(at), low, high


def probability_of_improvement(ours: Scores, theirs: Scores) -> float:
    """Return how likely a run of ``ours`` beats one of ``theirs`` on the same task, ties half, over all tasks.

    Raises:
        ValueError: the two do not have the same tasks, or one has no runs.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"both need the same tasks, got {len(ours)} and {len(theirs)}")
    return float(np.mean([_superiority(one, other) for one, other in zip(ours, theirs, strict=True)]))


def performance_profile(scores: Scores, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Return the share of runs above each threshold ``(thresholds,)``, every task weighing alike."""
    above = [(task[None, :] > np.asarray(thresholds)[:, None]).mean(axis=1) for task in scores]
    return np.asarray(np.mean(above, axis=0), np.float64)


@dataclass(frozen=True)
class Comparison:
    """Whether two settings differ: `p_value` as it is, `adjusted` for all the pairs that were compared."""

    first: str
    second: str
    probability_of_improvement: float
    """Of ``first`` over ``second``."""
    p_value: float
    adjusted: float


def compare_all(groups: Mapping[str, NDArray[np.float64]]) -> list[Comparison]:
    """Compare every pair of groups ``(runs,)`` by a two-sided Mann-Whitney U test, adjusted by Holm's method."""
    names = list(groups)
    pairs = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]]
    values = [_mann_whitney(groups[one], groups[other]) for one, other in pairs]
    return [
        Comparison(one, other, _superiority(groups[one], groups[other]), value, adjusted)
        for (one, other), value, adjusted in zip(pairs, values, holm(values), strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number m: the k-th smallest times m − k + 1, never falling, at most 1."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _superiority(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    differences = np.sign(ours[:, None] - theirs[None, :])
    return float((differences + 1).mean() / 2)


def _mann_whitney(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy import stats

    return float(stats.mannwhitneyu(one, other, alternative="two-sided").pvalue)


def _pooled(scores: Scores) -> NDArray[np.float64]:
    if not sum(len(task) for task in scores):
        raise ValueError("there are no scores")
    return np.concatenate(list(scores))
