"""The processes below a worker, as /proc shows them: its nursery, a warden for each slot, and the slots."""

from __future__ import annotations

from pathlib import Path

from tests.processes import Server


def nursery(server: Server) -> int:
    """Return what a worker's slots are forked from: its only child."""
    (found,) = children(server.process.pid)
    return found


def wardens(server: Server) -> list[int]:
    """Return the wardens of a worker's slots."""
    return children(nursery(server))


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Say whether a process is there, and more than its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def marked(mark: str) -> set[int]:
    """Return every live process with such a variable, "NAME=value", in the environment it was started with."""
    running = {int(folder.name) for folder in Path("/proc").glob("[0-9]*")}
    return {pid for pid in running if _is_marked(pid, mark.encode())}


def started_by(server: Server) -> set[int]:
    """Return every live process whose environment says that it comes from this worker, the worker apart."""
    return marked(f"SEEDCAST_WORKER_PORT={server.port}") - {server.process.pid}


def command(pid: int) -> list[str]:
    """Return the arguments that a process was started with; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False
