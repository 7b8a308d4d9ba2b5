"""Commands that show experiments of a running master: many in a table, one in full."""

from __future__ import annotations

from typing import Annotated

import typer

from seedcast.cli.options import AsJson, ExperimentId, Ids, Url, connect, resolve
from seedcast.cli.output import clock, print_json, print_table, shown
from seedcast.cli.words import words_for
from seedcast.services.master.experiments.rows import ExperimentRow, Order
from seedcast.services.master.experiments.schemas import Experiment

HEADINGS = ("id", "status", "environment", "strategy", "generation", "best test", "steps", "time")


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
    archived: Annotated[bool, typer.Option("--archived", help="Those put away, in place of all others.")] = False,
    sort: Annotated[Order, typer.Option(help="What comes first.")] = Order.CREATED,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """List experiments, newest first."""
    with connect(url) as client:
        found = client.experiments(
            status=status or (),
            tag=tag or (),
            strategy=strategy,
            environment=environment,
            text=text,
            archived=archived,
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
        (f"{words_for(objective=one.spec.objective is not None).step}s", one.environment_steps),
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


def _best_first(one: Experiment) -> float:
    """Return what experiments are sorted by; those without a test come last."""
    if one.best_test_return is None:
        return float("inf")
    return -one.sign * one.best_test_return


def _searched(one: Experiment) -> str:
    """Say what is searched: a policy's parameters, or an objective's solutions."""
    size = f"{one.dimension:,}" if one.dimension else ""
    if one.spec.policy is None:
        return f"{size} numbers, to {one.direction}".lstrip()
    return f"{one.spec.policy.name}, {size} parameters" if size else str(one.spec.policy.name)


def _cost(one: Experiment) -> str:
    if one.cost is None:
        return ""
    prices = ((one.cost.on_demand, "on demand"), (one.cost.spot, "on Spot"))
    return f" ({', '.join(f'{price:.2f} {where}' for price, where in prices if price is not None)})"


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
        one.environment or one.objective,
        one.strategy,
        generations,
        one.best_test_return,
        one.environment_steps,
        clock(one.elapsed_seconds),
    )
