"""Run the guide against a cluster: `python -m tests.cluster --kubeconfig FILE --context NAME`.

It works in a namespace of its own, which it deletes in the end, also after a failure, Ctrl+C or SIGTERM. It closes
one node for the drain, evicts its own pods alone, and opens it again (`--no-drain` leaves nodes alone).
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.acceptance import Acceptance
from tests.cluster.kubectl import Failed, Refused, checked
from tests.cluster.steps import Guide, follow
from tests.cluster.training import Training
from tests.deploy.manifests import OFFERED


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every step was taken, 1 if one failed, 2 if the cluster is not to be touched."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up
    namespace = f"seedcast-test-{secrets.token_hex(4)}"
    images = {name: value for name in ("master_image", "worker_image") if (value := getattr(options, name))}
    newer = {
        name: value for name in ("master_image", "worker_image") if (value := getattr(options, f"next_{name}"))
    }
    try:
        kubectl = checked(options.kubeconfig, options.context, namespace)
        with tempfile.TemporaryDirectory() as folder:
            guide = Guide(kubectl, Training(kubectl.forwarded), Path(folder), options.overlay, **images)
            asked = Acceptance(kubectl, Path(folder)).steps()
            follow(guide, asked if options.server_only else guide.steps(options.drain, **newer))
    except Refused as error:
        sys.stderr.write(f"test-cluster: {error}\n")
        return 2
    except Failed as error:
        sys.stderr.write(f"test-cluster: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="test-cluster", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True, help="the cluster's name in that file; never taken from it")
    parser.add_argument("--overlay", choices=list(OFFERED), default="local")
    for name in ("master_image", "worker_image"):
        flag = name.replace("_", "-")
        parser.add_argument(f"--{flag}", help="in place of the overlay's")
        parser.add_argument(f"--next-{flag}", help="what the upgrade brings; the same image if not given")
    parser.add_argument("--drain", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--server-only", action="store_true", help="try the manifests; nothing has to run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
