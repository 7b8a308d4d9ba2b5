"""Specifications to begin with: those in `configs/`, as they are written there."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, Field

from seedcast.services.master.experiments.body import EXAMPLE
from seedcast.shared.packed import Packed


class Preset(BaseModel):
    """One specification to begin with."""

    name: str = Field(description="Of its file.")
    yaml: str = Field(description="The specification, comments included.")


class PresetList(BaseModel):
    """All of them."""

    presets: list[Preset] = Field(description="By name.")


def presets() -> Packed:
    """Return what `configs/` holds, packed: a folder of this package in an image, else one of the checkout."""
    shipped = Path(str(files("seedcast.services.master.dashboard"))) / "presets"
    folder = shipped if shipped.is_dir() else Path(__file__).resolve().parents[3] / "configs"
    found = [
        Preset(name=path.stem, yaml=path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.yaml"))
        if path.is_file()
    ]
    found = found or [Preset(name="cartpole", yaml=yaml.safe_dump(EXAMPLE, sort_keys=False))]
    return Packed.of(PresetList(presets=found).model_dump_json().encode(), "application/json")
