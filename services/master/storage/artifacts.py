"""An experiment's folder of artifacts, with the names the 2019 sample gave them.

All is derived: models from the evolution, everything else from the database. After a crash the files are written
again, so that they never disagree with what was committed.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import yaml
from pydantic import BaseModel, Field

from services.master.failpoints import reach
from services.master.storage.durable import write_durably
from services.master.storage.failures import storage_errors
from services.master.storage.history import GenerationRecord, TestRecord
from shared.errors import NotFound
from shared.model import Model
from shared.spec.experiment import ExperimentSpec

BEST_MODEL = "best_model.npz"
LOG = "log.txt"
WARM_START = "warm_start.npz"

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".png": "image/png",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}
CHUNK_BYTES = 2**20


class Artifact(BaseModel):
    """A file of an experiment that can be downloaded."""

    name: str = Field(description="What it is downloaded as.")
    bytes: int = Field(description="Its size.")
    modified_at: datetime = Field(description="When it was last written.")


@dataclass(frozen=True)
class OpenArtifact:
    """A file as it was when it was opened: what is appended or renamed into its place later is not in it."""

    name: str
    file: BinaryIO
    size: int
    """In bytes."""

    @property
    def media_type(self) -> str:
        """What kind of content it is."""
        return MEDIA_TYPES.get(Path(self.name).suffix, "application/octet-stream")

    def chunks(self) -> Iterator[bytes]:
        """Yield the content, then close the file."""
        with self.file:
            left = self.size
            while left and (chunk := self.file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk


class Artifacts:
    """The files of one experiment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> list[Artifact]:
        """Return the files that there are, by name."""
        return [_artifact(path) for path in sorted(self._folder.iterdir()) if _public(path)]

    def open(self, name: str) -> OpenArtifact:
        """Open one file, whose size is fixed from here on.

        Raises:
            NotFound: there is no such artifact.
        """
        found = next((path for path in self._folder.iterdir() if path.name == name and _public(path)), None)
        if found is None:
            raise NotFound(f"there is no artifact {name!r}")
        file = found.open("rb")
        return OpenArtifact(name, file, os.fstat(file.fileno()).st_size)

    def warm_start(self) -> Model:
        """Return the experiment's own copy of the model it starts from.

        Raises:
            InvalidInput: the file is damaged or gone.
        """
        return Model.load(self._folder / WARM_START)

    def write_warm_start(self, model: Model) -> None:
        """Keep a copy of the model to start from: its source may change, or go."""
        write_durably(self._folder / WARM_START, model.to_bytes())

    def write_derived(
        self,
        spec: ExperimentSpec,
        generations: Sequence[GenerationRecord],
        tests: Sequence[TestRecord],
        best_generation: int | None,
    ) -> None:
        """Write all that follows from the database, so that the folder agrees with it whatever came before.

        Raises:
            StorageFailed: the disk does not take it.
        """
        self.write_config(spec)
        self.write_log(generations)
        if generations:
            self.write_scores(spec.name, generations, tests)
        if best_generation is None:
            with storage_errors(BEST_MODEL):
                (self._folder / BEST_MODEL).unlink(missing_ok=True)
        else:
            self.promote_model(best_generation)

    def write_config(self, spec: ExperimentSpec) -> None:
        """Write config.yaml: the specification, ready to be submitted again."""
        text = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False)
        write_durably(self._folder / "config.yaml", text.encode())

    def write_model(self, model: Model) -> None:
        """Write model_<iteration>.npz."""
        write_durably(self._folder / _model_name(model.metadata.generation), model.to_bytes())

    def promote_model(self, generation: int) -> None:
        """Make the model of a generation best_model.npz, unless somebody has removed it."""
        source = self._folder / _model_name(generation)
        with storage_errors(source.name):
            content = source.read_bytes() if source.exists() else None
        if content is not None:
            write_durably(self._folder / BEST_MODEL, content)

    def write_log(self, generations: Sequence[GenerationRecord]) -> None:
        """Write log.txt anew."""
        write_durably(self._folder / LOG, "".join(map(_log_line, generations)).encode())

    def append_log(self, generation: GenerationRecord) -> None:
        """Append one generation to log.txt.

        Raises:
            StorageFailed: the disk does not take it; half a line may have been written.
        """
        line = _log_line(generation)
        with storage_errors(LOG), (self._folder / LOG).open("a") as file:
            file.write(line[: len(line) // 2])
            file.flush()
            reach("log.half_written")
            file.write(line[len(line) // 2 :])

    def write_scores(
        self, title: str, generations: Sequence[GenerationRecord], tests: Sequence[TestRecord]
    ) -> None:
        """Write scores.csv and the two plots."""
        from services.master.storage.plots import plot_rewards  # late: Matplotlib takes half a second

        write_durably(self._folder / "scores.csv", _scores(tests).encode())
        by_time = plot_rewards(generations, tests, "time", title)
        write_durably(self._folder / "reward_vs_time.png", by_time)
        by_iteration = plot_rewards(generations, tests, "iteration", title)
        write_durably(self._folder / "reward_vs_iteration.png", by_iteration)


def _model_name(generation: int) -> str:
    return f"model_{generation}.npz"


def _public(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _artifact(path: Path) -> Artifact:
    status = path.stat()
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return Artifact(name=path.name, bytes=status.st_size, modified_at=modified)


def _scores(tests: Sequence[TestRecord]) -> str:
    """Return the sample's columns: seconds of training, iteration, mean test return."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Time", "Iteration", "Reward"])
    for test in tests:
        writer.writerow([f"{test.elapsed_seconds:.3f}", test.generation, f"{test.returns.mean:.6f}"])
    return text.getvalue()


def _log_line(record: GenerationRecord) -> str:
    return (
        f"generation {record.generation}  return mean {record.returns.mean:.2f} max {record.returns.maximum:.2f}  "
        f"length {record.mean_length:.0f}  steps {record.environment_steps}  "
        f"seconds {record.elapsed_seconds:.1f}  sha256 {record.parameters_sha256[:16]}\n"
    )
