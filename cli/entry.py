"""Where the `seedcast` command begins: light, so that Ctrl-C is answered from the first moment on."""

from __future__ import annotations


def main() -> None:
    """Import the command, which takes a while, and run it."""
    try:
        from seedcast.cli.main import main as command
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    command()
