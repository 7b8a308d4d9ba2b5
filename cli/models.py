"""Commands on model files: evaluate, video, export, import."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import numpy as np
import typer

from seedcast.cli.options import AsJson, Url, connect, resolve
from seedcast.cli.output import print_values
from seedcast.cli.replay import Episodes, Seed, Success, film, report, returns_of
from seedcast.interchange import ancestors
from seedcast.interchange.huggingface import write_folder
from seedcast.interchange.onnx_file import write_onnx
from seedcast.interchange.tensors import write_safetensors
from seedcast.model import read_model
from seedcast.shared.errors import InvalidInput, SeedcastError
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.whole_file import whole_file

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file: .npz or .safetensors.")]
ModelAnywhere = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model file, .npz or .safetensors; or ID:NAME for one that a running master has, whose fleet then "
        "plays it: last:best_model.npz.",
    ),
]
KINDS = {".npz": "es_on_gke", ".json": "estool"}


def evaluate(
    model: ModelAnywhere,
    episodes: Episodes = 100,
    seed: Seed = 0,
    success: Success = None,
    url: Url = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with every return.")] = False,
) -> None:
    """Play a model on episodes that training never saw, and print what it scores."""
    if (there := _of_master(model)) is None:
        loaded, name = read_model(Path(model)), Path(model).name
        returns = returns_of(loaded, seed, episodes)
    else:
        with connect(url) as client, TemporaryDirectory() as folder:
            chosen, name = resolve(client, there[0]), there[1]
            job = client.wait_for_job(client.evaluate(chosen, name, episodes=episodes, seed=seed))
            if job.result is None:
                raise SeedcastError(job.reason)
            loaded = read_model(client.download(chosen, name, Path(folder, name)))
            returns = np.array(job.result.episode_returns)
    report(loaded, name, returns, seed, success, json)


def video(
    model: ModelAnywhere,
    output: Annotated[Path, typer.Argument(metavar="FILE.mp4", help="Where to write the film.")],
    seed: Seed = 0,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Film an episode of a model; it needs no screen."""
    if (there := _of_master(model)) is None:
        score = film(read_model(Path(model)), seed, output)
    else:
        with connect(url) as client:
            chosen = resolve(client, there[0])
            job = client.wait_for_job(client.film(chosen, there[1], seed=seed))
            if job.result is None or job.result.artifact is None or job.result.episode_return is None:
                raise SeedcastError(job.reason)
            client.download(chosen, job.result.artifact, output)
            score = job.result.episode_return
    if json:
        print_values({"file": str(output), "return": score})
    else:
        typer.echo(f"{output}: return {score:.2f}")


def _of_master(model: str) -> tuple[str, str] | None:
    """Return the experiment and the name of a model that a master has; None for a file."""
    experiment_id, colon, name = model.partition(":")
    if not colon or Path(model).exists():
        return None
    return experiment_id, name or "best_model.npz"


def export(
    model: ModelFile,
    safetensors: Annotated[Path | None, typer.Option(help="A safetensors file.")] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="An ONNX file: the whole policy, from observation to action.")
    ] = None,
    huggingface: Annotated[Path | None, typer.Option(help="A folder as the Hugging Face Hub shows it.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Played for the results of that folder.")] = 100,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Write a model in other forms."""
    if not (safetensors or onnx or huggingface):
        raise InvalidInput.of("export", "needs one of --safetensors, --onnx, --huggingface")
    loaded = read_model(model)
    if safetensors:
        write_safetensors(loaded, safetensors)
    if onnx:
        write_onnx(loaded, onnx)
    if huggingface:
        write_folder(loaded, huggingface, returns_of(loaded, seed, episodes).tolist())
        try:
            film(loaded, seed, huggingface / "replay.mp4")
        except SeedcastError as error:
            typer.echo(f"no replay.mp4: {error}", err=True)
    written = [str(path) for path in (safetensors, onnx, huggingface) if path]
    if json:
        print_values(written)
    else:
        typer.echo("\n".join(written))


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="es_on_gke's .npz or estool's .json.")],
    output: Annotated[Path, typer.Argument(metavar="MODEL.npz", help="Where to write the model.")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="The id of the environment it plays.")],
    layers: Annotated[str, typer.Option(help="Units of the hidden layers: 40,40.")] = "",
    noisy: Annotated[str, typer.Option(help="estool: which layers have noise of their own, from 0: 2.")] = "",
    max_episode_steps: Annotated[int | None, typer.Option(min=1, help="Where an episode is cut off.")] = None,
    json: AsJson = False,
) -> None:
    """Read a model that es_on_gke or estool trained, for evaluate, video and `warm_start`."""
    kind = KINDS.get(file.suffix)
    if kind is None:
        raise InvalidInput.of("FILE", "must end in .npz (es_on_gke) or .json (estool)", file.name)
    from seedcast.services.worker.environments.registry import describe  # the engines are slow to import

    spec = EnvironmentSpec(id=environment, max_episode_steps=max_episode_steps)
    read = ancestors.read_vector(file, cast(ancestors.Kind, kind))
    model = ancestors.to_model(
        read,
        cast(ancestors.Kind, kind),
        spec,
        describe(spec),
        _numbers("--layers", layers),
        _numbers("--noisy", noisy),
    )
    with whole_file(output) as whole:
        whole.write(model.to_bytes())
    if json:
        print_values({"file": str(output), "parameters": len(model.parameters), "environment": environment})
    else:
        typer.echo(f"{output}: {len(model.parameters):,} parameters for {environment}")


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InvalidInput.of(option, "must be whole numbers, separated by commas", text) from None
