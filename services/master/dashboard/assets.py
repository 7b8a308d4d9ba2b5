"""The pages and what they load: our own css and js, and plotly.js out of the plotly package. Never a CDN.

Assets have a version in their address and never change under it, so a browser keeps them for good. Pages name
that version and are asked for again each time.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import plotly

from shared.errors import NotFound

_OURS = files("services.master.dashboard") / "static"
_PLOTLY = "plotly.min.js"
_SUFFIXES = (".css", ".js", ".svg")


@dataclass(frozen=True)
class Asset:
    """One file, plain and compressed."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str


@cache
def page(name: str) -> str:
    """Return a page's HTML with its assets' addresses filled in."""
    html = (_OURS / name).read_text(encoding="utf-8")
    return html.replace("{{static}}", f"/static/{version()}")


@cache
def version() -> str:
    """Name the present content of all assets."""
    digest = hashlib.sha256(plotly.__version__.encode())
    for name in _names():
        digest.update(name.encode() + (_OURS / name).read_bytes())
    return digest.hexdigest()[:12]


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in _OURS.iterdir() if entry.name.endswith(_SUFFIXES)))


@cache
def _load(name: str) -> Asset:
    folder = files("plotly") / "package_data" if name == _PLOTLY else _OURS
    content = (folder / name).read_bytes()
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    etag = hashlib.sha256(content).hexdigest()[:16]
    return Asset(content, gzip.compress(content, 6, mtime=0), media_type, etag)


def asset(asked_version: str, name: str) -> Asset:
    """Return an asset, read and compressed at its first use: call it off the event loop.

    Raises:
        NotFound: it is none of ours, or the page that asks for it is of another version.
    """
    if asked_version != version() or name not in (*_names(), _PLOTLY):
        raise NotFound(f"there is no asset {name} of version {asked_version}")
    return _load(name)
