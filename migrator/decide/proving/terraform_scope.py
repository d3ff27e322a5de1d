"""Which changes of a Terraform plan are about the plan's cluster, and which side of each.

A resource that is moved from one cluster to another is destroyed on the one and made on the other:
each side belongs to the cluster that it names. A cluster of the same name in another account or
Region is another cluster; the AWS provider says both in the ARN, and from its version 6 on the
Region in ``region``; before, the configuration of the provider may say them. An object of
Kubernetes names no cluster: it is of the one that its provider leads to.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from migrator.decide.reading.templates import can_become
from migrator.model.plan import ClusterRef, Plan
from migrator.model.principal import parse_arn
from migrator.model.terraform_plan import (
    AssociationAttributes,
    Attributes,
    BindingAttributes,
    ClusterAttributes,
    ClusterName,
    ConfigMapAttributes,
    EntryAttributes,
    ObjectName,
    PrincipalAttributes,
    ProviderPlace,
    ResourceChange,
    SubjectName,
    TerraformPlan,
    UnreadChange,
)

AWS_AUTH = (ObjectName("kube-system", "aws-auth"),)
# Resources that name their cluster.
_NAMING = (
    ClusterAttributes,
    EntryAttributes,
    AssociationAttributes,
)
_Naming: TypeAlias = ClusterAttributes | EntryAttributes | AssociationAttributes
_IN_KUBERNETES = (ConfigMapAttributes, BindingAttributes)
# Kubernetes: every login has the first group, a request without a login the second.
_OF_ALL_LOGINS = frozenset(
    {
        ("Group", "system:authenticated"),
        ("Group", "system:unauthenticated"),
    }
)
_Whose: TypeAlias = Literal["ours", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class _Identity:
    """A cluster as a resource says it; empty for what it does not say."""

    name: str
    region: str = ""
    account: str = ""

    def is_one_of(
        self,
        clusters: Iterable[ClusterRef],
    ) -> bool:
        """Whether it may be one of the clusters."""
        return any(
            self.name in ("", each.name)
            and self.region in ("", each.region)
            and self.account in ("", each.account_id)
            for each in clusters
        )

    def words(
        self,
        names: Collection[str],
    ) -> str:
        """The name, with the place where one of ``names`` is the same."""
        if self.name not in names:
            return self.name
        place = f" in {self.region}" if self.region else ""
        return f"{self.name}{place}" + (f" in account {self.account}" if self.account else "")


@dataclass(frozen=True, slots=True)
class TerraformScope:
    """``ours``: the changes to judge, each with the sides of the plan's cluster only. ``others``:
    the names of other clusters, sorted; with the place where the name is the same. ``named``:
    whether a resource, or its provider, names the plan's cluster. ``doubtful``: addresses of
    objects of Kubernetes of which the document does not show whose they are. ``unread``: what may
    matter to the cluster besides.
    """

    ours: tuple[ResourceChange, ...]
    others: tuple[str, ...]
    named: bool
    doubtful: frozenset[str]
    unread: tuple[UnreadChange, ...]


def terraform_scope(
    terraform: TerraformPlan, plan: Plan, given: Iterable[ClusterRef] = ()
) -> TerraformScope:
    """The changes that access to the plan's cluster depends on. ``given``: clusters that are judged
    by their own plans, and are no others.
    """
    cluster = plan.cluster
    clusters = (cluster, *given)
    identities = _all_identities(terraform)
    foreign = {each for each in identities if not each.is_one_of((cluster,))}
    provider = _Provider(cluster, frozenset(each.name for each in foreign) - {cluster.name})
    concerned = _concerned(terraform.changes, plan, provider)
    objects = [each for each in concerned if _in_kubernetes(each)]
    named = _is_named(identities, cluster)
    # With one cluster in the document, and one way to it, an object is of that.
    sure = named and not foreign and len({each.place for each in objects}) == 1
    unknown = [each.address for each in objects if provider.whose(each.place) == "unknown"]
    return TerraformScope(
        concerned,
        tuple(sorted({*_others(terraform, clusters)})),
        named or any(provider.whose(each.place) == "ours" for each in objects),
        frozenset() if sure else frozenset(unknown),
        tuple(filter(provider.may_concern, terraform.unread)),
    )


def _all_identities(terraform: TerraformPlan) -> set[_Identity]:
    """The clusters that resources and providers name."""
    found: set[_Identity] = set()
    for change in terraform.changes:
        found |= {*_identities(change)}
    for place in _places(terraform):
        found |= {*map(_of_name, place.clusters)}
    return found


def _concerned(
    changes: Iterable[ResourceChange],
    plan: Plan,
    provider: "_Provider",
) -> tuple[ResourceChange, ...]:
    """The changes to judge, without what they do on other clusters."""
    ours = [
        _our_sides(change, plan.cluster)
        for change in changes
        if not (_in_kubernetes(change) and provider.whose(change.place) == "other")
    ]
    known = _Known(
        _principals(ours, plan),
        plan_subjects(plan),
        # In API mode EKS reads aws-auth no more.
        config_map="API" not in (plan.cluster.authentication_mode, *_modes_now(ours)),
    )
    return tuple(each for each in ours if known.concerns(each.before) or known.concerns(each.after))


def _modes_now(
    changes: Iterable[ResourceChange],
) -> Iterator[str]:
    """The mode that the plan's cluster is in now, where its own resource says so."""
    for change in changes:
        if isinstance(change.before, ClusterAttributes) and change.before.arn:
            yield change.before.mode


def _others(
    terraform: TerraformPlan,
    clusters: Collection[ClusterRef],
) -> Iterator[str]:
    """The names of clusters besides ``clusters`` that Terraform may change."""
    names = {each.name for each in clusters}
    for change in terraform.changes:
        found = [*_identities(change)]
        if _in_kubernetes(change):
            found += map(_of_name, change.place.clusters)
        for each in found:
            if not each.is_one_of(clusters):
                yield each.words(names)


def plan_subjects(
    plan: Plan,
) -> frozenset[tuple[str, str]]:
    """(kind, name) of what bindings name: groups and usernames, templates too, of the plan's
    entries and of what they take the place of, and the groups of all logins.
    """
    entries = [each.entry for each in plan.principals if each.entry]
    before = [each.before for each in plan.principals if each.before.via != "none"]
    groups = {("Group", group) for each in entries for group in each.kubernetes_groups}
    groups |= {("Group", group) for each in before for group in each.groups}
    names = [each.username for each in entries] + [each.username for each in before]
    users = {("User", name) for name in names if name}
    return frozenset(groups | users | _OF_ALL_LOGINS)


def named_subjects(
    subjects: Iterable[SubjectName], known: frozenset[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """(kind, name) of the subjects of a binding that a login of ``known`` may have."""
    templates = [name for kind, name in known if kind == "User" and "{{" in name]
    return frozenset(
        (each.kind, each.name)
        for each in subjects
        if (each.kind, each.name) in known
        or (each.kind == "User" and any(can_become(one, each.name) for one in templates))
    )


@dataclass(frozen=True, slots=True)
class _Provider:
    """Whose cluster a provider of Kubernetes leads to. ``others``: names of other clusters."""

    cluster: ClusterRef
    others: frozenset[str]

    def whose(
        self,
        place: ProviderPlace,
    ) -> _Whose:
        """Unknown where the configuration says nothing of it, or names several."""
        found = {_of_name(each).is_one_of((self.cluster,)) for each in place.clusters}
        if not found:
            # A name that goes through a variable is a text like others. That another cluster is
            # called like a profile or a user does not show that the provider leads there.
            found |= {True for each in place.texts if each == self.cluster.name}
            # Nor does a variable that is a part of this cluster's name, which may be put together.
            parts = (each for each in place.names if each not in self.cluster.name)
            found |= {False for each in parts if each in self.others}
        if len(found) != 1:
            return "unknown"
        return "ours" if found == {True} else "other"

    def may_concern(self, change: UnreadChange) -> bool:
        """Whether a change that is not judged may be of the cluster."""
        if change.cluster_name not in ("", self.cluster.name):
            return False
        return self.whose(change.place) != "other"


@dataclass(frozen=True, slots=True)
class _Known:
    """``principals``: ARNs of those that have an entry. ``subjects``: see :func:`plan_subjects`.
    ``config_map``: whether EKS reads aws-auth.
    """

    principals: frozenset[str]
    subjects: frozenset[tuple[str, str]]
    config_map: bool

    def concerns(
        self,
        side: Attributes | None,
    ) -> bool:
        """Whether access depends on such an object."""
        match side:
            case None:
                return False
            case ConfigMapAttributes():
                return self.config_map
            case PrincipalAttributes(arn=arn):
                return arn in self.principals
            case BindingAttributes(subject=subjects):
                return bool(named_subjects(subjects, self.subjects))
            case _:
                return True


def _in_kubernetes(
    change: ResourceChange,
) -> bool:
    """Whether it is an object of the Kubernetes API, which names no cluster."""
    return isinstance(change.before or change.after, _IN_KUBERNETES)


def _places(
    terraform: TerraformPlan,
) -> Iterator[ProviderPlace]:
    """The places of all that was read."""
    yield from (each.place for each in terraform.changes)
    yield from (each.place for each in terraform.unread)


def _identities(
    change: ResourceChange,
) -> Iterator[_Identity]:
    """The clusters that the sides of a change name."""
    for side in (change.before, change.after):
        if isinstance(side, _NAMING):
            yield _identity(side, change.place)


def _identity(
    side: _Naming,
    place: ProviderPlace,
) -> _Identity:
    """The cluster that an object of the AWS provider names; its place is in its ARN, else where the
    provider leads to.
    """
    arn = parse_arn(side.arn)
    if arn is not None:
        return _Identity(side.cluster_name, arn.region, arn.account)
    return _Identity(
        side.cluster_name,
        side.region or place.region,
        place.account,
    )


def _of_name(
    found: ClusterName,
) -> _Identity:
    """The cluster that a provider names."""
    arn = parse_arn(found.arn)
    if arn is None:
        return _Identity(found.name)
    return _Identity(found.name, arn.region, arn.account)


def _principals(
    changes: Iterable[ResourceChange],
    plan: Plan,
) -> frozenset[str]:
    """Principals with an entry: in the plan, and in the state that Terraform has."""
    planned = {each.principal_arn for each in plan.principals if each.entry}
    managed = {
        each.before.principal_arn for each in changes if isinstance(each.before, EntryAttributes)
    }
    return frozenset(planned | managed)


def _our_sides(
    change: ResourceChange,
    cluster: ClusterRef,
) -> ResourceChange:
    """The change without what it does on another cluster, or to another ConfigMap."""
    before, after = change.before, change.after
    actions = change.actions
    if _foreign(before, change.place, cluster):
        # What comes from elsewhere is made here.
        before = None
        actions = actions - {"delete", "update"} | {"create"}
    if _foreign(after, change.place, cluster):
        after = None
        actions = actions - {"create"}
    return replace(
        change,
        before=before,
        after=after,
        actions=actions,
    )


def _foreign(
    side: Attributes | None,
    place: ProviderPlace,
    cluster: ClusterRef,
) -> bool:
    """Whether the object names another cluster, or is another ConfigMap than aws-auth. What it does
    not say counts as this one's.
    """
    if isinstance(side, ConfigMapAttributes):
        return side.metadata != AWS_AUTH
    if not isinstance(side, _NAMING):
        return False
    return not _identity(side, place).is_one_of((cluster,))


def _is_named(
    identities: Iterable[_Identity],
    cluster: ClusterRef,
) -> bool:
    """Whether an object is surely of the plan's cluster: it says where it is, or says the name and
    no other object is of a cluster of this name elsewhere.
    """
    same_name = [each for each in identities if each.name == cluster.name]
    here = [each for each in same_name if each.is_one_of((cluster,))]
    placed = any(each.region or each.account for each in here)
    return placed or (bool(here) and len(here) == len(same_name))
