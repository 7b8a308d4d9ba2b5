"""The pages and what they load: a style sheet, one script a page, plotly.js where there are charts. No CDN.

Assets have a version in their address and never change under it, so a browser keeps them for good. Pages name
that version and are asked for again each time. Every address in a page is relative: behind a proxy that serves the
master under a prefix (``--root-path``) they stay right.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from seedcast.services.master.dashboard.bundle import bundle
from seedcast.services.master.experiments.prices import NOT_TOLD, Prices
from seedcast.shared.errors import NotFound
from seedcast.shared.packed import Packed

_HOME = files("seedcast.services.master.dashboard")
_ASSETS, _PAGES = _HOME / "static", _HOME / "pages"
PLOTLY = "plotly.min.js"
"""What the charts use of plotly.js: `npm run bundle` makes it of `plotly_bundle.js`, as CI checks."""
_SERVED = re.compile(rf"\w+_page\.js|{re.escape(PLOTLY)}|\w+\.(?:css|svg)")


@dataclass(frozen=True)
class Page:
    """One page: the file of its main part, what runs in it, and where it stands."""

    name: str
    title: str
    script: str
    depth: int
    """Folders between it and the dashboard's root."""
    section: str = ""
    """Which entry of the navigation it is, or belongs to."""
    inner: str = ""
    """The file of what stands beside its main part, where several pages share that."""
    charts: bool = False


SECTIONS = {"": "Experiments", "dashboard/studies": "Studies", "dashboard/fleet": "Fleet", "docs": "API"}


def page_html(page: Page, prices: Prices = NOT_TOLD) -> str:
    """Return a page: the frame around its main part, its assets' addresses and the prices filled in."""
    root = "../" * page.depth or "./"
    static = f"{root}static/{version()}"
    links = [
        f'<a href="{root}{path}"{" aria-current=page" if path == page.section else ""}>{name}</a>'
        for path, name in SECTIONS.items()
    ]
    ahead = f'<link rel="preload" as="script" href="{static}/{PLOTLY}">' if page.charts else ""
    told = {"price": prices.on_demand, "spot-price": prices.spot}
    fill = {"root": root, "static": static, "navigation": "\n      ".join(links), "ahead": ahead}
    fill |= {"title": page.title, "script": page.script, "section": SECTIONS[page.section], "path": page.section}
    fill["prices"] = "".join(f' data-{name}="{price}"' for name, price in told.items() if price is not None)
    for place, name in (("inner", page.inner), ("main", page.name)):
        fill[place] = _part(name).substitute(fill) if name else ""
    return _part("frame.html").substitute(fill)


def _part(name: str) -> Template:
    return Template((_PAGES / name).read_text(encoding="utf-8").rstrip("\n"))


@cache
def version() -> str:
    """Name the present content of all assets."""
    digest = hashlib.sha256()
    for entry in sorted(_ASSETS.iterdir(), key=lambda entry: entry.name):
        digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _load(name: str) -> Packed:
    content = _script(name) if name.endswith("_page.js") else (_ASSETS / name).read_bytes()
    return Packed.of(content, mimetypes.guess_type(name)[0] or "application/octet-stream")


def _script(name: str) -> bytes:
    modules = bundle(name.removesuffix(".js"), lambda one: (_ASSETS / f"{one}.js").read_text(encoding="utf-8"))
    return modules.encode()


def asset(asked_version: str, name: str) -> Packed:
    """Return an asset, read and compressed at its first use: call it off the event loop.

    Raises:
        NotFound: it is none of ours, or the page that asks for it is of another version.
    """
    if asked_version != version() or not (_SERVED.fullmatch(name) and (_ASSETS / name).is_file()):
        raise NotFound(f"there is no asset {name} of version {asked_version}")
    return _load(name)
