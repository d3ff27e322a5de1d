"""Whether what Terraform is about to do takes access away, or gives other access than the plan.

Sources of the rules: in the AWS provider the type of an entry and the scope of an association force
a replacement, and ``user_name`` and ``kubernetes_groups`` are optional and computed
(``internal/service/eks/access_entry.go``, ``access_policy_association.go``), so that code without
them leaves the value of an entry that exists, and leaves it to EKS for one that is made. A
replacement destroys first, or, with ``create_before_destroy``, disassociates the policy that was
just associated: either way the principal is without it. A change that leads to what the plan has is
right, whatever was there before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from migrator.decide.planning.proof.basis import aws_auth_basis, has_binding
from migrator.decide.proving.terraform_scope import (
    TerraformScope,
    named_subjects,
    plan_subjects,
    terraform_scope,
)
from migrator.decide.proving.terraform_unjudged import is_none_of, unjudged_changes
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.steps.entry_states import default_username, final_spec
from migrator.errors import assert_never
from migrator.model.access_entry import AccessScope, EntrySpec
from migrator.model.plan import ClusterRef, Plan, PlannedPrincipal
from migrator.model.rbac import Binding, Subject
from migrator.model.step import CreateBinding
from migrator.model.terraform_plan import (
    ACCEPTABLE,
    AssociationAttributes,
    BindingAttributes,
    ClusterAttributes,
    ConfigMapAttributes,
    EntryAttributes,
    PrincipalAttributes,
    ResourceChange,
    SubjectName,
    TerraformFault,
    TerraformPlan,
    TerraformProblem,
    TerraformVerdict,
)

_LATER = "known after Terraform's apply only"
_TYPE = frozenset({"type"})
_OF_ENTRY = _TYPE | {"user_name", "kubernetes_groups"}
_PRINCIPAL = frozenset({"cluster_name", "principal_arn"})
# What says which object a resource is.
_NAMED_BY: Mapping[type, frozenset[str]] = {
    EntryAttributes: _PRINCIPAL,
    AssociationAttributes: _PRINCIPAL | {"policy_arn"},
}
# The entry as it is, if there is one, and as it may become.
_Allowed: TypeAlias = tuple[EntryAttributes | None, EntryAttributes]
# (fault, what happens): the address is the change's.
_Said: TypeAlias = tuple[TerraformFault, str]
_OwnBinding: TypeAlias = tuple[str, str, str, str]
# Which entry a principal has in the plan: None for one that is skipped or blocked.
_Planned: TypeAlias = dict[str, EntrySpec | None]
_DOUBT = "whose cluster it is, the Terraform plan does not show (provider {})"


def judge_terraform_plan(
    terraform: TerraformPlan,
    plan: Plan,
    given: Iterable[ClusterRef] = (),
    accepted: Collection[str] = (),
) -> TerraformVerdict:
    """Every change of the plan's cluster, its entries, associations and aws-auth, and of the IAM
    principals and the bindings behind its entries. Resources of another cluster are counted by its
    name; one whose cluster is not known is judged. ``given``: clusters that are judged by plans of
    their own, and are not counted. ``accepted``: addresses of which a person has agreed to more
    access (:data:`ACCEPTABLE`).
    """
    planned: _Planned = {each.principal_arn: each.entry for each in plan.principals}
    # Apply completes an entry that EKS makes, where the row gives more.
    awaited = [each.principal_arn for each in plan.principals if each.action == "await"]
    planned |= {arn: final_spec(plan, arn) for arn in awaited}
    scope = terraform_scope(terraform, plan, given)
    rows = Rows(plan.basis.get("awsAuth") or {})
    bindings = Bindings(plan.basis, plan_subjects(plan), own_bindings(plan))
    problems = [
        TerraformProblem(change.address, fault, _with_doubt(what, change, scope))
        for change in scope.ours
        for fault, what in _judge(change, planned, rows, bindings)
    ]
    problems += _without_their_policies(scope.ours, plan)
    problems += _twice(scope.ours)
    unjudged = tuple(unjudged_changes(scope, plan))
    left = {each.address for each in unjudged}
    agreed = [each for each in problems if _is_accepted(each, plan, accepted)]
    return TerraformVerdict(
        tuple(each for each in problems if each not in agreed),
        sum(change.address not in left for change in scope.ours),
        scope.others,
        scope.named,
        unjudged,
        tuple(sorted(scope.doubtful)),
        tuple(agreed),
    )


def _is_accepted(
    problem: TerraformProblem,
    plan: Plan,
    accepted: Collection[str],
) -> bool:
    """Whether a person has agreed to it: with the plan, to the time without a policy; by its
    address, to more access.
    """
    if problem.fault == "entry-before-policy":
        return any(each.code == "gap-accepted" for each in plan.findings)
    return problem.fault in ACCEPTABLE and problem.address in accepted


def _with_doubt(
    what: str,
    change: ResourceChange,
    scope: TerraformScope,
) -> str:
    """The problem of an object of Kubernetes that may be another cluster's says so."""
    if change.address not in scope.doubtful:
        return what
    provider = change.place.provider or "not known"
    return f"{what}; {_DOUBT.format(provider)}"


def _judge(
    change: ResourceChange,
    planned: _Planned,
    rows: "Rows",
    bindings: "Bindings",
) -> Iterator[_Said]:
    """The destruction of what exists, then what the object is like afterwards."""
    if not _leaves_the_plan(change, planned):
        yield from _destroyed(change)
    later = sorted(change.unknown & _NAMED_BY.get(type(change.after), frozenset()))
    if later == ["principal_arn"] and is_none_of(change, planned):
        # A principal that Terraform makes now has no row; what it gets is named.
        return
    if later:
        # It may be about any principal of the plan.
        yield "value-unknown", f"{', '.join(later)}: {_LATER}"
        return
    match change.after:
        case None:
            return
        case PrincipalAttributes() as after:
            yield from _principal(change, after)
        case ClusterAttributes() as after:
            yield from _cluster(change.before, after)
        case ConfigMapAttributes() as after:
            yield from rows.judge(change, after)
        case EntryAttributes() as after:
            yield from _entry(change, after, planned)
        case AssociationAttributes() as after:
            yield from _association(change, after, planned)
        case BindingAttributes() as after:
            yield from bindings.judge(change, after)
        case _:
            assert_never(change.after)


def _leaves_the_plan(
    change: ResourceChange,
    planned: _Planned,
) -> bool:
    """Whether what is destroyed alone is the association of a policy that the plan's entry of this
    principal does not have: then it leads to the plan.
    """
    before = change.before
    if not isinstance(before, AssociationAttributes) or change.after is not None:
        return False
    entry = planned.get(before.principal_arn)
    return entry is not None and not _scopes(entry, before.policy_arn)


def _destroyed(
    change: ResourceChange,
) -> Iterator[_Said]:
    """The object that exists is deleted, alone or to be made again. A ``deposed`` object, which a
    replacement that failed left behind, has the same id as the one that is in use.
    """
    if not change.destroys:
        return
    faults: tuple[TerraformFault, TerraformFault]
    match change.before:
        case ClusterAttributes():
            faults, what = ("cluster-destroyed", "cluster-replaced"), "the cluster"
        case ConfigMapAttributes():
            faults, what = ("aws-auth-destroyed", "aws-auth-replaced"), "aws-auth"
        case AssociationAttributes(principal_arn=arn, policy_arn=policy):
            faults = ("association-destroyed", "association-replaced")
            what = f"the association of {policy} with {arn}"
        case EntryAttributes(principal_arn=arn):
            faults, what = ("entry-destroyed", "entry-replaced"), f"the entry of {arn}"
        # EKS: an entry is bound to the unique id of its principal, which one of the same name that
        # is made later does not have.
        case PrincipalAttributes(arn=arn):
            faults = ("principal-destroyed", "principal-replaced")
            what = f"{arn}, whose entry then admits no login,"
        case BindingAttributes(subject=subjects):
            faults = ("binding-destroyed", "binding-replaced")
            what = f"the binding of {', '.join(each.name for each in subjects)}"
        case None:
            return
        case _:
            assert_never(change.before)
    if "create" not in change.actions:
        yield faults[0], f"{what} is destroyed"
        return
    forced = ", ".join(change.replace_paths) or "an attribute that cannot be updated"
    yield faults[1], f"{what} is destroyed and made again, forced by {forced}"


def _principal(
    change: ResourceChange,
    after: PrincipalAttributes,
) -> Iterator[_Said]:
    """Another name or path, which the AWS provider gives a user that stays: its ARN is then another
    one than that of its entry or row (IAM API, UpdateUser).
    """
    before = change.before
    # One that is made again was named as such already.
    if not isinstance(before, PrincipalAttributes) or change.destroys:
        return
    had, has = ((each.path, each.name) for each in (before, after))
    if had != has:
        what = f"{before.arn} gets another name or path, and its entry or row admits no login then"
        yield "principal-renamed", what


def _cluster(
    before: object,
    after: ClusterAttributes,
) -> Iterator[_Said]:
    """The authentication mode, in both directions: one is refused by EKS, the other cannot be
    undone.
    """
    # EKS takes no mode back, and only the cut-over asks its gates first.
    if isinstance(before, ClusterAttributes) and before.mode != after.mode:
        what = f"the authentication mode goes from {before.mode} to {after.mode or 'no known one'}"
        yield "mode-changed", f"{what}: EKS has no way back"


@dataclass(frozen=True, slots=True)
class Rows:
    """aws-auth as the plan was made from it: ``basis`` is ``awsAuth`` of the plan's basis."""

    basis: Mapping[str, Any]

    def judge(
        self,
        change: ResourceChange,
        after: ConfigMapAttributes,
    ) -> Iterator[_Said]:
        """Any other text of aws-auth. Which access it gives is for `migrate plan` to say, not for
        Terraform.
        """
        if "data" in change.unknown:
            yield "value-unknown", f"the rows of aws-auth: {_LATER}"
            return
        before = change.before
        if isinstance(before, ConfigMapAttributes):
            same = before.data == after.data
        else:
            # ``kubernetes_config_map_v1_data`` and ``kubectl_manifest`` are made by an apply onto
            # the ConfigMap that exists: its rows are overwritten.
            same = self._has(after.data)
        if not same:
            yield "aws-auth-changed", "the rows of aws-auth are changed"

    def _has(
        self,
        data: Mapping[str, str],
    ) -> bool:
        """Whether the sections in ``data`` have the rows that the plan was made from; a section
        that is not in it is left as it is.
        """
        made = aws_auth_basis(read_aws_auth(data))
        rows = [
            [*row] for row in self.basis.get("rows", ()) if str(row[0]).partition("[")[0] in data
        ]
        accounts = self.basis.get("accounts", []) if "mapAccounts" in data else []
        return (made["rows"], made["accounts"]) == (rows, accounts)


@dataclass(frozen=True, slots=True)
class Bindings:
    """Bindings as the plan was made with them. ``basis``: the plan's; ``subjects``: see
    :func:`plan_subjects`; ``own``: see :func:`own_bindings`.
    """

    basis: Mapping[str, Any]
    subjects: frozenset[tuple[str, str]]
    own: frozenset[_OwnBinding]

    def judge(
        self,
        change: ResourceChange,
        after: BindingAttributes,
    ) -> Iterator[_Said]:
        """Groups and users of the plan that a binding no longer names, and those that it gives a
        role which the plan did not know.
        """
        before = change.before
        if not isinstance(before, BindingAttributes):
            before = BindingAttributes()
        had = named_subjects(before.subject, self.subjects)
        has = named_subjects(after.subject, self.subjects)
        # A binding that is replaced was named as such already.
        if not change.destroys:
            for kind, name in sorted(had - has):
                yield "binding-changed", f"the binding no longer names the {kind.lower()} {name}"
        # What is bound to another role was not bound to this one.
        if before.role_ref != after.role_ref:
            had = frozenset()
        if not self._had(after):
            yield from self._gained(has - had - self._made(after), after)

    def _made(
        self,
        after: BindingAttributes,
    ) -> frozenset[tuple[str, str]]:
        """The groups that a step of the plan gives this role, whatever its binding is called."""
        spaces = {each.namespace for each in after.metadata} or {""}
        roles = {(each.kind, each.name) for each in after.role_ref}
        return frozenset(
            ("Group", group)
            for space, kind, name, group in self.own
            if space in spaces and (kind, name) in roles
        )

    def _gained(
        self,
        subjects: frozenset[tuple[str, str]],
        after: BindingAttributes,
    ) -> Iterator[_Said]:
        """Groups and users that get a role."""
        roles = " ".join(f"{each.kind} {each.name}" for each in after.role_ref)
        for kind, name in sorted(subjects):
            what = f"the {kind.lower()} {name} gets {roles or 'a role that is not known'}"
            yield "binding-added", f"{what}, which the plan does not know of"

    def _had(
        self,
        after: BindingAttributes,
    ) -> bool:
        """Whether the cluster had the very binding when the plan was made."""
        if not after.metadata or not after.role_ref:
            return False
        named, role = after.metadata[0], after.role_ref[0]
        subjects = [_subject(each) for each in after.subject]
        kind: Any = role.kind
        binding = Binding(
            named.name,
            named.namespace or None,
            kind,
            role.name,
            tuple(subjects),
            {},
        )
        return has_binding(self.basis, binding)


def own_bindings(plan: Plan) -> frozenset[_OwnBinding]:
    """What the plan's own steps bind: (namespace or empty, kind and name of the role, group)."""
    effects = [each.effect for each in plan.steps]
    return frozenset(
        (each.namespace or "", each.role_kind, each.role_name, each.group)
        for each in effects
        if isinstance(each, CreateBinding)
    )


def _subject(
    found: SubjectName,
) -> Subject:
    """A subject as the cluster has it. The provider gives groups and users a namespace, too."""
    kind: Any = found.kind
    namespace = found.namespace if kind == "ServiceAccount" else None
    return Subject(kind, found.name, namespace)


def _entry(
    change: ResourceChange,
    after: EntryAttributes,
    planned: _Planned,
) -> Iterator[_Said]:
    """Type, username and groups against the plan's entry; of a principal that the plan does not
    have, against the entry as it is.
    """
    arn = after.principal_arn
    before = change.before if isinstance(change.before, EntryAttributes) else None
    wanted = planned.get(arn)
    reference = before
    if wanted is not None:
        name = wanted.username or default_username(arn)
        groups = frozenset(wanted.kubernetes_groups)
        reference = EntryAttributes("", arn, wanted.type, name, groups)
    if reference is None:
        # A principal that the plan does not have is named as not judged; one that it has and leaves
        # without an entry would gain access.
        if arn in planned:
            yield "entry-not-planned", f"an entry is made for {arn}, which has none in the plan"
        return
    exists = before is not None and not change.destroys
    # Username and groups that are not set are computed by EKS when it makes the entry; those of
    # node types always.
    set_later = change.unknown if exists else _TYPE & change.unknown
    if after.type == "STANDARD":
        set_later |= change.given & change.unknown
    later = sorted(set_later & _OF_ENTRY)
    if later:
        yield "value-unknown", f"{', '.join(later)} of {arn}: {_LATER}"
        return
    # What stays as it is does no harm now, even where the plan has something else.
    allowed = (before, reference)
    yield from _type(allowed, after)
    # EKS sets username and groups of node types, and takes them from no caller.
    if after.type == "STANDARD":
        yield from _username(allowed, after, exists=exists)
        yield from _groups(allowed, after)


def _type(
    allowed: _Allowed,
    after: EntryAttributes,
) -> Iterator[_Said]:
    """Another type: nodes that are STANDARD do not join, principals that are nodes have no
    groups.
    """
    if after.type not in {each.type for each in allowed if each}:
        yield "type-changed", f"the type goes from {allowed[1].type} to {after.type}"


def _username(
    allowed: _Allowed,
    after: EntryAttributes,
    *,
    exists: bool,
) -> Iterator[_Said]:
    """A username that is lost or another one: RBAC that names the user then gives nothing.

    ``exists``: the entry is updated, so that a name that is not set is none; where it is made, EKS
    gives its own.
    """
    given = default_username(after.principal_arn)
    name = after.user_name if exists else after.user_name or given
    if name in {each.user_name for each in allowed if each}:
        return
    reference = allowed[1].user_name
    if name in ("", given):
        yield "username-dropped", f"the username {reference} is dropped"
        return
    yield "username-changed", f"the username goes from {reference} to {name}"


def _groups(
    allowed: _Allowed,
    after: EntryAttributes,
) -> Iterator[_Said]:
    """Groups that are lost or gained, as sets: the provider has them as one."""
    found, wanted = after.kubernetes_groups, allowed[1].kubernetes_groups
    if found in {each.kubernetes_groups for each in allowed if each}:
        return
    faults: dict[TerraformFault, frozenset[str]] = {
        "groups-dropped": wanted - found,
        "groups-added": found - wanted,
    }
    for fault, groups in faults.items():
        if groups:
            yield fault, f"{fault.replace('-', ' ')}: {', '.join(sorted(groups))}"


def _association(
    change: ResourceChange,
    after: AssociationAttributes,
    planned: _Planned,
) -> Iterator[_Said]:
    """The policy's scope against the plan's; of a policy that the plan does not have, against the
    scope that is there.
    """
    before = change.before
    scopes = before.access_scope if isinstance(before, AssociationAttributes) else ()
    wanted = _scopes(planned.get(after.principal_arn), after.policy_arn) or scopes
    if not wanted:
        # A policy that the plan does not have, for a principal that it has, gives more than it
        # announced.
        if after.principal_arn in planned:
            with_whom = f"{after.policy_arn} is associated with {after.principal_arn}"
            yield "policy-widened", f"{with_whom}, which the plan does not do"
        return
    if "access_scope" in change.unknown or not after.access_scope:
        yield "value-unknown", f"the scope of {after.policy_arn} is {_LATER}"
        return
    found = _unordered(after.access_scope[0])
    if found not in map(_unordered, (*scopes, *wanted)):
        fault = _direction(_unordered(wanted[0]), found)
        sides = f"{_words(wanted[0])} to {_words(after.access_scope[0])}"
        yield fault, f"{after.policy_arn} goes from {sides}"


def _scopes(
    entry: EntrySpec | None,
    policy: str,
) -> tuple[AccessScope, ...]:
    """The scope that the plan gives the policy; empty where the entry does not have it."""
    if entry is None:
        return ()
    return tuple(each.scope for each in entry.access_policies if each.policy_arn == policy)


def _unordered(
    scope: AccessScope,
) -> tuple[str, frozenset[str]]:
    """EKS API: the order of the namespaces in an access scope has no meaning."""
    return scope.type, frozenset(scope.namespaces)


def _direction(
    wanted: tuple[str, frozenset[str]],
    found: tuple[str, frozenset[str]],
) -> TerraformFault:
    """Whether a scope grows or shrinks. A pattern of namespaces is a name like others here."""
    # The whole cluster is more than any namespaces.
    if "cluster" in (found[0], wanted[0]):
        return "policy-widened" if found[0] == "cluster" else "policy-narrowed"
    if found[1] < wanted[1]:
        return "policy-narrowed"
    return "policy-widened" if found[1] > wanted[1] else "policy-changed"


def _words(
    scope: AccessScope,
) -> str:
    """``the cluster`` or its namespaces, in the order of the code."""
    names = {"cluster": "the cluster", "namespace": f"namespaces {', '.join(scope.namespaces)}"}
    return names[scope.type]


def _twice(
    changes: Iterable[ResourceChange],
) -> Iterator[TerraformProblem]:
    """Entries that Terraform makes although another resource has them: modules make entries of
    their own (terraform-aws-modules/eks, ``create_access_entry`` of node groups and Karpenter).
    """
    entries = [(each, each.after) for each in changes if isinstance(each.after, EntryAttributes)]
    addresses: dict[str, set[str]] = {}
    for change, after in entries:
        addresses.setdefault(after.principal_arn, set()).add(change.address)
    for change, after in entries:
        others = addresses[after.principal_arn] - {change.address}
        if after.principal_arn and others and "create" in change.actions:
            what = f"the entry of {after.principal_arn} is that of {', '.join(sorted(others))}, too"
            yield TerraformProblem(
                change.address, "entry-twice", f"{what}: EKS refuses the second one"
            )


def _without_their_policies(
    changes: Iterable[ResourceChange],
    plan: Plan,
) -> Iterator[TerraformProblem]:
    """Entries that Terraform makes without a policy that they have in the plan, or before it. One
    that exists may have its policies outside of Terraform.
    """
    associated: set[tuple[str, str]] = set()
    there = _policies_there(plan)
    made: list[tuple[str, EntryAttributes]] = []
    thinned: list[tuple[str, EntryAttributes]] = []
    for change in changes:
        match change.after:
            case AssociationAttributes(principal_arn=arn, policy_arn=policy):
                associated.add((arn, policy))
                if change.before is not None and not change.destroys:
                    there.add((arn, policy))
            case EntryAttributes() as after if "create" in change.actions:
                made.append((change.address, after))
            case EntryAttributes() as after if _takes_away(change.before, after):
                thinned.append((change.address, after))
    principals = {each.principal_arn: each for each in plan.principals if each.entry}
    for address, after in made:
        principal = principals.get(after.principal_arn)
        if principal is not None:
            for fault, what in _policies_of_made(principal, after, associated):
                yield TerraformProblem(address, fault, what)
    for address, after in thinned:
        principal = principals.get(after.principal_arn)
        if principal is not None:
            for fault, what in _policies_of_thinned(principal, there, associated):
                yield TerraformProblem(address, fault, what)


def _policies_there(plan: Plan) -> set[tuple[str, str]]:
    """(principal, policy) of what was associated when the plan was made."""
    entries = plan.basis.get("accessEntries") or {}
    return {(arn, str(policy[0])) for arn, entry in entries.items() for policy in entry["policies"]}


def _takes_away(
    before: object,
    after: EntryAttributes,
) -> bool:
    """Whether an entry that exists loses its username or a group."""
    if not isinstance(before, EntryAttributes):
        return False
    return before.user_name != after.user_name or not (
        before.kubernetes_groups <= after.kubernetes_groups
    )


def _policies_of_thinned(
    principal: PlannedPrincipal,
    there: set[tuple[str, str]],
    associated: set[tuple[str, str]],
) -> Iterator[_Said]:
    """Policies of the plan that are to give what the entry loses, and are not there yet. Terraform
    updates the entry first: the association refers to it.
    """
    arn = principal.principal_arn
    policies = principal.entry.access_policies if principal.entry else ()
    for policy in policies:
        named = (arn, policy.policy_arn)
        loses = f"the entry of {arn} loses its username or a group"
        if named not in there | associated:
            yield "policy-missing", f"{loses}, and does not get {policy.policy_arn}"
        elif named not in there:
            what = f"{loses} before {policy.policy_name} is associated"
            yield "entry-before-policy", f"{what}: migrate apply does it without such a gap"


def _policies_of_made(
    principal: PlannedPrincipal,
    after: EntryAttributes,
    associated: set[tuple[str, str]],
) -> Iterator[_Said]:
    """Policies that the entry does not get, or that it gets too late."""
    arn = principal.principal_arn
    policies = principal.entry.access_policies if principal.entry else ()
    missing = {each.policy_arn for each in policies if (arn, each.policy_arn) not in associated}
    for policy in sorted(missing):
        yield "policy-missing", f"the entry of {arn} is made without {policy}"
    # EKS: an entry takes the place of the row immediately, and a policy is associated with an entry
    # that exists. For as long as Terraform takes between the two, the principal has less than its
    # row gives. A run of migrate apply has a bridge for that time; code has none.
    if policies and not missing and _less_without_policies(principal, after):
        names = ", ".join(each.policy_name for each in policies)
        what = (
            f"the entry of {arn} takes the place of its row before {names} is associated, and "
            "until then its logins have less: migrate apply makes it without such a gap, and an "
            "import block takes it over"
        )
        yield "entry-before-policy", what


def _less_without_policies(
    principal: PlannedPrincipal,
    after: EntryAttributes,
) -> bool:
    """Whether the row gives a name or a group that the entry does not, so that a policy is to give
    what they gave.
    """
    before = principal.before
    if before.via != "config-map":
        return False
    # Every login has it, whatever its row or entry says.
    groups = set(before.groups) - {"", "system:authenticated"}
    name = after.user_name or default_username(after.principal_arn)
    return before.username != name or not groups <= after.kubernetes_groups
