"""The process that writes derived files: one JSON request a line in, one JSON answer a line out.

It has its own interpreter, a connection that only reads and a niceness that it is given, so that neither a plot of
two seconds nor a history of 100,000 rows can hold up training. It ends when its input does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from seedcast.services.master.derived.files import PLOTS, TEXTS, TextFiles, write_plots
from seedcast.services.master.storage.failures import storage_errors
from seedcast.shared.errors import StorageFailed


def main(database: Path, niceness: int) -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the master, which then closes our input
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(niceness)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)
    connection.row_factory = sqlite3.Row
    texts = TextFiles()
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    for line in sys.stdin:
        answer = {"failed": _serve(connection, texts, json.loads(line))}
        try:
            os.write(answers, json.dumps(answer).encode() + b"\n")
        except BrokenPipeError:  # the master was killed meanwhile; the next one has the files written anew
            break


def _serve(connection: sqlite3.Connection, texts: TextFiles, request: dict[str, Any]) -> str | None:
    """Do what is asked; return what went wrong, None if nothing did."""
    experiment_id, folder = request["experiment"], Path(request["folder"])
    try:
        with storage_errors("the database"):
            connection.execute("BEGIN")
            try:
                names = frozenset[str](request["files"])
                texts.write(connection, experiment_id, folder, names & TEXTS, exact=request["exact"])
                if names & PLOTS:
                    write_plots(connection, experiment_id, folder)
            finally:
                connection.rollback()
    except StorageFailed as error:
        return str(error)
    except Exception as error:  # one experiment's strange record must not end the process
        logging.exception("the files of %s", experiment_id)
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
