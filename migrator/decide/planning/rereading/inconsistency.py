"""What does not fit in a plan that was read, and the small helpers that the checks share."""

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.errors import Failed
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, Identity


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One contradiction of a plan with itself. ``where`` names the step, the principal, the finding
    or the field.
    """

    where: str
    why: str


def refusal(found: Inconsistency) -> Failed:
    """The error that refuses the plan: ``plan-inconsistent``, exit code 1, before anything is
    sent.
    """
    return Failed(
        "plan-inconsistent",
        f"The plan contradicts itself: {found.where}.",
        why=f"{found.why} A digest shows accidents only, so every plan is proven again when it is "
        f"read.",
        remedy="Make the plan again with `migrate plan`; put what you want changed into "
        "decisions.yaml.",
    )


def names(items: Iterable[str]) -> str:
    """Names in a message, sorted; ``none`` for no names."""
    return ", ".join(f"`{item}`" for item in sorted(items)) or "none"


def policy_key(policy: AssociatedPolicy) -> tuple[str, str, tuple[str, ...]]:
    """A policy with its scope, comparable: the basis sorts namespaces."""
    return policy.policy_arn, policy.scope.type, tuple(sorted(policy.scope.namespaces))


def policy_keys(
    holder: AccessEntry | EntrySpec | Identity,
) -> list[tuple[str, str, tuple[str, ...]]]:
    """The policies of an entry or identity, in an order of their own."""
    policies = holder.policies if isinstance(holder, Identity) else holder.access_policies
    return sorted(map(policy_key, policies))
