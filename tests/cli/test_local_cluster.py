"""The processes that `seedcast train` and `seedcast serve` start."""

from __future__ import annotations

import os
from pathlib import Path

from seedcast.cli.local_cluster import LocalCluster


def test_processes_have_groups_of_their_own_in_the_session_of_whoever_started_them(tmp_path: Path) -> None:
    """So Ctrl-C does not reach them, and Linux shares out the cores among all of their threads."""
    with LocalCluster(tmp_path / "logs") as cluster:
        cluster.start_workers(2)
        assert [os.getpgid(pid) for pid in cluster.worker_pids] == cluster.worker_pids
        assert {os.getsid(pid) for pid in cluster.worker_pids} == {os.getsid(0)}
