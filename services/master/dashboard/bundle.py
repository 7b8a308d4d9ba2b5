"""One script of a page's modules: a browser asks once instead of thirty times, and nobody has a build step.

Modules are plain text here, and are written in one way (CI's formatter sees to it): names imported in braces from
files beside them, and exported where they are declared. Each becomes a function that is called once, after those
that it needs, and returns what it exports.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(script: str, read: Callable[[str], str]) -> str:
    """Return a script with all modules that it needs; ``read`` returns a module's text by its name, without ".js".

    Raises:
        ValueError: a module imports or exports in another way, or two need each other.
    """
    done: dict[str, str] = {}
    _add(script, read, done, ())
    return "\n".join(done.values())


def _add(name: str, read: Callable[[str], str], done: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"{name}.js needs itself, by way of {' and '.join(above)}")
    if name in done:
        return
    text = read(name)
    for _, needed in _IMPORT.findall(text):
        _add(needed, read, done, (*above, name))
    exported = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    if left := _LEFT.search(body):
        raise ValueError(f"{name}.js: {left[0]} is not understood here")
    done[name] = f"const ${name} = (() => {{ // {name}.js\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();\n"


def _taken(found: re.Match[str]) -> str:
    """Return an import as a declaration: `a as b` becomes `a: b`."""
    return f"const {{{found[1].replace(' as ', ': ')}}} = ${found[2]};"
