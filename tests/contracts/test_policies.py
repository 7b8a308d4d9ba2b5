"""Every registered policy keeps the contract; a new one is held to it as soon as it is registered."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("seedcast.shared.policies.contract", "seedcast.shared.policies.perturbed_contract")

from seedcast.shared.policies.base import Policy  # noqa: E402
from seedcast.shared.policies.contract import CONTINUOUS, PolicyContract  # noqa: E402
from seedcast.shared.policies.symmetric import SymmetricPolicy  # noqa: E402
from seedcast.shared.policies.symmetry import SymmetrySpec  # noqa: E402
from seedcast.shared.spec.environment import ActionSpace  # noqa: E402
from seedcast.shared.spec.policy import POLICIES  # noqa: E402

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "mlp": [
        {"hidden": [40, 40], "activation": "tanh"},
        {"hidden": [7], "activation": "relu", "bias": False},
        {"hidden": [5, 9, 3], "activation": "elu", "actions": "clip"},
        {"hidden": [64], "activation": "sigmoid"},
        {"hidden": [], "activation": "identity"},
    ],
    "recurrent": [{"cell": "elman", "hidden": 5}, {"cell": "gru", "hidden": 8}],
    "linear": [{"bias": True}, {"bias": False, "actions": "clip"}],
}
"""What to vary; a policy that is not here is tested with its defaults."""


class SymmetricPolicyContract(PolicyContract):
    """The same of a policy that is made symmetric."""

    def build(self, size: int = 24, space: ActionSpace = CONTINUOUS, **options: object) -> Policy:
        """Build the policy, with its first two observations and outputs changing places."""
        swap = {"swap": [[0, 1]]}
        symmetry = SymmetrySpec.model_validate({"observations": swap if size > 1 else {}, "actions": swap})
        return SymmetricPolicy(super().build(size, space, **options), symmetry, space)


for name in POLICIES:
    for number, options in enumerate(OPTIONS.get(name, [{}])):
        body = {"policy": POLICIES[name], "name": name, "options": options}
        globals()[f"Test_{name}_{number}"] = type(f"Test_{name}_{number}", (PolicyContract,), body)
        globals()[f"Test_{name}_{number}_symmetric"] = type("Symmetric", (SymmetricPolicyContract,), body)
