"""EKS access policies as rule tables.

No API returns what an access policy allows: the tables come from the EKS user guide, "Review access
policy permissions", and live in the generated module ``access_policy_tables``.
"""

from dataclasses import dataclass

from migrator.model.rbac import PolicyRule


@dataclass(frozen=True, slots=True)
class AccessPolicyTable:
    """What is published about one access policy.

    ``complete`` False: no exact table is known, the policy is opaque and ``rules`` is empty, never
    a guess. ``associable``: whether customers may associate it (others belong to service-linked
    roles), None where unknown.
    """

    name: str
    rules: tuple[PolicyRule, ...]
    complete: bool
    associable: bool | None
