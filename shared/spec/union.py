"""A pydantic union over a registry, so that the schema lists every registered variant."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Protocol, get_args

from pydantic import BaseModel, Field


class HasSpec(Protocol):
    """A plug-in class that says what it is configured by."""

    Spec: Any


def registered_union(registry: Mapping[str, type[HasSpec]]) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the union of every plug-in's ``Spec``, told apart by its ``name``."""
    specs: list[type[BaseModel]] = [plugin.Spec for plugin in registry.values()]
    return Annotated[reduce(or_, specs), Field(discriminator="name")]


def spec_fault(name: str, plugin: Any, base: type[BaseModel]) -> str | None:  # noqa: ANN401 - whatever was loaded
    """Say what keeps a plug-in out of the union, or nothing."""
    if not inspect.isclass(plugin):
        return f"is no class but {type(plugin).__name__}"
    if inspect.isabstract(plugin):
        missing = ", ".join(sorted(getattr(plugin, "__abstractmethods__", ())))
        return f"does not implement {missing}"
    spec = getattr(plugin, "Spec", None)
    if not (inspect.isclass(spec) and issubclass(spec, base)):
        return f"needs a class Spec that derives from {base.__name__}"
    names = get_args(spec.model_fields["name"].annotation)
    if names != (name,):
        shown = ", ".join(map(repr, names)) or "no Literal"
        return f"its Spec.name is {shown}, and its entry point is called {name!r}"
    spec.model_json_schema()  # raises where it has a field that no document can hold
    return None
