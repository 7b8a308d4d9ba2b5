"""`python -m benchmarks.strategies [--dimensions 2804,100000] [--quick]`: what a generation costs the master.

ask + encode (every member into the frames that workers get) + tell, in ms a generation, and the peak memory of
the process, a checkpoint included; for each registered strategy, next to pycma's own loop and a dense numpy PEPG.
Each case has a process of its own, with one BLAS thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks.strategy_cases import CASES, PROBLEMS, Cost, measure

QUICK_SECONDS = 1.0
SECONDS = 10.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", default=",".join(map(str, PROBLEMS)), help="comma-separated")
    parser.add_argument("--population", type=int, help="instead of what goes with each dimension")
    parser.add_argument("--only", default="", help="names of cases, comma-separated")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s a case, not {SECONDS:g} s")
    parser.add_argument("--timeout", type=float, default=300.0, help="a case that takes more seconds is given up")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seconds = QUICK_SECONDS if chosen.quick else SECONDS
    dimensions = [int(dimension) for dimension in chosen.dimensions.split(",")]
    if chosen.case:
        print(measure(CASES[chosen.case], dimensions[0], chosen.population, seconds).to_json())
        return
    only = chosen.only.split(",") if chosen.only else list(CASES)
    for dimension in dimensions:
        members = chosen.population or PROBLEMS.get(dimension, 256)
        print(f"\nd = {dimension:,}, n = {members:,}", flush=True)
        print(f"{'':24}{'ask':>10}{'encode':>10}{'tell':>10}{'total':>10} ms{'peak':>9} MiB")
        for name in only:
            print(f"{name:24}{_line(name, dimension, members, chosen.quick, chosen.timeout)}", flush=True)


def _line(name: str, dimension: int, members: int, quick: bool, timeout: float) -> str:
    if reason := CASES[name].refuse(dimension, members):
        return f"  {reason}"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.strategies", "--case", name]
    command += ["--dimensions", str(dimension), "--population", str(members)] + ["--quick"] * quick
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=os.environ | one_thread, timeout=timeout, capture_output=True, text=True, check=True
        )
    except subprocess.TimeoutExpired:
        return f"  over {timeout:g} s"
    except subprocess.CalledProcessError as error:
        return f"  failed: {error.stderr.strip().splitlines()[-1:]}"
    cost = Cost.from_json(done.stdout)
    times = "".join(f"{1000 * part:10.1f}" for part in (cost.ask, cost.encode, cost.tell, cost.total))
    return f"{times}   {cost.peak_bytes / 2**20:9.0f}"


if __name__ == "__main__":
    main()
