"""Live progress of one experiment in the terminal; plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from seedcast.cli.output import clock, shown
from seedcast.cli.words import counted, words_for
from seedcast.services.master.experiments.schemas import Experiment, Progress
from seedcast.services.master.storage.records import GenerationRecord, TestRecord

PLAIN_SECONDS = 10.0
"""How often a line is printed where output is no terminal."""


class Display:
    """Shows bars and figures; fed by `update`."""

    def __init__(self, experiment: Experiment, dashboard: str) -> None:
        self.last_generation = 0
        self.last_test = -1
        self._experiment = experiment
        self._words = words_for(objective=experiment.spec.objective is not None)
        self._dashboard = dashboard
        self._recent: list[GenerationRecord] = []
        self._test: TestRecord | None = None
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._printed = 0.0
        self._bars = Bars(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            console=self._console,
        )
        self._generations = self._bars.add_task("generations", total=experiment.spec.stop.generations)
        self._rollouts = self._bars.add_task("rollouts", total=None)

    def __enter__(self) -> Self:
        self._console.print(f"[bold]{self._experiment.id}[/bold]  dashboard: {self._dashboard}", soft_wrap=True)
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(
        self,
        experiment: Experiment,
        generations: Sequence[GenerationRecord],
        tests: Sequence[TestRecord],
        progress: Progress | None,
    ) -> None:
        """Take in what is new and show it."""
        self._experiment = experiment
        if generations:
            self._recent = [*self._recent, *generations][-10:]
            self.last_generation = generations[-1].generation
        for test in tests:
            self._test = test
            self.last_test = test.generation
            self._console.print(
                f"test after generation {test.generation}: {shown(test.returns.mean)} ± {shown(test.returns.std)} "
                f"over {counted(test.episodes, self._words.trial)}"
            )
            if (retraining := test.retraining) is not None:
                self._console.print(
                    f"  too far below {retraining.best_return:.1f}: back to generation "
                    f"{retraining.best_generation}"
                )
        self._bars.update(self._generations, completed=experiment.generation)
        if progress is not None:
            self._bars.update(self._rollouts, completed=progress.rollouts_done, total=progress.rollouts)
        self._show()

    def _show(self) -> None:
        if self._console.is_terminal:
            self._live.update(Group(self._bars, self._table()))
        elif time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            line = "  ".join(f"{name} {value}" for name, value in self._figures())
            self._console.print(line, soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 3))
        table.add_row(*(Text(name, style="dim") for name, _ in self._figures()))
        table.add_row(*(value for _, value in self._figures()))
        return table

    def _figures(self) -> list[tuple[str, str]]:
        experiment, words = self._experiment, self._words
        last = self._recent[-1] if self._recent else None
        target = experiment.spec.stop.target
        score = shown(self._test.returns.mean) if self._test else "-"
        return [
            ("status", experiment.status.value),
            ("generation", f"{experiment.generation}/{experiment.spec.stop.generations}"),
            (f"mean {words.figure}", shown(last.returns.mean) if last else "-"),
            (f"best {words.figure}", shown(self._best_of(last)) if last else "-"),
            ("test score", score if target is None else f"{score} of {target:g}"),
            (f"{words.step}s/s", f"{self._steps_per_second():,.0f}"),
            (f"{words.step}s", f"{experiment.environment_steps:,}"),
            ("elapsed", clock(experiment.elapsed_seconds)),
            ("ETA at most", clock(self._eta_seconds())),
        ]

    def _best_of(self, last: GenerationRecord) -> float:
        return last.returns.maximum if self._experiment.sign > 0 else last.returns.minimum

    def _steps_per_second(self) -> float:
        if len(self._recent) < 2:
            return 0.0
        first, last = self._recent[0], self._recent[-1]
        seconds = last.elapsed_seconds - first.elapsed_seconds
        return (last.environment_steps - first.environment_steps) / max(seconds, 1e-9)

    def _eta_seconds(self) -> float | None:
        """Return the time to the nearest limit at the recent pace."""
        if not self._recent:
            return None
        experiment, stop, steps_per_second = self._experiment, self._experiment.spec.stop, self._steps_per_second()
        pace = sum(record.generation_seconds for record in self._recent) / len(self._recent)
        times = [pace * (stop.generations - experiment.generation)]
        if stop.environment_steps is not None and steps_per_second > 0:
            times.append((stop.environment_steps - experiment.environment_steps) / steps_per_second)
        if stop.wall_time_seconds is not None:
            times.append(stop.wall_time_seconds - experiment.elapsed_seconds)
        return max(0.0, min(times))
