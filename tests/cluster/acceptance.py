"""What needs an API server alone: that it accepts every combination, and that applying again is no change."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml

from tests.cluster.kubectl import Failed, Kubectl
from tests.cluster.steps import Step
from tests.deploy.manifests import Combination, Rendered, build, combinations

log = logging.getLogger("test-cluster")


class Acceptance:
    """Asks a server about the manifests in a namespace of this run's own; nothing has to run there."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl, self._folder = kubectl, folder

    def steps(self) -> list[tuple[str, Step]]:
        """Return what is done, by name."""
        return [
            ("apply", self.apply),
            ("apply again", self.apply_again),
            ("try every combination", self.try_every_combination),
        ]

    def apply(self) -> None:
        """Put the local overlay in."""
        self._kubectl("apply", "--filename=-", stdin=self._built(Combination("local", ())).text)

    def apply_again(self) -> None:
        """Put the same in once more.

        Raises:
            Failed: the server says of anything that it has changed.
        """
        said = self._kubectl("apply", "--filename=-", stdin=self._built(Combination("local", ())).text)
        if changed := [line for line in said.splitlines() if not line.endswith(" unchanged")]:
            raise Failed(f"applied twice: {'; '.join(changed)}")

    def try_every_combination(self) -> None:
        """Have the server check each one without keeping it, as far as it knows the kinds.

        Raises:
            Failed: it refuses one.
        """
        known = set(self._kubectl("api-versions").split())
        left_out: set[str] = set()
        for combination in combinations():
            resources = self._built(combination).resources
            left_out |= {one["kind"] for one in resources if one["apiVersion"] not in known}
            asked = [one for one in resources if one["apiVersion"] in known]
            self._kubectl("apply", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump_all(asked))
            log.info("%s: %d resources accepted", combination, len(asked))
        log.info("kinds that this server does not know: %s", ", ".join(sorted(left_out)) or "none")

    def _built(self, combination: Combination) -> Rendered:
        return build(combination, self._folder, self._kubectl.namespace)
