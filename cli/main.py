"""The `seedcast` command.

Exit codes: 0 done; 1 an experiment failed or was stopped; 2 what was asked for is wrong, or refused; 3 the master
does not answer; 70 a fault of Seedcast's own; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from seedcast.cli import (
    check,
    check_worker,
    fleet,
    lifecycle,
    models,
    plugins,
    records,
    replay,
    serve,
    specs,
    strategies,
    studies,
    track,
    train,
    views,
)
from seedcast.errors import MasterUnreachable
from seedcast.shared.errors import InvalidInput, SeedcastError

app = typer.Typer(
    name="seedcast",
    help="Evolution strategies at scale.",
    epilog="Exit codes: 0 done; 1 an experiment failed or was stopped; 2 wrong or refused; 3 no master answers; "
    "70 a fault of Seedcast's; 130 Ctrl-C. SEEDCAST_URL and SEEDCAST_TOKEN name the master and its token.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
UsageError: type = typer.BadParameter.__mro__[1]
"""What all wrong calls are; typer has no public name for it."""
HERE, MASTER, FILES = "On this machine", "On a running master", "Without a master"
app.command("train", rich_help_panel=HERE)(train.train)
app.command("serve", rich_help_panel=HERE)(serve.serve)
app.command("submit", rich_help_panel=MASTER)(lifecycle.submit)
app.command("list", rich_help_panel=MASTER)(views.list_experiments)
app.command("show", rich_help_panel=MASTER)(views.show)
app.command("watch", rich_help_panel=MASTER)(records.watch)
app.command("pause", rich_help_panel=MASTER)(lifecycle.pause)
app.command("resume", rich_help_panel=MASTER)(lifecycle.resume)
app.command("stop", rich_help_panel=MASTER)(lifecycle.stop)
app.command("clone", rich_help_panel=MASTER)(lifecycle.clone)
app.command("edit", rich_help_panel=MASTER)(lifecycle.edit)
app.command("delete", rich_help_panel=MASTER)(lifecycle.delete)
app.command("log", rich_help_panel=MASTER)(records.log)
app.command("download", rich_help_panel=MASTER)(records.download)
app.command("compare", rich_help_panel=MASTER)(views.compare)
app.command("track", rich_help_panel=MASTER)(track.track)
app.command("open", rich_help_panel=MASTER)(records.open_dashboard)
app.add_typer(studies.app, name="study", rich_help_panel=MASTER)
app.command("workers", rich_help_panel=MASTER)(fleet.workers)
app.command("environments", rich_help_panel=MASTER)(fleet.environments)
app.command("evaluate", rich_help_panel=FILES)(models.evaluate)
app.command("video", rich_help_panel=FILES)(models.video)
app.command("export", rich_help_panel=FILES)(models.export)
app.command("import", rich_help_panel=FILES)(models.import_model)
app.command("test", rich_help_panel=FILES)(replay.replay)
app.command("validate", rich_help_panel=FILES)(specs.validate)
app.command("schema", rich_help_panel=FILES)(specs.schema)
app.add_typer(check.app, name="check", rich_help_panel=FILES)
app.command("check-worker", rich_help_panel=FILES)(check_worker.check_worker)
app.command("plugins", rich_help_panel=FILES)(plugins.plugins)
app.command("strategies", rich_help_panel=FILES)(strategies.strategies)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seedcast {version('seedcast')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Evolution strategies at scale."""


def main() -> None:
    """Run the command; what is wrong is said in one line, never as a traceback."""
    try:
        code = app(prog_name="seedcast", standalone_mode=False)
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):  # `seedcast list | head`
            raise
        code = 0
    except (Exception, KeyboardInterrupt) as error:
        code = _failed(error)
    raise SystemExit(code if isinstance(code, int) else 0)


def _failed(error: BaseException) -> int:
    """Say what has gone wrong, and return the exit code."""
    if isinstance(error, UsageError):
        return _misused(error)
    match error:
        case KeyboardInterrupt():
            return 130
        case typer.Abort():
            _complain("nothing is done")
            return 1
        case InvalidInput():
            _complain(*error.errors)
            return 2
        case SeedcastError():
            _complain(error)
            return 3 if isinstance(error, MasterUnreachable) else 2
        case BrokenPipeError():  # found out at the end of the output
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case OSError():
            _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
            return 2
    if os.environ.get("SEEDCAST_DEBUG"):
        raise error
    _complain(f"a fault of Seedcast's own: {type(error).__name__}: {error} (SEEDCAST_DEBUG=1 shows where)")
    return 70


def _misused(error: Any) -> int:  # noqa: ANN401 - typer has no name for its class
    """Say what is wrong with a call; a group that is called alone has shown its help already."""
    if message := error.format_message():
        _complain(f"{message.rstrip('.')}; `{error.ctx.command_path} --help` says more")
    return 2


def _complain(*problems: object) -> None:
    for problem in problems:
        print(f"seedcast: {' '.join(str(problem).split())}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
