"""What a Terraform plan may change of access that is not judged, and why.

"No problem" is said of what was judged only: each of these is named with its address.
"""

from collections.abc import Iterator, Mapping

from migrator.decide.proving.terraform_scope import TerraformScope
from migrator.model.terraform_plan import (
    PrincipalAttributes,
    ResourceChange,
    TerraformUnjudged,
    UnjudgedReason,
)

_WHY: Mapping[UnjudgedReason, str] = {
    "role-rules": "it changes what a role permits; which logins have the role is not in it",
    "names": "it may name users and groups, for which admission or limits then change",
    "identity-center": "IAM Identity Center may make or remove roles, or who may assume them",
    "user-keys": "it changes with which credentials an IAM user logs in",
    "trust-policy": "it changes who may assume the role of an access entry",
    "log-in-provider": "it changes who logs in through OpenID Connect",
    "node-roles": "EKS makes and removes access entries and rows of node roles with it",
    "manifest": "objects of this kind change access, and are not read",
    "manifest-unread": "its object is known after Terraform's apply only, or cannot be read",
    "object-unknown": "its name is known after Terraform's apply only: it may be aws-auth",
    "subjects-unknown": "whom the binding names is known after Terraform's apply only",
    "objects-elsewhere": "its objects are not in it, and may be aws-auth or bindings",
    "program": "it runs a program, of which the Terraform plan says nothing",
}


def unjudged_changes(
    scope: TerraformScope,
) -> Iterator[TerraformUnjudged]:
    """Every change that may matter to the plan's cluster and is not judged."""
    for each in scope.unread:
        yield TerraformUnjudged(each.address, f"{each.what}: {_WHY[each.reason]}")
    for change in scope.ours:
        if _other_trust(change):
            yield TerraformUnjudged(change.address, _WHY["trust-policy"])


def _other_trust(
    change: ResourceChange,
) -> bool:
    """Whether a principal that stays admits others than before."""
    before, after = change.before, change.after
    if not isinstance(before, PrincipalAttributes) or not isinstance(after, PrincipalAttributes):
        return False
    if "assume_role_policy" in change.unknown:
        return True
    return before.assume_role_policy != after.assume_role_policy
