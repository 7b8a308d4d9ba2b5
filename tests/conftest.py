"""For all tests."""

from __future__ import annotations

import os
import sys

# Some environments turn it on. The suite starts hundreds of processes, which would each compile the same files.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
