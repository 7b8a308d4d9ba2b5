from seedcast.services.worker.objectives.evaluate import evaluate_unit

__all__ = ["evaluate_unit"]
