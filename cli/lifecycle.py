"""Commands that start experiments on a running master, change them and end them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seedcast.cli.options import AsJson, ExperimentId, Ids, Overrides, Url, connect, resolve
from seedcast.cli.output import print_json, print_table, print_values
from seedcast.cli.overrides import load_spec, load_specs, override_values
from seedcast.cli.watch import watch_to_the_end
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.shared.errors import InvalidInput

Specs = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]
Wait = Annotated[bool, typer.Option("--watch", "-w", help="Show its progress until it has ended.")]


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
    specs = load_specs(files, overrides)  # all are right before one is started
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
        list[str] | None,
        typer.Option(
            "--override",
            "-o",
            metavar="KEY=VALUE",
            help="name=…, note=…, share=…, tags.NAME=…, stop.CONDITION=…, archived=true, determinism=relaxed",
        ),
    ] = None,
    curriculum: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take the stages of this specification; those trained stay as they were."
        ),
    ] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Change name, note, tags, share, determinism, stops or stages to come; a completed one may go on."""
    changes = override_values(overrides or [])
    if curriculum is not None:
        changes["curriculum"] = load_spec(curriculum).model_dump(mode="json")["curriculum"]
    if not changes:
        raise InvalidInput.of("--override", "or --curriculum: say what is to be changed")
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


def _report(experiments: list[Experiment], json: bool) -> None:
    if json:
        print_json(experiments)
    else:
        for one in experiments:
            typer.echo(f"{one.id}: {one.status}")
