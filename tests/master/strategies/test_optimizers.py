"""The optimizers, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from seedcast.services.master.strategies.optimizers import (
    AdamSpec,
    AnyOptimizerSpec,
    ClipUpSpec,
    SGDSpec,
    build_optimizer,
)

SPECS = [AdamSpec(), ClipUpSpec(), SGDSpec()]
every_optimizer = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)


def test_adams_first_step_is_the_step_size_along_the_gradients_sign() -> None:
    adam = build_optimizer(AdamSpec(), 3)
    assert np.allclose(adam.ascend(np.array([5.0, -0.001, 0.0]), 0.01), [0.01, -0.01, 0.0], rtol=1e-4)


def test_adams_second_step_weighs_both_gradients_with_bias_correction() -> None:
    adam = build_optimizer(AdamSpec(beta1=0.5, beta2=0.75, epsilon=1e-8), 1)
    adam.ascend(np.array([1.0]), 1.0)
    step = adam.ascend(np.array([3.0]), 1.0)
    # m = 0.5·0.5 + 0.5·3 = 1.75, v = 0.75·0.25 + 0.25·9 = 2.4375; corrected by 1 − 0.25 and 1 − 0.5625.
    assert step[0] == pytest.approx((1.75 / 0.75) / np.sqrt(2.4375 / 0.4375), rel=1e-7)


def test_clipup_goes_the_step_size_along_the_gradient_whatever_its_length() -> None:
    for length in (1e-6, 1.0, 1e6):
        clipup = build_optimizer(ClipUpSpec(), 2)
        assert np.allclose(clipup.ascend(length * np.array([3.0, 4.0]), 0.15), [0.09, 0.12])


def test_clipup_adds_momentum() -> None:
    clipup = build_optimizer(ClipUpSpec(momentum=0.5, max_speed=10), 2)
    clipup.ascend(np.array([2.0, 0.0]), 1.0)
    assert clipup.ascend(np.array([0.0, 7.0]), 1.0).tolist() == [0.5, 1.0]


def test_clipup_never_moves_faster_than_its_limit_and_keeps_the_direction() -> None:
    clipup = build_optimizer(ClipUpSpec(momentum=0.9, max_speed=0.3), 2)
    steps = [clipup.ascend(np.array([3.0, 4.0]), 0.15) for _ in range(5)]
    speeds = [float(np.hypot(*step)) for step in steps]
    assert speeds == pytest.approx([0.15, 0.285, 0.3, 0.3, 0.3])
    assert np.allclose(steps[-1], [0.18, 0.24])


def test_clipup_takes_a_zero_gradient_as_no_push() -> None:
    clipup = build_optimizer(ClipUpSpec(), 2)
    assert clipup.ascend(np.zeros(2), 0.15).tolist() == [0.0, 0.0]


def test_sgd_adds_the_gradient_to_a_fading_velocity() -> None:
    sgd = build_optimizer(SGDSpec(momentum=0.5), 1)
    steps = [sgd.ascend(np.array([gradient]), 0.25)[0] for gradient in (4.0, 0.0, -8.0)]
    assert steps == [1.0, 0.5, -1.75]


@every_optimizer
def test_a_restored_optimizer_takes_the_same_steps(spec: AdamSpec | ClipUpSpec | SGDSpec) -> None:
    gradients = np.random.default_rng(1).normal(size=(10, 4))
    optimizer, restored = build_optimizer(spec, 4), build_optimizer(spec, 4)
    for gradient in gradients[:5]:
        optimizer.ascend(gradient, 0.1)
    restored.restore(optimizer.state())
    for gradient in gradients[5:]:
        assert np.array_equal(optimizer.ascend(gradient, 0.1), restored.ascend(gradient, 0.1))


@every_optimizer
def test_a_step_that_the_caller_changes_does_not_change_the_optimizer(
    spec: AdamSpec | ClipUpSpec | SGDSpec,
) -> None:
    optimizer, untouched = build_optimizer(spec, 2), build_optimizer(spec, 2)
    for _ in range(3):
        step = optimizer.ascend(np.ones(2), 0.1)
        assert np.array_equal(step, untouched.ascend(np.ones(2), 0.1))
        step *= 100


@every_optimizer
def test_the_name_tells_the_specifications_apart(spec: AdamSpec | ClipUpSpec | SGDSpec) -> None:
    adapter: TypeAdapter[AdamSpec | ClipUpSpec | SGDSpec] = TypeAdapter(AnyOptimizerSpec)
    assert adapter.validate_python({"name": spec.name}) == spec


def test_an_option_of_another_optimizer_is_refused() -> None:
    adapter: TypeAdapter[AdamSpec | ClipUpSpec | SGDSpec] = TypeAdapter(AnyOptimizerSpec)
    with pytest.raises(ValidationError, match="max_speed"):
        adapter.validate_python({"name": "adam", "max_speed": 0.3})


def test_the_defaults_of_clipup_are_the_papers() -> None:
    spec = ClipUpSpec()
    assert (spec.step_size, spec.max_speed, spec.momentum) == (0.15, 0.3, 0.9)
