"""A lane's bits in a product with a shared matrix do not depend on its company, by any of OpenBLAS' kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from seedcast.shared.policies.weights import shared_product

LANES = 70
SHAPES = ((17, 256), (256, 256), (512, 512), (990, 990), (5, 3001))
"""Those that go through in small blocks and in large ones."""
KERNELS = {"Haswell": "avx2", "Sandybridge": "avx", "Nehalem": "sse4_2", "Prescott": "sse2"}
"""OpenBLAS' cores, and what a processor needs to run their kernels. Zen's are Haswell's."""


def lanes_that_differ() -> int:
    """Count the batches in which a lane has other bits than alone."""
    random, differing = np.random.default_rng(0), 0
    for inputs, outputs in SHAPES:
        matrix = random.standard_normal((inputs, outputs), dtype=np.float32)
        values = random.standard_normal((LANES, 1, inputs), dtype=np.float32)
        alone = np.concatenate([shared_product(values[lane : lane + 1], matrix) for lane in range(LANES)])
        for count in (2, 7, 8, 9, 15, 16, 17, 33, 64, LANES):
            group = random.permutation(LANES)[:count]
            differing += not np.array_equal(shared_product(values[group], matrix), alone[group])
    return differing


def test_a_lane_has_the_same_bits_in_any_batch_here() -> None:
    with threadpool_limits(limits=1):
        assert lanes_that_differ() == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_lane_has_the_same_bits_in_any_batch_on_other_processors(kernel: str) -> None:
    information = Path("/proc/cpuinfo")
    flags = information.read_text().split() if information.exists() else []
    if KERNELS[kernel] not in flags or not any(one["internal_api"] == "openblas" for one in threadpool_info()):
        pytest.skip("neither this processor nor its BLAS has them")
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}
    command = "from tests.shared.test_shared_product import lanes_that_differ; print(lanes_that_differ())"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True, env=environment, timeout=120
    )
    assert int(done.stdout) == 0
