"""Writes synchronous.py, the client that waits, from asynchronous.py: `make client`, after any change there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOURCE, TARGET = (Path(__file__).with_name(f"{name}.py") for name in ("asynchronous", "synchronous"))
CHANGES = (
    (r'\A""".*?"""', '"""The client for scripts, notebooks and the command line: made of asynchronous.py."""'),
    (r"\bimport asyncio\b", "import time"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r" +# noqa: ASYNC\d+$", ""),
    (r"\(await ([^\n]*)\)(\.\w+)$", r"\1\2"),
    (r"\bawait ", ""),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\.a(close|read|iter_\w+)\(", r".\1("),
    (r"\bAsync(Client|Iterator)\b", r"\1"),
)
"""Pattern and replacement, one after the other."""


def mirrored(text: str) -> str:
    """Return the client that waits, formatted as all code is.

    Raises:
        CalledProcessError: what comes out is no Python.
    """
    for pattern, replacement in CHANGES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    TARGET.write_text(mirrored(SOURCE.read_text()))
