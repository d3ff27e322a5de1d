"""Which access policies of a Region this version does not know.

AWS adds access policies at any time, and no API returns their rules (EKS user guide, "Review access
policy permissions"), so the tables of a version can be behind.
"""

from collections.abc import Sequence

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.diagnosis import Check

NAME = "access-policies"


def access_policies_check(offered: Sequence[str]) -> Check:
    """The answer of ListAccessPolicies (ARNs) against the tables: information, never a failure."""
    names = sorted(AssociatedPolicy(arn).policy_name for arn in offered)
    new = [name for name in names if name not in ACCESS_POLICIES]
    if not new:
        return Check(NAME, "ok", f"This version knows all {len(names)} access policies of EKS.")
    return Check(
        NAME,
        "ok",
        f"EKS offers {len(new)} of {len(names)} access policies that this version does not know: "
        f"{', '.join(new)}. What they allow is compared as unknown.",
    )
