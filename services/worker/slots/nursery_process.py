"""`python -m seedcast.services.worker.slots.nursery_process REQUESTS WORKER`: forks slots; see `nursery`.

REQUESTS is the descriptor of a socket over which each request comes: the descriptors that the new slot is given.
WORKER is the process id of the worker.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress

from seedcast.services.worker.slots.child import be_a_slot
from seedcast.services.worker.slots.kernel import be_called, die_with_parent, threads
from seedcast.services.worker.slots.warden import LEFT_TO_THE_WORKER

log = logging.getLogger(__name__)
COLD = "--cold"
"""Import nothing beforehand: each slot does."""


def main() -> None:
    """Warm up, then go on as a slot in each fork, until the worker goes away."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    be_called("slot-nursery")
    signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_WORKER)
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    gc.disable()  # it would look through all that is imported again and again, a sixth of the time
    if sys.platform == "linux" and COLD not in sys.argv:  # a Mac's frameworks do not bear to be forked
        _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a warden has ended: the kernel buries it
    if (descriptors := _be_asked(requests)) is not None:
        be_a_slot(*descriptors)


def _be_asked(requests: socket.socket) -> list[int] | None:
    """Return, in a fork, the descriptors that it is given; None, in this process, when nobody can ask any more."""
    with requests:
        while True:
            request, descriptors, _, _ = socket.recv_fds(requests, 1, 3)
            if not request:
                return None
            if not os.fork():
                for descriptor in descriptors:
                    os.set_inheritable(descriptor, False)
                return descriptors
            for descriptor in descriptors:
                os.close(descriptor)


def _warm_up() -> None:
    """Import what every slot needs, in pages that its forks share as long as they only look at them."""
    with suppress(Exception, SystemExit):  # the slot runs into it, too, and is the one that is asked why
        from seedcast.services.worker.slots import answers

        answers.import_own()
    if threads() > 1:  # a fork has only the one that forks, and the locks of all
        log.warning("what slots import starts threads here, so each slot imports it for itself")
        os.execv(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:], COLD])  # noqa: S606
    gc.collect()
    gc.freeze()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    ctypes.CDLL(None).fflush(None)  # what C has not written yet, each fork would


if __name__ == "__main__":
    main()
