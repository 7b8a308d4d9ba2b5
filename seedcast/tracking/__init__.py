"""An experiment's figures in TensorBoard, MLflow, Trackio or Weights & Biases, while it runs or afterwards.

::

    from seedcast import Client
    from seedcast.tracking import TensorBoard, follow

    with Client() as client:
        follow(client, experiment_id, TensorBoard("runs/tensorboard"))

A `Sink` is told what the master's events tell; it runs where you start it, and training never waits for it.
`seedcast track` is the same as a command. Each sink needs its own library: an extra of the same name.
"""

from __future__ import annotations

from seedcast.tracking.follow import Sink, follow
from seedcast.tracking.mlflow import MLflow
from seedcast.tracking.runs import Runs
from seedcast.tracking.tensorboard import TensorBoard

__all__ = ["MLflow", "Runs", "Sink", "TensorBoard", "follow"]
