"""Which changes of a Terraform plan are about the plan's cluster, and which side of each.

A resource that is moved from one cluster to another is destroyed on the one and made on the other:
each side belongs to the cluster that it names. A cluster of the same name in another account or
Region is another cluster; the AWS provider says both in the ARN, and from its version 6 on the
Region in ``region``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from migrator.model.plan import ClusterRef, Plan
from migrator.model.principal import parse_arn
from migrator.model.terraform_plan import (
    AssociationAttributes,
    Attributes,
    BindingAttributes,
    ClusterAttributes,
    ConfigMapAttributes,
    EntryAttributes,
    ObjectName,
    PrincipalAttributes,
    ResourceChange,
)

AWS_AUTH = (ObjectName("kube-system", "aws-auth"),)
# Resources that name their cluster.
_NAMING = (
    ClusterAttributes,
    EntryAttributes,
    AssociationAttributes,
)
_Naming: TypeAlias = ClusterAttributes | EntryAttributes | AssociationAttributes


@dataclass(frozen=True, slots=True)
class TerraformScope:
    """``ours``: the changes to judge, each with the sides of the plan's cluster only. ``others``:
    the names of other clusters, sorted; the ARN where the name is the same. ``named``: whether a
    resource names the plan's cluster.
    """

    ours: tuple[ResourceChange, ...]
    others: tuple[str, ...]
    named: bool


def terraform_scope(changes: Iterable[ResourceChange], plan: Plan) -> TerraformScope:
    """The changes that access to the plan's cluster depends on."""
    cluster = plan.cluster
    sides = [side for change in changes for side in (change.before, change.after)]
    naming = [each for each in sides if isinstance(each, _NAMING)]
    others = {_other_name(each, cluster) for each in naming if _foreign(each, cluster)}
    ours = [_our_sides(change, cluster) for change in changes]
    known = _Known(
        _principals(ours, plan),
        plan_subjects(plan),
        # In API mode EKS reads aws-auth no more.
        config_map=cluster.authentication_mode != "API",
    )
    return TerraformScope(
        tuple(each for each in ours if known.concerns(each.before) or known.concerns(each.after)),
        tuple(sorted(others)),
        _is_named(naming, cluster),
    )


def plan_subjects(plan: Plan) -> frozenset[tuple[str, str]]:
    """(kind, name) of what bindings name: the groups and usernames of the plan's entries."""
    entries = [each.entry for each in plan.principals if each.entry]
    groups = {("Group", group) for each in entries for group in each.kubernetes_groups}
    users = {("User", each.username) for each in entries if each.username}
    return frozenset(groups | users)


@dataclass(frozen=True, slots=True)
class _Known:
    """``principals``: ARNs of those that have an entry. ``subjects``: see :func:`plan_subjects`.
    ``config_map``: whether EKS reads aws-auth.
    """

    principals: frozenset[str]
    subjects: frozenset[tuple[str, str]]
    config_map: bool

    def concerns(self, side: Attributes | None) -> bool:
        """Whether access depends on such an object."""
        match side:
            case None:
                return False
            case ConfigMapAttributes():
                return self.config_map
            case PrincipalAttributes(arn=arn):
                return arn in self.principals
            case BindingAttributes(subject=subjects):
                return not self.subjects.isdisjoint((each.kind, each.name) for each in subjects)
            case _:
                return True


def _principals(changes: Iterable[ResourceChange], plan: Plan) -> frozenset[str]:
    """Principals with an entry: in the plan, and in the state that Terraform has."""
    planned = {each.principal_arn for each in plan.principals if each.entry}
    managed = {
        each.before.principal_arn for each in changes if isinstance(each.before, EntryAttributes)
    }
    return frozenset(planned | managed)


def _our_sides(change: ResourceChange, cluster: ClusterRef) -> ResourceChange:
    """The change without what it does on another cluster, or to another ConfigMap."""
    before, after = change.before, change.after
    actions = change.actions
    if _foreign(before, cluster):
        # What comes from elsewhere is made here.
        before = None
        actions = actions - {"delete", "update"} | {"create"}
    if _foreign(after, cluster):
        after = None
        actions = actions - {"create"}
    return replace(
        change,
        before=before,
        after=after,
        actions=actions,
    )


def _foreign(side: Attributes | None, cluster: ClusterRef) -> bool:
    """Whether the object names another cluster, or is another ConfigMap than aws-auth. What it does
    not say counts as this one's.
    """
    if isinstance(side, ConfigMapAttributes):
        return side.metadata != AWS_AUTH
    if not isinstance(side, _NAMING):
        return False
    return side.cluster_name not in ("", cluster.name) or _elsewhere(side, cluster)


def _elsewhere(side: _Naming, cluster: ClusterRef) -> bool:
    """Whether the object is in another Region or account."""
    arn = parse_arn(side.arn)
    said = {("region", side.region)}
    if arn is not None:
        said |= {
            ("region", arn.region),
            ("account", arn.account),
        }
    here = {
        "region": ("", cluster.region),
        "account": ("", cluster.account_id),
    }
    return any(value not in here[part] for part, value in said)


def _is_named(
    sides: Iterable[_Naming],
    cluster: ClusterRef,
) -> bool:
    """Whether an object is surely of the plan's cluster: it says where it is, or says the name and
    no other object is of a cluster of this name elsewhere.
    """
    same_name = [each for each in sides if each.cluster_name == cluster.name]
    here = [each for each in same_name if not _foreign(each, cluster)]
    # The provider says no ARN of an association.
    placed = any(each.arn or each.region for each in here)
    return placed or (bool(here) and len(here) == len(same_name))


def _other_name(side: _Naming, cluster: ClusterRef) -> str:
    """The other cluster's name, with its place where the name is that of the plan's cluster."""
    if side.cluster_name != cluster.name:
        return side.cluster_name
    arn = parse_arn(side.arn)
    account = f" in account {arn.account}" if arn else ""
    region = arn.region if arn else side.region
    return f"{side.cluster_name} in {region}{account}"
