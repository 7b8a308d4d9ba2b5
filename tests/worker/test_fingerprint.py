"""What tells machines apart."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seedcast.services.worker.slots.fingerprint import fingerprint

CODE = "from seedcast.services.worker.slots.fingerprint import fingerprint; print(fingerprint())"


def told(before: str = "", **environment: str) -> str:
    """Return the fingerprint of a process of its own, which runs some code before."""
    environment = os.environ | environment
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{CODE}"], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_equal_processes_have_equal_fingerprints_whatever_else_they_import() -> None:
    assert told() == told("import scipy.linalg") == fingerprint()


@pytest.mark.skipif("x86" not in os.uname().machine, reason="the names of its kernels are x86's")
def test_another_kernel_of_the_same_blas_is_another_fingerprint() -> None:
    assert told(OPENBLAS_CORETYPE="Haswell") != told(OPENBLAS_CORETYPE="Sandybridge")
