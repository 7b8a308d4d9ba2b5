"""Commands on model files: evaluate, video, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from cli.replay import Episodes, Seed, Success, film, report, returns_of
from seedcast.interchange import ancestors
from seedcast.interchange.huggingface import write_folder
from seedcast.interchange.onnx_file import write_onnx
from seedcast.interchange.tensors import write_safetensors
from seedcast.model import read_model
from shared.errors import InvalidInput, SeedcastError
from shared.spec.environment import EnvironmentSpec

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file: .npz or .safetensors.")]
KINDS = {".npz": "es_on_gke", ".json": "estool"}


def evaluate(
    model: ModelFile,
    episodes: Episodes = 100,
    seed: Seed = 0,
    success: Success = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with every return.")] = False,
) -> None:
    """Play a model on episodes that training never saw, and print what it scores."""
    loaded = read_model(model)
    report(loaded, model.name, returns_of(loaded, seed, episodes), seed, success, json)


def video(
    model: ModelFile,
    output: Annotated[Path, typer.Argument(metavar="FILE.mp4", help="Where to write the film.")],
    seed: Seed = 0,
) -> None:
    """Film an episode of a model; it needs no screen."""
    typer.echo(f"{output}: return {film(read_model(model), seed, output):.2f}")


def export(
    model: ModelFile,
    safetensors: Annotated[Path | None, typer.Option(help="A safetensors file.")] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="An ONNX file: the whole policy, from observation to action.")
    ] = None,
    huggingface: Annotated[Path | None, typer.Option(help="A folder as the Hugging Face Hub shows it.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Played for the results of that folder.")] = 100,
    seed: Seed = 0,
) -> None:
    """Write a model in other forms."""
    if not (safetensors or onnx or huggingface):
        raise InvalidInput.of("export", "needs one of --safetensors, --onnx, --huggingface")
    loaded = read_model(model)
    if safetensors:
        write_safetensors(loaded, safetensors)
        typer.echo(safetensors)
    if onnx:
        write_onnx(loaded, onnx)
        typer.echo(onnx)
    if huggingface:
        write_folder(loaded, huggingface, returns_of(loaded, seed, episodes).tolist())
        try:
            film(loaded, seed, huggingface / "replay.mp4")
        except SeedcastError as error:
            typer.echo(f"no replay.mp4: {error}", err=True)
        typer.echo(huggingface)


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="es_on_gke's .npz or estool's .json.")],
    output: Annotated[Path, typer.Argument(metavar="MODEL.npz", help="Where to write the model.")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="The id of the environment it plays.")],
    layers: Annotated[str, typer.Option(help="Units of the hidden layers: 40,40.")] = "",
    noisy: Annotated[str, typer.Option(help="estool: which layers have noise of their own, from 0: 2.")] = "",
    max_episode_steps: Annotated[int | None, typer.Option(min=1, help="Where an episode is cut off.")] = None,
) -> None:
    """Read a model that es_on_gke or estool trained, for evaluate, video and `warm_start`."""
    kind = KINDS.get(file.suffix)
    if kind is None:
        raise InvalidInput.of("FILE", "must end in .npz (es_on_gke) or .json (estool)", file.name)
    from services.worker.environments.registry import describe  # the engines are slow to import

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
    output.write_bytes(model.to_bytes())
    typer.echo(f"{output}: {len(model.parameters):,} parameters for {environment}")


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InvalidInput.of(option, "must be whole numbers, separated by commas", text) from None
