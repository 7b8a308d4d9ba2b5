"""The rollout engine: usable in any process, without a worker around it."""

from seedcast.services.worker.engine.rollout import run_unit

__all__ = ["run_unit"]
