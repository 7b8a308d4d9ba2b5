"""A folder as the Hugging Face Hub shows models of reinforcement learning.

``README.md`` (a model card with ``model-index``), ``model.safetensors``, ``model.npz``, ``results.json``,
``hyperparameters.json``, and ``replay.mp4`` where a film could be made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import yaml

from seedcast.interchange.tensors import write_safetensors
from seedcast.shared.model import Model

USE = """```python
from seedcast import Model

model = Model.load("model.safetensors")
action = model.act(observation)
```"""


def write_folder(model: Model, folder: Path, returns: Sequence[float]) -> None:
    """Write a folder for a model whose plain returns were ``returns``; the film is not made here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.npz").write_bytes(model.to_bytes())
    write_safetensors(model, folder / "model.safetensors")
    mean, std = float(np.mean(returns)), float(np.std(returns))
    environment = model.metadata.task_id
    results = {
        "env_id": environment,
        "mean_reward": mean,
        "std_reward": std,
        "n_eval_episodes": len(returns),
        "is_deterministic": True,
        "eval_datetime": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    hyperparameters = model.metadata.model_dump(mode="json")
    (folder / "hyperparameters.json").write_text(json.dumps(hyperparameters, indent=2) + "\n")
    (folder / "README.md").write_text(_card(model, mean, std, len(returns)))


def _card(model: Model, mean: float, std: float, episodes: int) -> str:
    metadata = model.metadata
    environment, policy = metadata.task_id, metadata.rollouts.policy.name
    metric = {
        "type": "mean_reward",
        "value": f"{mean:.2f} +/- {std:.2f}",
        "name": "mean_reward",
        "verified": False,
    }
    header = {
        "library_name": "seedcast",
        "tags": [environment, "reinforcement-learning", "evolution-strategies", "seedcast"],
        "model-index": [
            {
                "name": policy,
                "results": [
                    {
                        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
                        "dataset": {"name": environment, "type": environment},
                        "metrics": [metric],
                    }
                ],
            }
        ],
    }
    text = f"""# {environment}, trained by Seedcast

A policy of the kind `{policy}` with {len(model.parameters):,} parameters, after {metadata.generation:,}
generations and {metadata.environment_steps:,} environment steps.

Mean return **{mean:.2f} ± {std:.2f}** over {episodes} episodes.

{USE}
"""
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n{text}"
