"""`python -m seedcast.services.worker.slots.child`: one slot, which computes one thing at a time, and its warden.

The slot talks over the pipes that were its standard input and output, and ends when its input does. Its argument
is the descriptor of the file in which it is told to give a request up.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from seedcast.services.worker.slots.cancellation import Notice
from seedcast.services.worker.slots.channel import PROCESS_ID, Kind, Message, read_message, write_message
from seedcast.services.worker.slots.memory import FreedMemory
from seedcast.services.worker.slots.warden import become_warden
from seedcast.shared.garbage import settle


def main() -> None:
    """Warm up, say so, then answer until the worker goes away."""
    become_warden()
    requests, replies = _take_channel()
    notice = _take_notice(int(sys.argv[1]))
    _offer_to_the_oom_killer()
    gc.disable()  # it would look through all that is imported again and again, a sixth of the time
    # Imported only now: it takes seconds, in which the lines above already have to hold.
    from seedcast.services.worker.slots.answers import ANSWERS, worker_info

    ready = Message(Kind.READY, worker_info().model_dump_json().encode(), head=PROCESS_ID.pack(os.getpid()))
    _die_of_what_kills()
    settle()
    write_message(replies, ready)
    freed = FreedMemory()
    while (message := read_message(requests)) is not None:
        notice.next_request()
        for reply in ANSWERS[message.kind](message, notice.check):
            write_message(replies, reply)
        freed.give_back()


def _take_channel() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for the channel; whatever a library prints goes to standard error."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _take_notice(file: int) -> Notice:
    try:
        return Notice(file)
    finally:
        os.close(file)


def _die_of_what_kills() -> None:
    """Take fatal signals back from libraries that catch them (pygame does), and print where they struck."""
    for fatal in (signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
        signal.signal(fatal, signal.SIG_DFL)
    faulthandler.enable()


def _offer_to_the_oom_killer() -> None:
    """Let the kernel, when memory runs out, end a slot rather than the worker that can replace it."""
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
