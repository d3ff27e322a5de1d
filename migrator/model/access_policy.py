"""EKS access policies as rule tables.

No API returns what an access policy allows: the tables come from the EKS user guide, "Review access
policy permissions", and live in the generated module ``access_policy_tables``.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.rbac import PolicyRule

Published: TypeAlias = Literal["exact", "upper-bound", "nothing"]


@dataclass(frozen=True, slots=True)
class AccessPolicyTable:
    """What is published about the rules of one access policy.

    ``published``: ``exact``, the policy gives ``rules``, no more and no less; ``upper-bound``, it
    gives ``rules`` or less, because the page limits some of them in words ("only for its own
    leases"); ``nothing``, the policy is opaque and ``rules`` is empty, never a guess.
    ``associable``: whether customers may associate it (others belong to service-linked roles), None
    where unknown.
    """

    name: str
    rules: tuple[PolicyRule, ...]
    published: Published
    associable: bool | None

    @property
    def exact(self) -> bool:
        """Whether the rules are all that the policy gives, and all of them are given."""
        return self.published == "exact"
