"""A real master on a disk that is really full: it waits, its API lives, and it goes on when there is room."""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, digests, eventually, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

SPEC = cartpole_values() | {"test": {"every": 4, "episodes": 4}, "stop": {"generations": 1_000_000}}
DISK_BYTES = 24 * 2**20


@contextmanager
def file_size_limit(server: Server, folder: Path) -> Iterator[None]:
    """Let no write of the master succeed: its files may not grow beyond a byte."""
    assert folder
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def full_file_system(server: Server, folder: Path) -> Iterator[None]:
    """Fill the file system of the data folder to the last byte."""
    assert server
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 1):
            _write_until_full(file, size)
    yield
    ballast.unlink()


def _write_until_full(file: RawIOBase, size: int) -> None:
    try:
        while file.write(bytes(size)):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def small_file_system(folder: Path) -> Iterator[None]:
    """Mount a small file system in memory, where that is allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


Full = Callable[[Server, Path], AbstractContextManager[None]]


@pytest.mark.parametrize("full", [file_size_limit, full_file_system])
def test_a_full_disk_holds_an_experiment_up_and_nothing_else(full: Full, tmp_path: Path) -> None:
    with ExitStack() as stack:
        data = tmp_path / "data"
        if full is full_file_system:
            stack.enter_context(small_file_system(data))
        server = stack.enter_context(master(tmp_path, [stack.enter_context(worker(tmp_path)).url]))
        experiment_id = submit(server, SPEC)
        wait_for_generation(server, experiment_id, 2)

        def blocked() -> dict[str, Any] | None:
            experiment: dict[str, Any] = server.http.get(f"/experiments/{experiment_id}").json()
            return experiment if experiment["status"] == "blocked" else None

        with full(server, data):
            experiment = eventually(blocked)
            assert experiment["reason"].startswith("storage: ")
            refused = server.http.post("/experiments", json=SPEC)
            assert (refused.status_code, refused.json()["title"]) == (507, "Storage failed")
            assert len(server.http.get("/experiments").json()["experiments"]) == 1
            for path in ("/livez", "/readyz", "/metrics", f"/experiments/{experiment_id}/history", "/"):
                assert server.http.get(path).status_code == 200, path
        wait_for_generation(server, experiment_id, experiment["generation"] + 5)
        assert server.http.post(f"/experiments/{experiment_id}/stop").is_success
        history = digests(server, experiment_id)
        undisturbed = submit(server, SPEC | {"stop": {"generations": len(history)}})
        assert wait_for_end(server, undisturbed)["status"] == "completed"
        assert digests(server, undisturbed) == history
