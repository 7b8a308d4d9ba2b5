"""Named plug-ins from Python entry points: strategies, policies, environments.

Seedcast's own stand in its pyproject.toml, a user's in theirs; both arrive the same way. The API names
plug-ins, it never imports by path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from shared.errors import InvalidInput

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from name to plug-in; a plug-in is imported when it is first asked for."""

    def __init__(self, group: str, field: str) -> None:
        self._group = group
        self._field = field

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in sorted(entry_points(group=self._group), key=lambda p: p.name)}

    def __getitem__(self, name: str) -> T:
        try:
            point = self._entry_points[name]
        except KeyError:
            raise InvalidInput.of(self._field, f"is not one of {', '.join(self)}", name) from None
        return cast(T, point.load())

    def __contains__(self, name: object) -> bool:
        return name in self._entry_points

    def __iter__(self) -> Iterator[str]:
        return iter(self._entry_points)

    def __len__(self) -> int:
        return len(self._entry_points)
