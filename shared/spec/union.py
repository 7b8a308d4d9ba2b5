"""A pydantic union over a registry, so that the schema lists every registered variant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field


class HasSpec(Protocol):
    """A plug-in class that says what it is configured by."""

    Spec: Any


def registered_union(registry: Mapping[str, type[HasSpec]]) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the union of every plug-in's ``Spec``, told apart by its ``name``."""
    specs: list[type[BaseModel]] = [plugin.Spec for plugin in registry.values()]
    return Annotated[reduce(or_, specs), Field(discriminator="name")]
