"""`seedcast study`: one specification, varied and over seeds, on a running master."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seedcast import Client
from seedcast.cli.options import AsJson, Url, connect
from seedcast.cli.output import print_json, print_table, print_values, shown
from seedcast.errors import NotFound
from seedcast.services.master.studies.plan import RunState
from seedcast.services.master.studies.schemas import Study, StudyReport, StudyStatus
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.study import read_study

app = typer.Typer(help="Studies: one specification, varied along axes and over seeds.", no_args_is_help=True)
StudyId = Annotated[str, typer.Argument(metavar="ID", help="A study's id; `last` is the newest one.")]
LOOK_SECONDS = 2.0


@app.command("start")
def start(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study's specification, YAML or JSON.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show how far it is until it has ended.")] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Start a study; print its id."""
    with connect(url) as client:
        study = client.submit_study(file)
        if json and not watch:
            print_json(study)
        else:
            typer.echo(study.id, err=json)
        if watch:
            _print(_watched(client, study), json)


@app.command("list")
def list_studies(url: Url = None, json: AsJson = False) -> None:
    """List studies, newest first."""
    with connect(url) as client:
        found = client.studies()
    if json:
        print_json(found)
        return
    rows = [(one.id, one.status, f"{one.runs} of {one.most_runs}", f"{one.core_hours:.2f}") for one in found]
    print_table(("id", "status", "runs", "core-hours"), rows)


@app.command("show")
def show(study_id: StudyId, url: Url = None, json: AsJson = False) -> None:
    """Show a study: its trials, the best first, with 95% intervals over their seeds."""
    with connect(url) as client:
        _print(client.study(_resolve(client, study_id)), json)


@app.command("stop")
def stop(study_id: StudyId, url: Url = None, json: AsJson = False) -> None:
    """Stop a study and those of its runs that have not ended."""
    with connect(url) as client:
        study = client.stop_study(_resolve(client, study_id))
    if json:
        print_json(study)
    else:
        typer.echo(f"{study.id}: {study.status}")


@app.command("tune")
def tune(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study's specification with `axes` and `draws`.")],
    storage: Annotated[
        str | None,
        typer.Option(help="Where Optuna keeps the trials, such as sqlite:///tuning.db, to go on after a break."),
    ] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Have Optuna choose each trial's values by the scores of those before, until `draws` have run."""
    try:
        from seedcast.tuning import Tried, tune
    except ModuleNotFoundError:
        raise InvalidInput.of("tune", "needs Optuna: pip install 'seedcast[optuna]'") from None

    def said(one: Tried) -> None:
        typer.echo(f"trial {one.number}: {_values(one.values)}: {shown(one.score)}", err=True)

    spec = read_study(file)
    with connect(url) as client:
        tried = tune(client, spec, storage=storage, say=said)
    if json:
        print_values([asdict(one) for one in tried])
        return
    print_table(
        ("trial", "values", "score"), [(one.number, _values(one.values), shown(one.score)) for one in tried]
    )


def _resolve(client: Client, study_id: str) -> str:
    if study_id != "last":
        return study_id
    if not (newest := client.studies()):
        raise NotFound("there are no studies yet")
    return newest[0].id


def _watched(client: Client, study: Study) -> StudyReport:
    said = ""
    while True:
        report = client.study(study.id)
        states = [run.state for trial in report.trials for run in trial.runs]
        text = f"{len(states)} of {report.study.most_runs} runs begun, {states.count(RunState.ACTIVE)} active"
        if text != said:
            typer.echo(text, err=True)
            said = text
        if report.study.status is not StudyStatus.ACTIVE:
            return report
        time.sleep(LOOK_SECONDS)


def _print(report: StudyReport, json: bool) -> None:
    if json:
        print_json(report)
        return
    study = report.study
    reason = f" ({study.reason})" if study.reason else ""
    typer.echo(f"{study.id}: {study.status}{reason}, {study.core_hours:.2f} core-hours")
    rows = []
    for trial in report.trials:
        score = trial.score
        interval = f"{shown(score.low)} to {shown(score.high)}" if score and score.low is not None else None
        values = _values(trial.values) or "as specified"
        states = [run.state for run in trial.runs]
        failed = f", {states.count(RunState.FAILED)} failed" if RunState.FAILED in states else ""
        steps = max((run.environment_steps for run in trial.runs), default=0)
        rows.append((trial.trial, values, score and score.mean, interval, f"{len(states)}{failed}", steps))
    print_table(("trial", "values", "mean", "95% interval", "runs", "env-steps"), rows)
    if study.spec.runs_compete:
        _print_runs(report)
    first = report.trials[0].trial if report.trials else None
    for one in report.comparisons:
        if one.first == first and len(report.trials) > 1:
            chance = f"{one.probability_of_improvement:.0%} likely to beat {one.second}"
            typer.echo(f"trial {one.first} is {chance} (p = {one.adjusted:.3g}, adjusted)")


def _print_runs(report: StudyReport) -> None:
    rows = [
        (run.experiment_id, trial.trial, run.seed, run.state, run.last_score, run.environment_steps)
        for trial in report.trials
        for run in trial.runs  # who went on stands first
    ]
    print_table(("experiment", "trial", "seed", "state", "last test", "env-steps"), rows)


def _values(values: Mapping[str, object]) -> str:
    return ", ".join(f"{field}={value}" for field, value in values.items())
