"""What a plan and its journal say of the access after its runs, as an access document.

A principal whose steps are done has the entry that the plan makes; one whose steps were not
started, or were undone, has what the plan found. Where a run is not finished, what is there now is
no drift: the run says what is left. Without a journal, the cluster shows whether the plan was
applied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from migrator.decide.planning.entries.entry_identity import identity_of_spec
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.running.progress import RETIRE, SETTLED, Progress
from migrator.decide.steps.entry_states import final_spec
from migrator.model.access_document import (
    AccessDocument,
    AccessRow,
    ClusterNow,
    EntryNow,
    MappedAccount,
    PrincipalAccess,
    PrincipalState,
    Unknown,
)
from migrator.model.access_entry import (
    SERVICE_LINKED_MARK,
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
)
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import BRIDGE_GROUP, MARKER_GROUP, RUN, AwaitEntry, Step

_Reached: TypeAlias = Literal["made", "as-found", "under-way"]
# The groups that entries have while a run makes them.
_OF_RUNS = tuple(group.removesuffix(RUN) for group in (BRIDGE_GROUP, MARKER_GROUP))
_UNDONE = frozenset({"pending", "undone", "deferred", "refused"})


@dataclass(frozen=True, slots=True)
class ExpectedAccess:
    """``document``: what a cluster is compared with. ``words``: what that is, for people.
    ``unknown``: runs that are not finished.
    """

    document: AccessDocument
    words: str
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    """``applied``: whether the cluster shows that the plan was applied, where there is no
    journal. ``half_made``: whether a run of the plan, whose journal is in another folder, may still
    have entries to make.
    """

    plan: Plan
    progress: Progress
    now: Mapping[str, PrincipalAccess]
    has_journal: bool
    applied: bool
    half_made: bool = False


def expected_access(
    plan: Plan,
    progress: Progress,
    now: AccessDocument,
    *,
    tagged: bool,
) -> ExpectedAccess:
    """The access that the plan leads to. ``tagged``: whether an entry of the cluster has the tag of
    the plan.
    """
    found = {row_key(each.principal_arn): each for each in now.principals}
    has_journal = bool(progress.states)
    mode = now.cluster.ref.authentication_mode
    facts = _Facts(plan, progress, found, has_journal, tagged or mode == "API")
    # A cluster is cut over when apply has ended.
    if tagged and not has_journal and mode != "API" and _is_half_made(facts):
        facts = replace(facts, half_made=True)
    reached = {each.principal_arn: _reached(each, facts) for each in plan.principals}
    principals = {
        row_key(each.principal_arn): _expected(each, reached[each.principal_arn], facts)
        for each in plan.principals
    }
    _add_rows(principals, facts, now)
    _add_of_eks(principals, facts, now)
    unknown = _under_way(reached, plan)
    if facts.half_made:
        unknown = _of_other_folder(reached, plan)
    document = AccessDocument(
        taken_at=plan.created_at,
        cluster=ClusterNow(_cluster(plan, now)),
        principals=tuple(principals[key] for key in sorted(principals)),
        accounts=_accounts(plan, now),
        problems=now.problems,
    )
    return ExpectedAccess(document, _words(facts), tuple(unknown))


def _words(facts: _Facts) -> str:
    if facts.has_journal:
        return "the plan and the journal of its runs"
    if facts.half_made:
        return "the plan, of which another state folder has the journal of a run"
    if facts.applied:
        return "the plan, taken as applied: there is no journal of its runs here"
    return "what the plan found: there is no journal of its runs here, and no entry has its tag"


def _under_way(
    reached: Mapping[str, _Reached],
    plan: Plan,
) -> Iterator[Unknown]:
    names = [arn for arn, state in reached.items() if state == "under-way"]
    if names:
        what = f"what changed of {len(names)} principals whose steps are not finished"
        why = f"a run of the plan for {plan.cluster.name} ended before they were: {names[0]}"
        yield Unknown("run", what, why, ("apply", "PLAN"))


def _of_other_folder(
    reached: Mapping[str, _Reached],
    plan: Plan,
) -> Iterator[Unknown]:
    names = [arn for arn, state in reached.items() if state == "under-way"]
    if names:
        yield Unknown(
            "run",
            f"whether the entries of {len(names)} principals were deleted or are still to be made",
            f"entries of {plan.cluster.name} have the tag of this plan, and the journal of its run "
            "is in another state folder: ask there",
            ("status", "PLAN"),
        )


def _reached(
    planned: PlannedPrincipal,
    facts: _Facts,
) -> _Reached:
    """How far the steps of a principal came."""
    steps = facts.plan.sequences.get(planned.principal_arn, ())
    if not steps or planned.action in ("skip", "block"):
        return "as-found"
    if facts.half_made:
        return "made" if _is_as_planned(planned, facts) else "under-way"
    if not facts.has_journal:
        return "made" if facts.applied else "as-found"
    return _by_journal(steps, facts.progress)


def _found(
    arn: str,
    facts: _Facts,
) -> PrincipalAccess:
    """The principal as it is now."""
    return facts.now.get(row_key(arn), PrincipalAccess(arn, "unknown", "unread"))


def _is_half_made(facts: _Facts) -> bool:
    """Whether an entry that the plan makes is not there, or has a group of a run."""
    planned = (each.principal_arn for each in facts.plan.principals)
    with_entry = (arn for arn in planned if final_spec(facts.plan, arn) is not None)
    return any(_is_under_way(_found(arn, facts)) for arn in with_entry)


def _is_under_way(found: PrincipalAccess) -> bool:
    """Whether a run may still make the entry. EKS takes none of a principal that IAM does not
    have.
    """
    if found.entry is None:
        return found.principal_state != "absent"
    return any(group.startswith(_OF_RUNS) for group in found.entry.kubernetes_groups)


def _is_as_planned(
    planned: PlannedPrincipal,
    facts: _Facts,
) -> bool:
    """Whether the principal has the entry that the plan makes, dead or alive, or cannot have it."""
    arn = planned.principal_arn
    found = _found(arn, facts)
    made, there = _made(final_spec(facts.plan, arn), arn, found.entry), found.entry
    if found.principal_state == "absent" or made is None or there is None:
        return found.principal_state == "absent"
    # Whether it is alive, and who made it, is no part of what the plan makes.
    return there == replace(made, state=there.state, why=there.why, made_by=there.made_by)


def _by_journal(
    steps: tuple[Step, ...],
    progress: Progress,
) -> _Reached:
    statuses = {progress.of(step.id).status for step in steps}
    if statuses <= SETTLED:
        return "made"
    if statuses <= _UNDONE:
        return "as-found"
    return "under-way"


def _expected(
    planned: PlannedPrincipal,
    reached: _Reached,
    facts: _Facts,
) -> PrincipalAccess:
    arn = planned.principal_arn
    found = _found(arn, facts)
    there = found.entry
    match reached:
        case "made":
            entry = _made(final_spec(facts.plan, arn), arn, there)
        case "as-found":
            entry = _of_basis(facts.plan, arn)
        case _:
            entry = there
    return PrincipalAccess(
        principal_arn=arn,
        logs_in="unknown",
        principal_state=_state(planned, found),
        principal_id=planned.principal_id,
        entry=entry,
    )


def _state(
    planned: PlannedPrincipal,
    found: PrincipalAccess,
) -> PrincipalState:
    """``absent`` where the plan says so; where it does not, what is true now is no change."""
    if planned.principal_id is not None:
        return "found"
    if "principal-absent" in planned.findings:
        return "absent"
    return found.principal_state


def _made(
    spec: EntrySpec | None,
    arn: str,
    there: EntryNow | None,
) -> EntryNow | None:
    """The entry that the plan makes, written out. EKS fixes username and groups of node types: what
    it shows of them is right.
    """
    if spec is None:
        return None
    identity = identity_of_spec(arn, spec)
    groups, policies = tuple(sorted(set(identity.groups))), _sorted(spec.access_policies)
    if spec.type != "STANDARD" and there is not None and there.type == spec.type:
        policies = policies or there.access_policies
        return replace(there, access_policies=policies, state="live", why="")
    return EntryNow(spec.type, identity.username, groups, policies)


def _sorted(
    policies: tuple[AssociatedPolicy, ...],
) -> tuple[AssociatedPolicy, ...]:
    return tuple(sorted(policies, key=lambda policy: policy.policy_arn))


def _of_basis(
    plan: Plan,
    arn: str,
) -> EntryNow | None:
    """The entry that the plan found; None where there was none, or the mode had none."""
    raw = (plan.basis.get("accessEntries") or {}).get(arn)
    if raw is None:
        return None
    policies = tuple(
        AssociatedPolicy(policy, AccessScope(scope, tuple(namespaces)))
        for policy, scope, namespaces in raw["policies"]
    )
    return EntryNow(raw["type"], raw["username"], tuple(raw["groups"]), policies)


def _add_rows(
    principals: dict[str, PrincipalAccess],
    facts: _Facts,
    now: AccessDocument,
) -> None:
    """The rows that the plan found. In API mode one that was deleted took nothing away, and a
    retirement deleted all of them.
    """
    is_retired = facts.progress.of(f"{RETIRE}-delete").status in SETTLED
    if is_retired:
        return
    still = {row_key(row.arn) for each in now.principals for row in each.rows}
    is_inert = now.cluster.ref.authentication_mode == "API"
    by_name = _by_name(principals)
    for row in _rows_of(facts.plan):
        if is_inert and row_key(row.arn) not in still:
            continue
        key = by_name.get(principal_key(row.arn), row_key(row.arn))
        known = principals.get(key) or PrincipalAccess(row.arn, "unknown", "unread")
        principals[key] = replace(known, rows=(*known.rows, row))


def _by_name(principals: Mapping[str, PrincipalAccess]) -> dict[str, str]:
    """The principal that a row names: rows have the ARN of a role without its path. A row that may
    be of several roles stays under its own ARN.
    """
    found: dict[str, list[str]] = {}
    for key, each in principals.items():
        found.setdefault(principal_key(each.principal_arn), []).append(key)
    return {name: keys[0] for name, keys in found.items() if len(keys) == 1}


def _rows_of(plan: Plan) -> Iterator[AccessRow]:
    aws_auth: Mapping[str, Any] = plan.basis.get("awsAuth") or {}
    for source, arn, username, groups, is_sso in aws_auth.get("rows", ()):
        # Rows of the SSO matcher have no ARN: they are among the text that is not read.
        if not is_sso:
            yield AccessRow(source, arn, username, tuple(sorted(groups or ())), "unknown")


def _add_of_eks(
    principals: dict[str, PrincipalAccess],
    facts: _Facts,
    now: AccessDocument,
) -> None:
    """Entries that EKS makes at the mode step: a plan that was made before it does not
    know them.
    """
    for found in now.principals:
        key = row_key(found.principal_arn)
        known = principals.get(key)
        if found.entry is None or (known is not None and known.entry is not None):
            continue
        if _is_of_eks(found.principal_arn, found.entry, facts):
            base = known or PrincipalAccess(found.principal_arn, "unknown", "unread")
            principals[key] = replace(base, entry=found.entry)


def _is_of_eks(arn: str, entry: EntryNow, facts: _Facts) -> bool:
    """Whether EKS made the entry at the mode step, after the plan was made."""
    if SERVICE_LINKED_MARK in arn:
        return True
    if facts.plan.cluster.authentication_mode != "CONFIG_MAP" or entry.made_by != "eks":
        return False
    return entry.type != "STANDARD" or not _has_creators_entry(facts)


def _has_creators_entry(facts: _Facts) -> bool:
    """Whether the plan waits for the entry of the cluster's creator, or its runs took it over: a
    cluster has one creator, and EKS makes no other STANDARD entry of a person's.
    """
    if any(entry.type == "STANDARD" for entry in facts.progress.automatic.values()):
        return True
    waits = (step.effect for step in facts.plan.steps if isinstance(step.effect, AwaitEntry))
    return any(effect.expected.type == "STANDARD" for effect in waits)


def _accounts(
    plan: Plan,
    now: AccessDocument,
) -> tuple[MappedAccount, ...]:
    accounts = set((plan.basis.get("awsAuth") or {}).get("accounts", ()))
    # In API mode, and after a retirement, an account that was deleted took nothing away.
    if now.cluster.ref.authentication_mode == "API":
        accounts &= {each.account for each in now.accounts}
    return tuple(MappedAccount(account, "", in_force=True) for account in sorted(accounts))


def _cluster(
    plan: Plan,
    now: AccessDocument,
) -> Any:  # noqa: ANN401 - a ClusterRef
    """The cluster with the mode that the plan expects: a step forward to its target is its own."""
    was, mode = plan.cluster.authentication_mode, now.cluster.ref.authentication_mode
    order = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
    is_on_its_way = order.index(was) <= order.index(mode) <= order.index(plan.target)
    return replace(plan.cluster, authentication_mode=mode if is_on_its_way else was)
