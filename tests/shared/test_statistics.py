"""Statistics over seeds, against worked examples and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seedcast.shared.statistics import (
    CURVE_POINTS,
    CURVE_RESAMPLES,
    bootstrap,
    compare_all,
    curve_over_runs,
    holm,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)


def test_the_interquartile_mean_cuts_off_a_quarter_at_each_end() -> None:
    assert interquartile_mean([np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1e9])]) == 4.5
    assert interquartile_mean([np.array([-1e9, 2.0]), np.array([3.0, 1e9])]) == 2.5  # over all tasks' runs
    assert interquartile_mean([np.array([3.0])]) == 3.0


def test_no_scores_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no scores"):
        interquartile_mean([np.array([])])


def test_the_interval_agrees_with_scipys_percentile_bootstrap() -> None:
    scores = np.random.default_rng(3).normal(100, 20, 30)
    ours = bootstrap([scores], resamples=10_000)
    theirs = stats.bootstrap(
        (scores,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width)
    assert ours.low < ours.estimate < ours.high


def test_the_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        interval = bootstrap([rng.normal(0, 1, 20)], lambda tasks: float(tasks[0].mean()), resamples=300)
        held += interval.low <= 0 <= interval.high
    assert 0.88 <= held / 200 <= 0.98  # a percentile interval of 20 runs is a little narrow


def test_the_same_scores_always_give_the_same_interval() -> None:
    scores = [np.array([1.0, 5.0, 2.0]), np.array([9.0, 8.0])]
    assert bootstrap(scores) == bootstrap(scores)


def test_every_task_keeps_its_runs_when_they_are_drawn_again() -> None:
    seen = set()

    def shape(tasks: object) -> float:
        seen.add(tuple(len(task) for task in tasks))  # type: ignore[attr-defined]
        return 0.0

    bootstrap([np.zeros(3), np.zeros(5)], shape, resamples=10)
    assert seen == {(3, 5)}


def test_the_probability_of_improvement_counts_pairs_and_half_of_ties() -> None:
    ours, theirs = [np.array([3.0, 1.0])], [np.array([1.0, 2.0])]
    assert probability_of_improvement(ours, theirs) == (1 + 1 + 0.5 + 0) / 4
    rng = np.random.default_rng(5)
    one, other = rng.normal(0.5, 1, 12), rng.normal(0, 1, 9)
    u = stats.mannwhitneyu(one, other).statistic
    assert probability_of_improvement([one], [other]) == pytest.approx(u / (12 * 9))
    with pytest.raises(ValueError, match="same tasks"):
        probability_of_improvement([one], [])


def test_a_profile_is_the_share_of_runs_above_each_threshold_with_tasks_weighing_alike() -> None:
    scores = [np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0])]
    np.testing.assert_array_equal(performance_profile(scores, [0, 2, 5, 10]), [1, (0.5 + 1) / 2, 0.5, 0])


def test_holms_adjustment_is_that_of_the_textbook() -> None:
    # The worked example of the Holm-Bonferroni method: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 no lower than that.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_every_pair_of_groups_is_compared_once() -> None:
    groups = {"a": np.arange(8.0), "b": np.arange(8.0) + 100, "c": np.arange(8.0) + 0.5}
    found = {(one.first, one.second): one for one in compare_all(groups)}
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert found["a", "b"].probability_of_improvement == 0
    assert found["a", "b"].p_value == pytest.approx(2 / 12_870)  # exact: one of C(16, 8) orders, two-sided
    assert found["a", "b"].adjusted == pytest.approx(3 * 2 / 12_870)
    assert found["a", "c"].adjusted > 0.5


def test_a_curve_over_runs_is_the_bootstrap_of_every_point() -> None:
    x = [0.0, 10.0, 20.0]
    runs = [[1.0, 2.0, 3.0], [2.0, 4.0, 9.0], [0.0, 5.0, 1.0], [7.0, 1.0, 2.0], [3.0, 3.0, 3.0]]
    band = curve_over_runs([(x, y) for y in runs])
    assert band is not None
    assert (band.x[0], band.x[-1], len(band.x)) == (0.0, 20.0, CURVE_POINTS)
    for place, column in ((0, 0), (-1, 2)):
        expected = bootstrap([np.array([run[column] for run in runs])], resamples=CURVE_RESAMPLES)
        assert band.estimate[place] == pytest.approx(expected.estimate)
        assert (band.low[place], band.high[place]) == pytest.approx((expected.low, expected.high))


def test_a_curve_covers_what_all_runs_cover_and_guesses_nothing_between_two_tests() -> None:
    band = curve_over_runs([([0.0, 10.0], [1.0, 5.0]), ([4.0, 12.0], [3.0, 7.0])])
    assert band is not None
    assert (band.x[0], band.x[-1]) == (4.0, 10.0)
    assert band.estimate[0] == band.estimate[-2] == 2.0
    assert curve_over_runs([([0.0, 1.0], [1.0, 1.0]), ([2.0], [1.0])]) is None
    assert curve_over_runs([]) is None
