"""What Python's garbage collector need not look at."""

from __future__ import annotations

import gc


def settle() -> None:
    """Have the garbage collector, on from here, pass over what is here for good: all that is imported and built.

    It is some hundred thousand objects. To look at them takes a twelfth of a second of a core, while all else of
    the process stands still, and comes again and again.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
