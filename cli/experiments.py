"""Commands on experiments of a running master."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seedcast.cli.options import AsJson, ExperimentId, Overrides, Url, connect, resolve
from seedcast.cli.output import clock, print_json, print_line, print_table, print_values, shown
from seedcast.cli.overrides import load_spec, override_values
from seedcast.cli.watch import events_to_the_end, watch_to_the_end
from seedcast.services.master.derived.files import log_line
from seedcast.services.master.experiments.rows import ExperimentRow
from seedcast.services.master.experiments.schemas import Experiment

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Experiments' ids; `last` is the newest one.")]
Specs = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]
Wait = Annotated[bool, typer.Option("--watch", "-w", help="Show its progress until it has ended.")]
LATEST = 10**14
"""A test of no generation: whoever is told all tests up to this one is told no more."""
HEADINGS = ("id", "status", "environment", "strategy", "generation", "best test", "steps", "time")


def submit(
    files: Specs,
    overrides: Overrides = None,
    watch: Wait = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check them, and say what they would take.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="The same key again starts nothing anew: safe to repeat.")
    ] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Start experiments on a running master; print their ids."""
    specs = [load_spec(file, overrides) for file in files]  # all are right before one is started
    keys = [f"{key}-{number}" if key and len(specs) > 1 else key for number in range(len(specs))]
    with connect(url) as client:
        if dry_run:
            estimates = [client.estimate(spec) for spec in specs]
            if json:
                print_json(estimates)
            else:
                for file, found in zip(files, estimates, strict=True):
                    print_table((str(file), ""), list(found.model_dump().items()))
            return
        begun = [client.submit(spec, one) for spec, one in zip(specs, keys, strict=True)]
        if json:
            print_json(begun)
        elif not watch:
            typer.echo("\n".join(one.id for one in begun))
        if watch:
            raise typer.Exit(max(watch_to_the_end(client, one) for one in begun))


def list_experiments(
    status: Annotated[
        list[str] | None, typer.Option(help="Only with this status; `active`: what goes on.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag: NAME or NAME=VALUE.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Only with this strategy.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only in this environment.")] = None,
    text: Annotated[
        str, typer.Option("--text", "--name", help="Only with these words anywhere in id, name, note or tags.")
    ] = "",
    sort: Annotated[str, typer.Option(help="By created, name, finished, best or generation.")] = "created",
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """List experiments, newest first."""
    with connect(url) as client:
        found = client.rows(
            status=status or (),
            tag=tag or (),
            strategy=strategy,
            environment=environment,
            text=text,
            sort=sort,
            limit=limit + 1,
        )
    if json:
        print_json(found[:limit])
        return
    print_table(HEADINGS, [_light(one) for one in found[:limit]])
    if len(found) > limit:
        typer.echo(f"there are more: --limit {2 * limit}")


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
        ("objective" if one.spec.objective else "environment", one.spec.task_id),
        ("searched" if one.spec.policy is None else "policy", _searched(one)),
        ("strategy", f"{one.spec.strategy.name}, population {one.spec.population_size}"),
        ("generation", f"{one.generation:,} of {one.spec.stop.generations:,}"),
        ("env-steps", one.environment_steps),
        ("training", clock(one.elapsed_seconds)),
        ("core-hours", f"{one.core_hours:.2f}{_cost(one)}"),
        (
            "best test",
            f"{shown(one.best_test_return)}, generation {one.best_generation}" if one.best_generation else "-",
        ),
        ("last test", f"{shown(tests[-1].returns.mean)} ± {shown(tests[-1].returns.std)}" if tests else "-"),
        ("target", one.spec.stop.target),
        ("submitted", f"{one.created_at:%Y-%m-%d %H:%M:%S}"),
        ("tags", ", ".join(f"{key}={value}" for key, value in one.spec.tags.items())),
        ("dashboard", f"{client.url}/dashboard/{one.id}"),
    ]
    print_table(("", ""), rows)


def _cost(one: Experiment) -> str:
    if one.cost is None:
        return ""
    prices = ((one.cost.on_demand, "on demand"), (one.cost.spot, "on Spot"))
    return f" ({', '.join(f'{price:.2f} {where}' for price, where in prices if price is not None)})"


def watch(experiment_id: ExperimentId, url: Url = None, json: AsJson = False) -> None:
    """Show an experiment's progress until it has ended; Ctrl-C leaves it running. As JSON: an event a line."""
    with connect(url) as client:
        one = client.experiment(resolve(client, experiment_id))
        raise typer.Exit(events_to_the_end(client, one.id) if json else watch_to_the_end(client, one))


def clone(
    experiment_id: ExperimentId,
    overrides: Overrides = None,
    model: Annotated[
        str | None, typer.Option(help="Start from this model of the original, such as model_40.npz: a branch.")
    ] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Start an experiment like another one, with fields changed; print its id."""
    with connect(url) as client:
        begun = client.clone(resolve(client, experiment_id), override_values(overrides or []), model)
    if json:
        print_json(begun)
    else:
        typer.echo(begun.id)


def edit(
    experiment_id: ExperimentId,
    overrides: Annotated[
        list[str],
        typer.Option(
            "--override",
            "-o",
            metavar="KEY=VALUE",
            help="name=…, note=…, share=…, tags.NAME=…, stop.CONDITION=…",
        ),
    ],
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Change an experiment's name, note, tags, share or stop conditions; a completed one may go on by that."""
    changes = override_values(overrides)
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        if isinstance(tags := changes.get("tags"), dict):  # the master takes all of them at once
            tags = client.experiment(chosen).spec.tags | tags
            changes["tags"] = {name: value for name, value in tags.items() if value is not None}
        _report([client.change(chosen, **changes)], json)


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
    json: AsJson = False,
) -> None:
    """Delete experiments and all their files."""
    with connect(url) as client:
        chosen = [resolve(client, one) for one in ids]
        if not force and sys.stdin.isatty():
            typer.confirm(f"delete {', '.join(chosen)} and all their files?", abort=True)
        for one in chosen:
            client.delete(one, force=force)
            if not json:
                typer.echo(f"{one}: deleted")
    if json:
        print_values(chosen)


def compare(ids: Ids, url: Url = None, json: AsJson = False) -> None:
    """Set experiments side by side, the best test first."""
    with connect(url) as client:
        found = [client.experiment(resolve(client, one)) for one in ids]
    found.sort(key=_best_first)
    if json:
        print_json(found)
        return
    print_table(
        (*HEADINGS, "seed", "population"), [(*_row(one), one.spec.seed, one.spec.population_size) for one in found]
    )


def log(
    experiment_id: ExperimentId,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="So many of the last ones.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until it has ended.")
    ] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Print the last generations of an experiment, a line each; as JSON, their whole records."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        if not (json or follow):
            typer.echo(client.log(chosen, lines), nl=False)
            return
        last = max(0, client.experiment(chosen).generation - lines)
        for event in client.events(chosen, after=f"{last}.{LATEST}."):
            if event.kind == "generation":
                print_line(event.data) if json else typer.echo(log_line(event.data), nl=False)
            elif event.kind == "deleted" or (event.kind == "status" and not (follow and event.data["active"])):
                return


def download(
    experiment_id: ExperimentId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: best_model.npz.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", "-d", help="The folder to save them in.")] = Path(),
    everything: Annotated[bool, typer.Option("--all", help="Every file that there is.")] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Save an experiment's files, as they are now."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        wanted = [one.name for one in client.artifacts(chosen)] if everything else names or ["best_model.npz"]
        into.mkdir(parents=True, exist_ok=True)
        saved = []
        for name in wanted:
            saved.append(str(client.download(chosen, name, into / Path(name).name)))
            if not json:
                typer.echo(saved[-1])
    if json:
        print_values(saved)


def open_dashboard(
    experiment_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Open the dashboard in a browser; print its address where there is none."""
    with connect(url) as client:
        page = f"/dashboard/{client.experiment(resolve(client, experiment_id)).id}" if experiment_id else "/"
        address = client.url + page
    if json:
        print_values({"url": address})
        return
    typer.echo(address)
    if sys.stdout.isatty():
        typer.launch(address)


def _report(experiments: list[Experiment], json: bool) -> None:
    if json:
        print_json(experiments)
    else:
        for one in experiments:
            typer.echo(f"{one.id}: {one.status}")


def _best_first(one: Experiment) -> float:
    """Return what experiments are sorted by; those without a test come last."""
    if one.best_test_return is None:
        return float("inf")
    return one.best_test_return if one.direction == "minimise" else -one.best_test_return


def _searched(one: Experiment) -> str:
    """Say what is searched: a policy's parameters, or an objective's solutions."""
    size = f"{one.dimension:,}" if one.dimension else ""
    if one.spec.policy is None:
        return f"{size} numbers, to {one.direction}".lstrip()
    return f"{one.spec.policy.name}, {size} parameters" if size else str(one.spec.policy.name)


def _row(one: Experiment) -> tuple[object, ...]:
    return (
        one.id,
        one.status.value,
        one.spec.task_id,
        one.spec.strategy.name,
        f"{one.generation:,}/{one.spec.stop.generations:,}",
        one.best_test_return,
        one.environment_steps,
        clock(one.elapsed_seconds),
    )


def _light(one: ExperimentRow) -> tuple[object, ...]:
    generations = f"{one.generation:,}/{one.stop_generations:,}" if one.stop_generations else f"{one.generation:,}"
    return (
        one.id,
        one.status.value,
        one.environment,
        one.strategy,
        generations,
        one.best_test_return,
        one.environment_steps,
        clock(one.elapsed_seconds),
    )
