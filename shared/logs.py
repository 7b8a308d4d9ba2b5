"""Log lines of the servers: text for people, or one JSON object a line for the collectors of a cluster.

A JSON line says which experiment and which request it is about, where it is about one: whoever begins such work
sets that in its context, and whatever is called from there need not know.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime
from typing import Literal

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LogFormat = Literal["text", "json"]

EXPERIMENT: ContextVar[str | None] = ContextVar("experiment", default=None)
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)


def of_experiment(experiment_id: str) -> Context:
    """Return a context for work on an experiment, which outlives the request that asked for it."""
    context = copy_context()
    context.run(REQUEST.set, None)
    context.run(EXPERIMENT.set, experiment_id)
    return context


class JsonLines(logging.Formatter):
    """One JSON object a line, with the names that Google Cloud's and most other collectors know.

    `severity` is the level, `time` is UTC, `logger` is the module, `message` is the text, with the traceback if
    any; `experiment` and `request` are ids, where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            message += "\n" + self.formatStack(record.stack_info)
        line = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            "message": message,
        }
        about = {"experiment": EXPERIMENT.get(), "request": REQUEST.get()}
        return json.dumps(line | {name: value for name, value in about.items() if value is not None})


def log_to_stdout(form: LogFormat) -> None:
    """Log to standard output: collectors of containers' logs take all of standard error for errors."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
