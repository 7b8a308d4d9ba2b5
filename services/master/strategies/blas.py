"""Products by BLAS whose bits are the same on every run."""

from __future__ import annotations

from threadpoolctl import threadpool_limits


def use_one_blas_thread() -> None:
    """Compute every product on one thread, since its bits depend on how many share it.

    The limit is the whole process's and stays: one experiment lifting it would change the bits of another that is
    still computing.
    """
    threadpool_limits(limits=1, user_api="blas")
