"""Named plug-ins from Python entry points: strategies, policies, environments.

Seedcast's own stand in its pyproject.toml, a user's in theirs; both arrive the same way. The API names plug-ins,
it never imports by path. One that cannot be used costs only itself: it is left out, and the registry says why.
What Seedcast itself has cannot be replaced, and of two packages with one name neither is believed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from seedcast.shared.errors import InvalidInput

T = TypeVar("T")

OURS = "seedcast"
"""The package whose plug-ins come first."""

FOREIGN = (Exception, SystemExit)
"""What importing a package may raise."""

Check = Callable[[str, Any], str | None]
"""From a name and what was loaded by it: what is wrong with it, or nothing."""


class Plugin(BaseModel):
    """One entry point, and whether it can be used."""

    model_config = ConfigDict(frozen=True)

    group: str = Field(description="The group of entry points.", examples=["seedcast.strategies"])
    name: str = Field(description="What a specification calls it.")
    package: str = Field(description="The package that brings it.")
    target: str = Field(description="What it names, as `module:attribute`.")
    broken: str | None = Field(default=None, description="Why it cannot be used, if so.")


@dataclass(frozen=True)
class _Loaded(Generic[T]):
    plugins: list[Plugin]
    usable: dict[str, T]


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from name to plug-in, of those that can be used; all are imported at the first look."""

    def __init__(self, group: str, field: str, check: Check = lambda _name, _plugin: None) -> None:
        self._group = group
        self._field = field
        self._check = check

    @property
    def plugins(self) -> list[Plugin]:
        """Every plug-in of the group, by name."""
        return self._loaded.plugins

    @property
    def broken(self) -> list[Plugin]:
        """Those that cannot be used, each with the reason."""
        return [plugin for plugin in self.plugins if plugin.broken]

    @cached_property
    def _loaded(self) -> _Loaded[T]:
        plugins, usable = list[Plugin](), dict[str, T]()
        for name, points in sorted(found(self._group).items()):
            for point, refusal in believed(points):
                reason, loaded = (refusal, None) if refusal else self._load(point)
                plugins.append(described(point, reason))
                if reason is None:
                    usable[name] = cast(T, loaded)
        return _Loaded(plugins, usable)

    def _load(self, point: EntryPoint) -> tuple[str | None, object]:
        try:
            loaded = point.load()
            return self._check(point.name, loaded), loaded
        except FOREIGN as error:
            return failure(error), None

    def __getitem__(self, name: str) -> T:
        try:
            return self._loaded.usable[name]
        except KeyError:
            reasons = [plugin.broken for plugin in self.broken if plugin.name == name]
            why = f"cannot be used: {reasons[0]}" if reasons else f"is not one of {', '.join(self)}"
            raise InvalidInput.of(self._field, why, name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._loaded.usable

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded.usable)

    def __len__(self) -> int:
        return len(self._loaded.usable)


def found(group: str) -> dict[str, list[EntryPoint]]:
    """Return a group's entry points by name; of one name, Seedcast's own first and the others by package."""
    by_name: dict[str, list[EntryPoint]] = {}
    points = _installed(tuple((folder, _changed(folder)) for folder in sys.path))(group=group)
    for point in sorted(points, key=lambda point: (package(point) != OURS, package(point))):
        by_name.setdefault(point.name, []).append(point)
    return by_name


@lru_cache(maxsize=1)
def _installed(path: tuple[tuple[str, int], ...]) -> Callable[..., EntryPoints]:  # noqa: ARG001 - the cache's key
    """Read the metadata of all packages, once for all groups: every slot that starts asks for several.

    Returned is what selects some of their entry points. They are read again once a folder of the path has changed:
    a slot is a fork of a process that may have read them before a package was installed.
    """
    return entry_points().select


def _changed(folder: str) -> int:
    """Return when a package was last put into a folder of the path, or taken out of it; 0 where there is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def believed(points: list[EntryPoint]) -> Iterator[tuple[EntryPoint, str | None]]:
    """Yield the entry points of one name, each with the reason why it does not count, if it does not."""
    packages = [package(point) for point in points]
    for point in points:
        if len(points) == 1 or package(point) == OURS:
            yield point, None
        elif OURS in packages:
            yield point, f"the name is Seedcast's own, and {package(point)} cannot replace it"
        else:
            yield point, f"several packages have one of this name: {', '.join(packages)}"


def described(point: EntryPoint, broken: str | None = None) -> Plugin:
    """Return what is shown of an entry point."""
    return Plugin(group=point.group, name=point.name, package=package(point), target=point.value, broken=broken)


def package(point: EntryPoint) -> str:
    """Return the name of the package that an entry point comes from."""
    return _name(point.dist) if point.dist is not None else "unknown"


@cache
def _name(distribution: Distribution) -> str:
    return distribution.name  # parsed anew at every look, with the package's whole description


def failure(error: BaseException) -> str:
    """Say what importing a package ran into, in a line."""
    return " ".join(f"cannot be imported ({type(error).__name__}: {error})".split())[:500]
