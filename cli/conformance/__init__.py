"""Whether a worker, in whatever language, keeps the protocol of docs/worker-protocol.md: a clause is a test.

`clauses` has them in order; `worker_under_test` talks to the worker. A clause returns what it saw, in some words;
it raises `Broken` where the worker breaks it, `NotAsked` where the worker says that it does not offer the thing.
"""

from seedcast.cli.conformance.clauses import CLAUSES, Clause
from seedcast.cli.conformance.worker_under_test import Broken, NotAsked, WorkerUnderTest

__all__ = ["CLAUSES", "Broken", "Clause", "NotAsked", "WorkerUnderTest"]
