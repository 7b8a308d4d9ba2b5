"""EnvPool, imported when it is first needed, and without what draws its Jumanji environments.

That package imports pyplot, which takes longer than all the rest of EnvPool, for pictures that nobody here asks of
it. In its place stands a module whose functions import it when one of them is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any

DRAWING = "envpool.jumanji.jumanji_official_render"


class _Later(ModuleType):
    """Stands for a module of functions until one of them is called."""

    def configure_matplotlib(self) -> None:
        """Do nothing: this is called at once, and again by the module itself."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self._call, name)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function returns
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)(*args, **kwargs)


@cache
def envpool() -> Any:  # noqa: ANN401 - EnvPool has no types
    """Import EnvPool.

    Raises:
        ImportError: it is not installed.
    """
    sys.modules.setdefault(DRAWING, _Later(DRAWING))
    return import_module("envpool")


@cache
def modules() -> dict[str, str]:
    """Return the module of EnvPool that each of its ids is made by; nothing where EnvPool is not installed."""
    try:
        envpool()
    except ImportError:  # there is no wheel for this platform: Gymnasium has to do
        return {}
    return {id_: spec[0] for id_, spec in import_module("envpool.registration").registry.specs.items()}
