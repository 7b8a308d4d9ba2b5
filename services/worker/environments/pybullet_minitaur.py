"""`pybullet_envs`' Minitaur, to the bit, with a fraction of its Python.

Physics takes three quarters of its step; most of the rest is spent asking PyBullet for one joint at a time and
running eight motors through numpy. Here all joints are read in one call and driven in one call, the motors are
plain floats, and what has been read stays known until the next command. The order of every floating-point
operation is the original's; ``tests/worker/environments/test_pybullet.py`` holds the two side by side.

This module imports PyBullet; only `seedcast.services.worker.environments.pybullet_lanes` imports it, and late.
"""

# ruff: noqa: FURB136 - comparisons cost a third of a call of min()

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from operator import mul
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.pybullet_adapter import pybullet_envs, silence

_modules = pybullet_envs()
_motor: Any = _modules["bullet.motor"]
_robot: Any = _modules["bullet.minitaur"]
_environment: Any = _modules["bullet.minitaur_gym_env"]

States = Sequence[Sequence[Any]]
"""Of each motor: position, velocity, reaction forces, torque."""
Driven = tuple[list[float], list[float]]
"""Of each motor: the torque that it exerts, and the signal (pulse width) that it was given."""


class Motors(_motor.MotorModel):  # type: ignore[misc]
    """The DC motor model, in plain floats."""

    def __init__(self, original: Any) -> None:  # noqa: ANN401 - PyBullet has no types
        self.__dict__.update(original.__dict__)
        currents, torques = self._current_table, self._torque_table
        self._slopes = [
            (after - before) / (high - low)
            for (low, high), (before, after) in zip(pairwise(currents), pairwise(torques), strict=True)
        ]

    def drive(self, commands: list[float], states: States, directions: list[int]) -> Driven:
        """Turn desired angles into torques, as ``convert_to_torque`` does.

        One flat loop: this runs five times a step, and calls would cost as much as the arithmetic.
        """
        kp, kd, voltage, resistance = -self._kp, self._kd, self._voltage, self._resistance
        diodes, back_emf = _motor.VOLTAGE_CLIPPING, self._torque_constant + self._viscous_damping
        current_table, torque_table, slopes = self._current_table, self._torque_table, self._slopes
        last = len(slopes)
        exerted, signals = [], []
        for command, state, direction in zip(commands, states, directions):  # noqa: B905 - costs, checks nothing
            velocity = state[1] * direction
            pwm = kp * (state[0] * direction - command) - kd * velocity
            pwm = -1.0 if pwm < -1.0 else 1.0 if pwm > 1.0 else pwm
            signals.append(pwm)
            volts = pwm * voltage - back_emf * velocity
            current = (-diodes if volts < -diodes else diodes if volts > diodes else volts) / resistance
            # What follows is numpy.interp of the empirical table, whose slopes are known.
            magnitude = -current if current < 0 else current
            below = bisect_right(current_table, magnitude) - 1
            if below < last:
                torque = slopes[below] * (magnitude - current_table[below]) + torque_table[below]
            else:
                torque = torque_table[last] if magnitude == magnitude else magnitude  # it may be NaN
            exerted.append(-torque if current < 0 else torque)
        return exerted, signals

    def observed(self, signals: list[float]) -> NDArray[np.float64]:
        """Return what the torque sensors read; only the last of a step's readings is ever asked for."""
        limit: float = _motor.OBSERVED_TORQUE_LIMIT
        torques: NDArray[np.float64] = self._torque_constant * (
            np.array(signals) * self._voltage / self._resistance
        )
        observed: NDArray[np.float64] = np.clip(torques, -limit, limit)
        return observed


class BatchedMinitaur(_robot.Minitaur):  # type: ignore[misc]
    """The robot, read and driven all joints at once."""

    _motor_model: Any
    _states: States | None = None
    """None when they may have changed."""
    _signals: list[float] | None = None
    """What the motors were given last, where they are modelled in full."""
    _pose: tuple[Sequence[float], Sequence[float]] | None = None
    """Position and orientation of the base; None when they may have changed."""

    # PyBullet's names and arguments.
    def Reset(self, reload_urdf: bool = True) -> None:  # noqa: N802
        """Put the robot at its start."""
        self._forget()
        self._signals = None
        super().Reset(reload_urdf)
        self._overheat_counter = [0] * self.num_motors
        if self._accurate_motor_model_enabled:
            self._motor_model = Motors(self._motor_model)

    def ApplyAction(self, motor_commands: Any) -> None:  # noqa: ANN401, N802
        """Drive the motors until the next command; the simulation is stepped next."""
        if self._accurate_motor_model_enabled and not self._torque_control_enabled:
            self._drive(motor_commands)
        else:
            super().ApplyAction(motor_commands)
        self._forget()

    def GetMotorAngles(self) -> NDArray[np.float64]:  # noqa: N802
        """Return the motors' angles."""
        return np.array(self._of_motors(0))

    def GetMotorVelocities(self) -> NDArray[np.float64]:  # noqa: N802
        """Return the motors' velocities."""
        return np.array(self._of_motors(1))

    def GetMotorTorques(self) -> NDArray[np.float64]:  # noqa: N802
        """Return the motors' torques."""
        if self._signals is not None:
            self._observed_motor_torques, self._signals = self._motor_model.observed(self._signals), None
        if self._accurate_motor_model_enabled or self._pd_control_enabled:
            return np.asarray(self._observed_motor_torques)
        return np.array(self._of_motors(3))

    def GetBasePosition(self) -> Sequence[float]:  # noqa: N802
        """Return the position of the base."""
        return self._base()[0]

    def GetBaseOrientation(self) -> Sequence[float]:  # noqa: N802
        """Return the orientation of the base, a quaternion."""
        return self._base()[1]

    def GetObservation(self) -> list[float]:  # noqa: N802
        """Return angles, velocities, torques and orientation."""
        torques = self.GetMotorTorques().tolist()
        return [*self._of_motors(0), *self._of_motors(1), *torques, *self.GetBaseOrientation()]

    def GetObservationDimension(self) -> int:  # noqa: N802
        """Return the length of an observation without making one."""
        return 3 * int(self.num_motors) + 4

    def ConvertFromLegModel(self, actions: Any) -> Any:  # noqa: ANN401, N802
        """Turn swing and extension of four legs into the angles of eight motors, in the actions' precision."""
        if not isinstance(actions, np.ndarray) or actions.dtype.kind != "f":
            return super().ConvertFromLegModel(actions)
        swing = (-math.pi / 4) * (actions[_SWING] + 1.5)
        return math.pi + swing + _EXTENSION_SIGN.astype(actions.dtype) * actions[_EXTENSION]

    def _drive(self, motor_commands: Any) -> None:  # noqa: ANN401 - a list or an array
        commands = motor_commands if isinstance(motor_commands, list) else motor_commands.tolist()
        if self._motor_velocity_limit < math.inf:
            commands = self._within_reach(commands, self._of_motors(0))
        directions = self._motor_direction
        exerted, self._signals = self._motor_model.drive(commands, self._read(), directions)
        if self._motor_overheat_protection:
            self._shut_down_overheated(exerted)
        forces = list(map(mul, exerted, directions))
        if not all(self._motor_enabled_list):
            forces = list(map(mul, forces, self._motor_enabled_list))
        self._pybullet_client.setJointMotorControlArray(
            self.quadruped, self._motor_id_list, _TORQUE_CONTROL, forces=forces
        )

    def _within_reach(self, commands: list[float], angles: list[float]) -> list[float]:
        reach = self.time_step * self._motor_velocity_limit
        pairs = zip(commands, angles, strict=True)
        return [min(max(command, angle - reach), angle + reach) for command, angle in pairs]

    def _shut_down_overheated(self, exerted: list[float]) -> None:
        limit, counter = _robot.OVERHEAT_SHUTDOWN_TORQUE, self._overheat_counter
        if max(exerted) <= limit and min(exerted) >= -limit:
            self._overheat_counter = [0] * self.num_motors
            return
        patience = _robot.OVERHEAT_SHUTDOWN_TIME / self.time_step
        for motor, torque in enumerate(exerted):
            counter[motor] = counter[motor] + 1 if abs(torque) > limit else 0
            if counter[motor] > patience:
                self._motor_enabled_list[motor] = False

    def _of_motors(self, field: int) -> list[float]:
        return [state[field] * way for state, way in zip(self._read(), self._motor_direction)]  # noqa: B905

    def _read(self) -> States:
        if self._states is None:
            self._states = self._pybullet_client.getJointStates(self.quadruped, self._motor_id_list)
        return self._states

    def _base(self) -> tuple[Sequence[float], Sequence[float]]:
        if self._pose is None:
            self._pose = self._pybullet_client.getBasePositionAndOrientation(self.quadruped)
        return self._pose

    def _forget(self) -> None:
        self._states = self._pose = None


class Minitaur(_environment.MinitaurBulletEnv):  # type: ignore[misc]
    """The environment, on a given simulation, which every reset clears; made without a first reset."""

    def __init__(self, client: Any, **kwargs: Any) -> None:  # noqa: ANN401
        self._made = False
        self.minitaur = BatchedMinitaur.__new__(BatchedMinitaur)
        self.minitaur.num_motors = len(_robot.MOTOR_NAMES)  # all that the bounds of the spaces are made of
        with silence(), _in_place_of_the_original(client):
            super().__init__(**kwargs)
        self._made = True
        self._hard_reset = True  # whatever the caller prefers: an episode owes nothing to the one before

    def reset(self) -> Any:  # noqa: ANN401 - PyBullet has no types
        """Load everything anew and let the robot settle."""
        if not self._made:
            return None
        with _in_place_of_the_original(self._pybullet_client):
            return super().reset()

    def is_fallen(self) -> bool:
        """Say whether the robot leans too far or lies too low."""
        robot = self.minitaur
        up: float = self._pybullet_client.getMatrixFromQuaternion(robot.GetBaseOrientation())[8]
        return bool(up < 0.85 or robot.GetBasePosition()[2] < 0.13)


@contextmanager
def _in_place_of_the_original(client: Any) -> Iterator[None]:  # noqa: ANN401 - PyBullet has no types
    """Let the original's methods make the robot above, on a client that is there already."""
    kept = _environment.bc, _environment.minitaur
    _environment.bc = SimpleNamespace(BulletClient=lambda **_: client)
    _environment.minitaur = SimpleNamespace(Minitaur=BatchedMinitaur)
    try:
        yield
    finally:
        _environment.bc, _environment.minitaur = kept


_TORQUE_CONTROL: int = _environment.pybullet.TORQUE_CONTROL
_EXTENSION = np.array([0, 0, 1, 1, 2, 2, 3, 3])
"""Which action extends the leg of a motor."""
_SWING = _EXTENSION + 4
"""Which action swings it."""
_EXTENSION_SIGN = math.pi / 4 * np.array([1, -1, 1, -1, -1, 1, -1, 1])
"""The two motors of a leg turn against each other, and the right legs mirror the left."""
