"""Commands on experiments of a running master."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, ExperimentId, Overrides, Url, connect, resolve
from cli.output import clock, print_json, print_table
from cli.overrides import load_spec
from cli.watch import watch_to_the_end
from seedcast import Client
from services.master.experiments.schemas import Experiment

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Experiments' ids; `last` is the newest one.")]
Specs = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]
Wait = Annotated[bool, typer.Option("--watch", "-w", help="Show its progress until it has ended.")]
HEADINGS = ("id", "status", "environment", "strategy", "generation", "best test", "steps", "time")


def submit(
    files: Specs, overrides: Overrides = None, watch: Wait = False, url: Url = None, json: AsJson = False
) -> None:
    """Start experiments on a running master; print their ids."""
    specs = [load_spec(file, overrides) for file in files]  # all are right before one is started
    with connect(url) as client:
        begun = [client.submit(spec) for spec in specs]
        if json:
            print_json(begun)
        elif not watch:
            typer.echo("\n".join(one.id for one in begun))
        if watch:
            raise typer.Exit(max(watch_to_the_end(client, one) for one in begun))


def list_experiments(
    status: Annotated[list[str] | None, typer.Option(help="Only those with this status.")] = None,
    name: Annotated[str, typer.Option(help="Only those whose id contains this.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """List experiments, newest first."""
    with connect(url) as client:
        found = [one for one in client.experiments() if name in one.id and (not status or one.status in status)]
    if json:
        print_json(found[:limit])
        return
    print_table(HEADINGS, [_row(one) for one in found[:limit]])
    if len(found) > limit:
        typer.echo(f"{len(found) - limit} more: --limit {len(found)}")


def show(experiment_id: ExperimentId, url: Url = None, json: AsJson = False) -> None:
    """Show one experiment."""
    with connect(url) as client:
        one = client.experiment(resolve(client, experiment_id))
        if json:
            print_json(one)
            return
        tests = client.tests(one.id)
    typer.echo(f"{one.id}: {one.status}{f' ({one.reason})' if one.reason else ''}")
    rows = [
        ("environment", one.spec.environment.id),
        (
            "policy",
            f"{one.spec.policy.name}, {one.dimension:,} parameters" if one.dimension else one.spec.policy.name,
        ),
        ("strategy", f"{one.spec.strategy.name}, population {one.spec.population_size}"),
        ("generation", f"{one.generation:,} of {one.spec.stop.generations:,}"),
        ("env-steps", one.environment_steps),
        ("training", clock(one.elapsed_seconds)),
        (
            "best test",
            f"{one.best_test_return:.1f}, generation {one.best_generation}" if one.best_generation else "-",
        ),
        ("last test", f"{tests[-1].returns.mean:.1f} ± {tests[-1].returns.std:.1f}" if tests else "-"),
        ("target", one.spec.stop.test_return),
        ("submitted", f"{one.created_at:%Y-%m-%d %H:%M:%S}"),
        ("tags", ", ".join(f"{key}={value}" for key, value in one.spec.tags.items())),
        ("dashboard", f"{client.url}/dashboard/{one.id}"),
    ]
    print_table(("", ""), rows)


def watch(experiment_id: ExperimentId, url: Url = None) -> None:
    """Show an experiment's progress until it has ended; Ctrl-C leaves it running."""
    with connect(url) as client:
        raise typer.Exit(watch_to_the_end(client, client.experiment(resolve(client, experiment_id))))


def stop(ids: Ids, url: Url = None, json: AsJson = False) -> None:
    """Stop experiments as of their last committed generation."""
    with connect(url) as client:
        _report([client.stop(resolve(client, one)) for one in ids], json)


def pause(ids: Ids, url: Url = None, json: AsJson = False) -> None:
    """Pause experiments as of their last committed generation, until they are resumed."""
    with connect(url) as client:
        _report([client.pause(resolve(client, one)) for one in ids], json)


def resume(ids: Ids, url: Url = None, json: AsJson = False) -> None:
    """Go on with paused, stopped or failed experiments."""
    with connect(url) as client:
        _report([client.resume(resolve(client, one)) for one in ids], json)


def delete(
    ids: Ids,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also those that are running; asks nothing.")
    ] = False,
    url: Url = None,
) -> None:
    """Delete experiments and all their files."""
    with connect(url) as client:
        chosen = [resolve(client, one) for one in ids]
        if not force and sys.stdin.isatty():
            typer.confirm(f"delete {', '.join(chosen)} and all their files?", abort=True)
        for one in chosen:
            client.delete(one, force=force)
            typer.echo(f"{one}: deleted")


def compare(ids: Ids, url: Url = None, json: AsJson = False) -> None:
    """Set experiments side by side, the best test first."""
    with connect(url) as client:
        found = [client.experiment(resolve(client, one)) for one in ids]
    found.sort(
        key=lambda one: -float("inf") if one.best_test_return is None else one.best_test_return, reverse=True
    )
    if json:
        print_json(found)
        return
    print_table(
        (*HEADINGS, "seed", "population"), [(*_row(one), one.spec.seed, one.spec.population_size) for one in found]
    )


def log(
    experiment_id: ExperimentId,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="So many of the last ones.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until it has ended.")
    ] = False,
    url: Url = None,
) -> None:
    """Print the last generations of an experiment, a line each."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        last = max(0, client.experiment(chosen).generation - lines)
        while True:
            active = client.experiment(chosen).status.active
            last = _print_generations(client, chosen, last)
            if not (follow and active):
                return
            time.sleep(1)


def download(
    experiment_id: ExperimentId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: best_model.npz.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", "-d", help="The folder to save them in.")] = Path(),
    everything: Annotated[bool, typer.Option("--all", help="Every file that there is.")] = False,
    url: Url = None,
) -> None:
    """Save an experiment's files, as they are now."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        wanted = [one.name for one in client.artifacts(chosen)] if everything else names or ["best_model.npz"]
        into.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            typer.echo(client.download(chosen, name, into / Path(name).name))


def open_dashboard(
    experiment_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None, url: Url = None
) -> None:
    """Open the dashboard in a browser; print its address where there is none."""
    with connect(url) as client:
        page = f"/dashboard/{client.experiment(resolve(client, experiment_id)).id}" if experiment_id else "/"
        address = client.url + page
    typer.echo(address)
    if sys.stdout.isatty():
        typer.launch(address)


def _print_generations(client: Client, experiment_id: str, after: int) -> int:
    for row in client.generations(experiment_id, after):
        typer.echo(
            f"generation {row.generation}  return mean {row.returns.mean:.2f} max {row.returns.maximum:.2f}  "
            f"length {row.mean_length:.0f}  steps {row.environment_steps}  seconds {row.elapsed_seconds:.1f}"
        )
        after = row.generation
    return after


def _report(experiments: list[Experiment], json: bool) -> None:
    if json:
        print_json(experiments)
    else:
        for one in experiments:
            typer.echo(f"{one.id}: {one.status}")


def _row(one: Experiment) -> tuple[object, ...]:
    return (
        one.id,
        one.status.value,
        one.spec.environment.id,
        one.spec.strategy.name,
        f"{one.generation:,}/{one.spec.stop.generations:,}",
        one.best_test_return,
        one.environment_steps,
        clock(one.elapsed_seconds),
    )
