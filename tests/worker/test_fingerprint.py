"""What tells machines apart."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from services.worker.slots.fingerprint import fingerprint

CODE = "from services.worker.slots.fingerprint import fingerprint; print(fingerprint())"


def told(**environment: str) -> str:
    """Return the fingerprint of a process of its own."""
    environment = os.environ | environment
    return subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_equal_processes_have_equal_fingerprints() -> None:
    assert told() == told() == fingerprint()


@pytest.mark.skipif("x86" not in os.uname().machine, reason="the names of its kernels are x86's")
def test_another_kernel_of_the_same_blas_is_another_fingerprint() -> None:
    assert told(OPENBLAS_CORETYPE="Haswell") != told(OPENBLAS_CORETYPE="Sandybridge")
