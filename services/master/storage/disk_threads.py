"""Threads of their own for what waits for the disk.

A write that is to be durable waits 10 to 30 ms, and much longer where others write, too. In the threads that
requests and strategies share, of which there are few, a hundred experiments' writes would keep all others waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = ThreadPoolExecutor(16, thread_name_prefix="disk")


async def in_disk_thread(call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do something that waits for the disk, as `asyncio.to_thread` would."""
    work = partial(contextvars.copy_context().run, call, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
