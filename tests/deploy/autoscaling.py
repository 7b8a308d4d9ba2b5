"""Kubernetes' horizontal pod autoscaler and KEDA as pure functions of time, to see what a plan leads to.

The autoscaler's formulas: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/
(algorithm details; configurable scaling behaviour). KEDA's activation, cool-down and fallback:
https://keda.sh/docs/2.18/concepts/scaling-deployments/ and …/reference/scaledobject-spec/. Times are in seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

TICK_SECONDS = 15
"""The controller manager's --horizontal-pod-autoscaler-sync-period."""
TOLERANCE = 0.1
"""Its --horizontal-pod-autoscaler-tolerance."""

Trace = Sequence[tuple[float, int | None]]
"""(time, wanted workers) wherever that changes, by time; None while nobody answers."""


def at(trace: Trace, now: float) -> int | None:
    """Return what a trace says at a time; nobody answers before its first entry."""
    place = bisect_right([time for time, _ in trace], now)
    return trace[place - 1][1] if place else None


@dataclass(frozen=True)
class Rules:
    """One direction of an autoscaler's `behavior`."""

    window: float
    """stabilizationWindowSeconds."""
    policies: tuple[tuple[str, int, float], ...]
    """(Pods or Percent, value, periodSeconds); the one that allows most counts."""

    @classmethod
    def of(cls, behavior: Mapping[str, Any]) -> Rules:
        """Read them from a manifest.

        Raises:
            ValueError: they select another policy than Max.
        """
        if behavior.get("selectPolicy", "Max") != "Max":
            raise ValueError(f"selectPolicy {behavior['selectPolicy']} is not simulated")
        policies = [(one["type"], int(one["value"]), float(one["periodSeconds"])) for one in behavior["policies"]]
        return cls(float(behavior["stabilizationWindowSeconds"]), tuple(policies))


@dataclass
class Autoscaler:
    """One HorizontalPodAutoscaler: call `step` every 15 s."""

    minimum: int
    maximum: int
    up: Rules
    down: Rules
    recommended: list[tuple[float, int]] = field(default_factory=list)
    changed: list[tuple[float, int]] = field(default_factory=list)
    """(time, by how many)."""

    def step(self, now: float, current: int, wanted: Callable[[int], int]) -> int:
        """Return the new number of replicas; ``wanted`` is the metric's answer to the current one."""
        if current == 0:  # scaled to zero, the autoscaler is switched off
            return 0
        self.recommended.append((now, wanted(current)))
        target = min(max(self._stabilised(now, current), self.minimum), self.maximum)
        target = min(max(target, self._floor(now, current)), self._ceiling(now, current))
        if target != current:
            self.changed.append((now, target - current))
        return target

    def _stabilised(self, now: float, current: int) -> int:
        """Return the current number, moved no further than every recommendation in the window asks for."""
        lowest = min(value for time, value in self.recommended if time >= now - self.up.window)
        highest = max(value for time, value in self.recommended if time >= now - self.down.window)
        return min(max(current, lowest), highest)

    def _ceiling(self, now: float, current: int) -> int:
        def limit(kind: str, value: int, period: float) -> int:
            start = current - sum(by for time, by in self.changed if by > 0 and time > now - period)
            return start + value if kind == "Pods" else math.ceil(start * (1 + value / 100))

        return max(current, *(limit(*policy) for policy in self.up.policies))

    def _floor(self, now: float, current: int) -> int:
        def limit(kind: str, value: int, period: float) -> int:
            start = current - sum(by for time, by in self.changed if by < 0 and time > now - period)
            return start - value if kind == "Pods" else math.floor(start * (1 - value / 100))

        return min(current, *(limit(*policy) for policy in self.down.policies))


def for_total(total: float, per_replica: float, current: int) -> int:
    """Return the replicas for a metric of the type AverageValue: its total, and what of it each should have."""
    if abs(total / (per_replica * current) - 1) <= TOLERANCE:
        return current
    return math.ceil(total / per_replica)


def for_utilisation(used: float, target: float, current: int) -> int:
    """Return the replicas for a metric of the type Utilization: shares of what is requested, used and wanted."""
    ratio = used / target
    return current if abs(ratio - 1) <= TOLERANCE else math.ceil(current * ratio)


@dataclass(frozen=True)
class Keda:
    """A ScaledObject with one metrics-api trigger."""

    polling: float
    cooldown: float
    minimum: int
    maximum: int
    activation: float
    per_replica: float
    failures: int
    """Polls that fail before the fallback counts."""
    fallback: int
    up: Rules
    down: Rules

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Keda:
        """Read it from a manifest.

        Raises:
            ValueError: its fallback is of another kind than currentReplicasIfHigher.
        """
        if (kind := spec["fallback"].get("behavior")) != "currentReplicasIfHigher":
            raise ValueError(f"the fallback {kind} is not simulated")
        [trigger] = spec["triggers"]
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        return cls(
            polling=float(spec["pollingInterval"]),
            cooldown=float(spec["cooldownPeriod"]),
            minimum=int(spec["minReplicaCount"]),
            maximum=int(spec["maxReplicaCount"]),
            activation=float(trigger["metadata"]["activationTargetValue"]),
            per_replica=float(trigger["metadata"]["targetValue"]),
            failures=int(spec["fallback"]["failureThreshold"]),
            fallback=int(spec["fallback"]["replicas"]),
            up=Rules.of(behavior["scaleUp"]),
            down=Rules.of(behavior["scaleDown"]),
        )

    def replicas(self, trace: Trace, until: float, start: int = 0) -> list[tuple[float, int]]:
        """Return (time, replicas) wherever they change, beginning with (0, ``start``)."""
        autoscaler = Autoscaler(max(1, self.minimum), self.maximum, self.up, self.down)
        current, failed, active_at, result = start, 0, 0.0, [(0.0, start)]
        for now in _times(until, self.polling, TICK_SECONDS):
            value = at(trace, now)
            failed = 0 if value is not None else failed + 1
            if value is None and failed > self.failures:
                value = math.ceil(self.per_replica * max(self.fallback, current))
            if now % self.polling == 0 and value is not None:
                if value > self.activation:
                    active_at, current = now, current or max(1, self.minimum)
                elif now - active_at >= self.cooldown:
                    current = self.minimum
            if now % TICK_SECONDS == 0 and value is not None:
                current = autoscaler.step(now, current, lambda was, v=value: for_total(v, self.per_replica, was))  # type: ignore[misc]
            if current != result[-1][1]:
                result.append((now, current))
        return result


def replicas_by_cpu(
    spec: Mapping[str, Any], cores_used: Callable[[float, int], float], cores_each: float, until: float
) -> list[tuple[float, int]]:
    """Return (time, replicas) wherever they change, under a HorizontalPodAutoscaler that looks at CPU.

    ``cores_used(time, replicas)`` is what all workers use together, of ``cores_each`` a worker.
    """
    target = spec["metrics"][0]["resource"]["target"]["averageUtilization"] / 100
    behavior = spec["behavior"]
    autoscaler = Autoscaler(
        spec["minReplicas"], spec["maxReplicas"], Rules.of(behavior["scaleUp"]), Rules.of(behavior["scaleDown"])
    )
    result = [(0.0, autoscaler.minimum)]
    for now in _times(until, TICK_SECONDS):
        current = result[-1][1]
        used = cores_used(now, current) / (cores_each * current)
        after = autoscaler.step(now, current, lambda was, share=used: for_utilisation(share, target, was))  # type: ignore[misc]
        if after != current:
            result.append((now, after))
    return result


def scale_downs(replicas: Sequence[tuple[float, int]]) -> list[float]:
    """Return the times at which there came to be fewer."""
    return [time for (_, before), (time, after) in pairwise(replicas) if after < before]


def _times(until: float, *intervals: float) -> list[float]:
    return sorted({step * every for every in intervals for step in range(int(until // every) + 1)})
