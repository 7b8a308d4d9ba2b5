"""Print what an image has as a CycloneDX document: Debian's packages and Python's, as they are installed.

It runs within the image, by the image's own Python:
`docker run --rm --interactive IMAGE python - NAME VERSION < sbom.py`.
"""

import json
import sys
import uuid
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

DPKG = Path("/var/lib/dpkg/status")


def main() -> None:
    """Write the document of the image with the name and version that the arguments give."""
    name, version = sys.argv[1:3]
    components = sorted([*python(), *debian()], key=lambda component: str(component["bom-ref"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([name, version, components]))}",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": name, "name": name, "version": version}},
        "components": components,
    }
    json.dump(document, sys.stdout, indent=1)


def python() -> list[dict[str, Any]]:
    """Return Python's packages."""
    found = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in distributions()}
    return [component(name, version, f"pkg:pypi/{name}@{quote(version)}") for name, version in found.items()]


def debian() -> list[dict[str, Any]]:
    """Return Debian's packages that are installed; none where the image is not Debian's."""
    if not DPKG.exists():
        return []
    parse = Parser().parsestr
    entries = [parse(entry) for entry in DPKG.read_text().split("\n\n") if entry.strip()]
    return [
        component(
            one["Package"],
            one["Version"],
            f"pkg:deb/debian/{one['Package']}@{quote(one['Version'], safe='')}?arch={one['Architecture']}",
        )
        for one in entries
        if one["Status"].endswith(" installed")
    ]


def component(name: str, version: str, purl: str) -> dict[str, Any]:
    """Return an entry; a package URL names it once in the world."""
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


main()
