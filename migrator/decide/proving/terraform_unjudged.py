"""What a Terraform plan may change of access that is not judged, and why.

"No problem" is said of what was judged only: each of these is named with its address.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from migrator.decide.proving.terraform_scope import TerraformScope, plan_subjects
from migrator.model.plan import Plan
from migrator.model.principal import parse_arn
from migrator.model.terraform_plan import (
    AssociationAttributes,
    EntryAttributes,
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
    "trusted-provider": "roles that trust it may admit no login then, or others",
    "node-roles": "EKS makes and removes access entries and rows of roles with it",
    "manifest": "objects of this kind change access, and are not read",
    "manifest-unread": "its object is known after Terraform's apply only, or cannot be read",
    "object-unknown": "its name is known after Terraform's apply only: it may be aws-auth",
    "subjects-unknown": "whom the binding names is known after Terraform's apply only",
    "objects-elsewhere": "its objects are not in it, and may be aws-auth or bindings",
    "program": "it runs a program, of which the Terraform plan says nothing",
}


def unjudged_changes(
    scope: TerraformScope,
    plan: Plan,
) -> Iterator[TerraformUnjudged]:
    """Every change that may matter to the plan's cluster and is not judged."""
    for each in scope.unread:
        yield TerraformUnjudged(each.address, f"{each.what}: {_WHY[each.reason]}")
    newcomers = _Newcomers(plan)
    for change in scope.ours:
        if _other_trust(change):
            yield TerraformUnjudged(change.address, _WHY["trust-policy"])
        given = newcomers.given(change)
        if given:
            yield TerraformUnjudged(change.address, given)


def is_none_of(
    change: ResourceChange,
    principals: Collection[str],
) -> bool:
    """Whether the principal of an entry or association, whose ARN is not known yet, is one that
    this Terraform plan makes and that is none of ``principals`` (ARNs).
    """
    taken = [arn.resource.lower() for arn in map(parse_arn, principals) if arn]
    return bool(change.principals) and not any(
        _may_be(made.lower(), each) for made in change.principals for each in taken
    )


def _may_be(
    made: str,
    resource: str,
) -> bool:
    """Whether a name, or one that begins with what is before the star, is the one given. IAM:
    names differ in more than upper and lower case.
    """
    begin, star, _ = made.partition("*")
    return resource.startswith(begin) if star else resource == made


class _Newcomers:
    """What Terraform gives principals that the plan does not have: whether they are to get it, the
    plan does not say.
    """

    def __init__(
        self,
        plan: Plan,
    ) -> None:
        self.planned = frozenset(each.principal_arn for each in plan.principals)
        self.subjects = plan_subjects(plan)

    def given(
        self,
        change: ResourceChange,
    ) -> str:
        """Which access, in words; empty for none, and for principals of the plan."""
        after = change.after
        if not change.actions & {"create", "update"}:
            return ""
        if not isinstance(after, EntryAttributes | AssociationAttributes):
            return ""
        arn = after.principal_arn or ", ".join(sorted(change.principals))
        known = bool(after.principal_arn) or is_none_of(change, self.planned)
        if after.principal_arn in self.planned or not known or _same(change.before, after):
            return ""
        return f"{arn} is not in the plan: it gets {self._words(after)}"

    def _words(
        self,
        after: EntryAttributes | AssociationAttributes,
    ) -> str:
        """The policy, or username and groups, with those that logins of the plan have as well."""
        if isinstance(after, AssociationAttributes):
            scopes = [", ".join(each.namespaces) for each in after.access_scope if each.namespaces]
            return f"{after.policy_arn} on {'; '.join(scopes) or 'the whole cluster'}"
        if after.type != "STANDARD":
            return f"an entry of type {after.type}"
        given = [("User", after.user_name)] if after.user_name else []
        given += [("Group", each) for each in sorted(after.kubernetes_groups)]
        words = [self._subject(kind, name) for kind, name in given]
        return ", ".join(words) or "an entry without groups"

    def _subject(
        self,
        kind: str,
        name: str,
    ) -> str:
        shared = " (which the plan has, too)" if (kind, name) in self.subjects else ""
        return f"the {'username' if kind == 'User' else 'group'} {name}{shared}"


def _same(
    before: object,
    after: EntryAttributes | AssociationAttributes,
) -> bool:
    """Whether an entry or association that exists gives the same as before."""
    if isinstance(before, EntryAttributes) and isinstance(after, EntryAttributes):
        return before == replace(after, access_entry_arn=before.access_entry_arn)
    return before == after


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
