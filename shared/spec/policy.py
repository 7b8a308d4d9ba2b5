"""The specification of a policy: a discriminated union over the registered policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedcast.shared.policies.base import Policy, PolicySpec
from seedcast.shared.policies.symmetric import SymmetricPolicy
from seedcast.shared.registry import Registry
from seedcast.shared.spec.environment import EnvironmentDescription
from seedcast.shared.spec.union import registered_union, spec_fault


def fault(name: str, plugin: Any) -> str | None:  # noqa: ANN401 - whatever a package brings
    """Say why an entry point is no policy, or nothing."""
    if not (isinstance(plugin, type) and issubclass(plugin, Policy)):
        return "is no class that derives from Policy"
    return spec_fault(name, plugin, PolicySpec)


POLICIES: Registry[type[Policy]] = Registry("seedcast.policies", "policy.name", fault)

if TYPE_CHECKING:
    AnyPolicySpec = PolicySpec
else:
    AnyPolicySpec = registered_union(POLICIES)


def build_policy(spec: PolicySpec, environment: EnvironmentDescription) -> Policy:
    """Build the policy that ``spec`` describes for one environment.

    Raises:
        InvalidInput: the policy's options do not fit the environment's observations or actions.
    """
    policy = POLICIES[spec.name](spec, environment.observation_size, environment.actions)
    return SymmetricPolicy(policy, spec.symmetry, environment.actions) if spec.symmetry else policy
