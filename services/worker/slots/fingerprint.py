"""What decides the bits of a rollout besides the unit itself: the processor and the libraries."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path

import numpy as np  # noqa: F401 - loads the BLAS whose kernels decide bits
from threadpoolctl import threadpool_info

LIBRARIES = ("numpy", "envpool", "gymnasium", "mujoco", "Box2D")
PYBULLET = ("pybullet", "pybullet-arm64")
"""Packages that bring it: one of them."""


@cache
def cpu_model() -> str:
    """Return the processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@cache
def fingerprint() -> str:
    """Return a short hash, equal on machines that give equal bits."""
    parts = [platform.machine(), cpu_model(), _cpuinfo("flags")]
    parts += [f"{library} {version(library)}" for library in LIBRARIES]
    parts.append(f"pybullet {next(filter(None, map(version, PYBULLET)), '')}")
    parts += _blas_kernels()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _blas_kernels() -> list[str]:
    """Return which kernels numpy's own BLAS has chosen: others come and go with what else a process imports."""
    found = (library for library in threadpool_info() if "numpy" in library["filepath"])
    return sorted(f"{library['prefix']} {library['version']} {library.get('architecture')}" for library in found)


def version(package: str = "seedcast") -> str:
    """Return a package's version, or nothing if it is not installed."""
    try:
        return package_version(package)
    except PackageNotFoundError:
        return ""


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
