"""One slot, which computes one thing at a time, and its warden.

The slot talks to the worker over a socket, its channel, and ends when that does.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
from pathlib import Path

from seedcast.services.worker.slots.cancellation import Notice
from seedcast.services.worker.slots.channel import BIRTH, Kind, Message, read_message, write_message
from seedcast.services.worker.slots.memory import FreedMemory, resident_bytes
from seedcast.services.worker.slots.warden import become_warden
from seedcast.shared.garbage import settle


def be_a_slot(channel: int, lifeline: int, notice_file: int) -> None:
    """Warm up, say so, then answer until the worker goes away. The descriptors become this function's."""
    become_warden(lifeline)
    shared = resident_bytes(os.getpid())
    requests, replies = os.fdopen(channel, "rb"), os.fdopen(os.dup(channel), "wb")
    notice = _take_notice(notice_file)
    _offer_to_the_oom_killer()
    importlib.invalidate_caches()  # what has been installed since this process was started is found, too
    # Imported only now: where nothing is imported beforehand, it takes seconds, and the lines above have to hold.
    from seedcast.services.worker.slots.answers import ANSWERS, worker_info

    _draw_anew()
    ready = Message(Kind.READY, worker_info().model_dump_json().encode(), head=BIRTH.pack(os.getpid(), shared))
    _die_of_what_kills()
    settle()
    write_message(replies, ready)
    freed = FreedMemory()
    while (message := read_message(requests)) is not None:
        notice.next_request()
        for reply in ANSWERS[message.kind](message, notice.check):
            write_message(replies, reply)
        freed.give_back()


def _take_notice(file: int) -> Notice:
    try:
        return Notice(file)
    finally:
        os.close(file)


def _draw_anew() -> None:
    """Have numpy's global generator begin anywhere, as Python's does after a fork: slots are not to draw alike."""
    import numpy as np  # late, as above

    np.random.seed()


def _die_of_what_kills() -> None:
    """Take fatal signals back from libraries that catch them (pygame does), and print where they struck."""
    for fatal in (signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
        signal.signal(fatal, signal.SIG_DFL)
    faulthandler.enable()


def _offer_to_the_oom_killer() -> None:
    """Let the kernel, when memory runs out, end a slot rather than the worker that can replace it."""
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")
