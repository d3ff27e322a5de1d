"""Entries that EKS made at the first mode step, compared with the row that each of them shadows.

EKS makes the creator's entry from what it knows: the default username, no group,
AmazonEKSClusterAdminPolicy (EKS user guide, "Access entries", legacy cluster access). Where a row
was in force until then, that entry is the effect of the mode step and not the access of before. An
entry that a person made decides, whatever the row says.
"""

from datetime import datetime, timedelta

from migrator.decide.access.compare_access import compare
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import is_blocking
from migrator.decide.planning.entries.creator import wider_notes, with_policies_of
from migrator.decide.planning.entries.entry_identity import (
    identity_of_entry,
    identity_of_spec,
    same_entry,
    spec_of,
)
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.plan_facts import (
    CLUSTER_ADMIN,
    DesiredEntry,
    PlanFacts,
    quoted,
)
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.reading.who_can_match import row_groups, same_mapping
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import SERVICE_LINKED_MARK, AccessEntry, EntrySpec
from migrator.model.aws_auth import RowMapping
from migrator.model.moments import moment_of_text

_AT_ONCE = timedelta(minutes=15)  # EKS makes all its own entries at one mode step


def is_creators(entry: AccessEntry) -> bool:
    """Whether an entry looks like the one that EKS makes for the cluster's creator: it was not
    changed since.
    """
    if entry.type != "STANDARD" or entry.kubernetes_groups:
        return False
    # EKS tags no entry that it makes itself: a tag is a person's or a tool's.
    if entry.tags:
        return False
    if entry.username not in ("", default_username(entry.principal_arn)):
        return False
    policies = [(policy.policy_name, policy.scope.type) for policy in entry.access_policies]
    return policies == [(CLUSTER_ADMIN, "cluster")]


def is_of_eks_own_step(entry: AccessEntry, facts: PlanFacts) -> bool:
    """Whether an entry looks like the one that EKS made for the cluster's creator, and is as old as
    the cluster or as the mode step: a person can make an entry of the same shape at another time.
    Of several that look so it is the oldest, because a cluster has one creator.
    """
    if entry.created_at is None or not is_creators(entry):
        return False
    for other in facts.snapshot.access_entries or ():
        if other.created_at is None or not is_creators(other):
            continue
        if other.created_at < entry.created_at:
            return False
    made = _moment(facts.snapshot.cluster_raw.get("createdAt"))
    times = _times_of_service_entries(facts)
    if made is not None:
        times.append(made)
    created = entry.created_at
    return any(abs(created - moment) <= _AT_ONCE for moment in times)


def beside_automatic(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    facts: PlanFacts,
) -> PrincipalDecision | None:
    """The decision on an entry that EKS made and that shadows a row; None where EKS did not make
    the entry, or where it gives as much as the row.
    """
    row = candidate.row
    # In API_AND_CONFIG_MAP alone, an entry and a row can compete for one principal.
    if row is None or facts.mode != "API_AND_CONFIG_MAP":
        return None
    if not _made_by_eks(entry, facts):
        return None
    # EKS API: the type of an entry cannot be changed.
    if desired.entry is None or desired.entry.type != "STANDARD":
        return _of_other_kind(candidate, entry, desired, row)
    update = with_policies_of(desired.entry, spec_of(entry))
    if _was_in_force(candidate, row, facts):
        return _completed(candidate, entry, desired, update, facts)
    missing = _missing(candidate, entry, desired.entry, row, facts)
    if not missing:
        return None
    return _thinner(
        candidate,
        entry,
        desired,
        update,
        missing,
        facts,
    )


def _made_by_eks(entry: AccessEntry, facts: PlanFacts) -> bool:
    """Whether EKS made the entry at the mode step: the journal says so, or its shape, its principal
    and its time do.
    """
    history = facts.snapshot.before_mode_step
    if history is not None and entry.principal_arn in history.automatic:
        return True
    if not is_creators(entry):
        return False
    creator = facts.snapshot.creator
    if creator is not None:
        return principal_key(creator.arn) == principal_key(entry.principal_arn)
    # Without a time the shape alone decides, and a person is asked rather than a row lost.
    if entry.created_at is None:
        return True
    if history is not None:
        return history.at <= entry.created_at <= history.at + _AT_ONCE
    return _is_of_a_mode_step(entry.created_at, facts)


def _is_of_a_mode_step(created_at: datetime, facts: PlanFacts) -> bool:
    """Whether an entry of this time may come from a mode step that no journal here has."""
    # An entry as old as the cluster was made with it: no row was ever in force before it.
    made = _moment(facts.snapshot.cluster_raw.get("createdAt"))
    if made is not None and abs(created_at - made) <= _AT_ONCE:
        return False
    # EKS makes the entries of its service-linked roles at the same step: their time is the step's.
    times = _times_of_service_entries(facts)
    if not times:
        return True
    return any(abs(created_at - moment) <= _AT_ONCE for moment in times)


def _times_of_service_entries(facts: PlanFacts) -> list[datetime]:
    times: list[datetime] = []
    for entry in facts.snapshot.access_entries or ():
        if SERVICE_LINKED_MARK in entry.principal_arn and entry.created_at is not None:
            times.append(entry.created_at)
    return times


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        moment = moment_of_text(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _was_in_force(candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts) -> bool:
    """Whether the same row was in aws-auth when a run of this state folder began, before it
    switched the mode.
    """
    history = facts.snapshot.before_mode_step
    if history is None:
        return False
    assert candidate.group is not None  # noqa: S101 - the row is one of its rows
    groups = {group.key: group for group in row_groups(read_aws_auth(history.data).rows)}
    found = groups.get(candidate.group.key)
    if found is None or found.winner is None:
        return False
    return same_mapping(found.winner, row)


def _missing(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    own: EntrySpec,
    row: RowMapping,
    facts: PlanFacts,
) -> tuple[str, ...]:
    """What the entry does not give and the row would: names that something in the cluster names,
    and permissions.
    """
    places: list[str] = []
    if entry.username != row.username:
        places += facts.names.of_username(row.username)
    lacking = [group for group in own.kubernetes_groups if group not in entry.kubernetes_groups]
    for group in lacking:
        places += facts.names.of_group(group)
    if places:
        return (f"what {quoted(dict.fromkeys(places))} names",)
    if lacking and not facts.names.complete:
        return (f"the groups {quoted(lacking)}, and it was not read what names them",)
    # Without RBAC, what was read names nothing that the entry lacks, and permissions cannot be
    # compared.
    if facts.index is None:
        return ()
    if compare(candidate.given, identity_of_entry(entry), facts.index).lost:
        return ("permissions",)
    return ()


def _completed(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    update: EntrySpec,
    facts: PlanFacts,
) -> PrincipalDecision | None:
    """The row was in force until our own mode step: it is the access of before, and the entry gets
    what it lacks.
    """
    spec = spec_of(entry)
    wider = wider_notes(candidate, spec, facts)
    blocked = any(map(is_blocking, wider))
    # The row and the entry give the same: the mode step changed nothing for this principal.
    if same_entry(candidate.arn, spec, update):
        now = identity_of_entry(entry)
        if blocked:
            return PrincipalDecision(candidate, "block", now, None, proposed=spec, notes=wider)
        return PrincipalDecision(
            candidate,
            "keep",
            now,
            now,
            spec,
            notes=wider,
        )
    before = candidate.given
    message = (
        f"EKS made the entry of `{candidate.arn}` when a run of this state folder switched the "
        f"mode; until then its "
        "row was in force. The entry gets what the row gave."
    )
    notes = (
        *desired.notes,
        DraftFinding("automatic-entry-completed", message, row=candidate.row),
        *wider,
    )
    if blocked or desired.action == "block":
        return PrincipalDecision(
            candidate,
            "block",
            before,
            None,
            proposed=update,
            notes=notes,
        )
    after = identity_of_spec(candidate.arn, update)
    return PrincipalDecision(
        candidate,
        "update",
        before,
        after,
        update,
        notes=notes,
        bindings=desired.bindings,
    )


def _thinner(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    update: EntrySpec,
    missing: tuple[str, ...],
    facts: PlanFacts,
) -> PrincipalDecision:
    """Nothing here shows when the row was in force last: a person says whether the entry gets what
    the row gives.
    """
    assert candidate.row is not None  # noqa: S101 - something of the row is missing
    now = identity_of_entry(entry)
    note = DraftFinding(
        "automatic-entry-thinner",
        f"EKS made the entry of `{candidate.arn}`. It lacks {', '.join(missing)}, which the row "
        f"gives.",
        row=candidate.row,
    )
    accept = facts.decisions.accept_loss
    names = (candidate.arn, *(row.arn for row in candidate.rows))
    accepted = next((given for key, given in accept.items() if is_for(key, names)), None)
    # The entry is in force already: with the loss accepted, there is nothing to do.
    if accepted is not None:
        told = DraftFinding(
            "loss-accepted",
            f"{accepted.by} accepts what the entry of `{candidate.arn}` lacks: {accepted.reason}",
        )
        shadowed = DraftFinding("row-shadowed-by-entry", note.message, row=candidate.row)
        return PrincipalDecision(
            candidate, "keep", now, now, spec_of(entry), notes=(shadowed, told)
        )
    return PrincipalDecision(
        candidate,
        "block",
        now,
        None,
        proposed=update,
        notes=(*desired.notes, note),
        bindings=desired.bindings,
    )


def _of_other_kind(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    row: RowMapping,
) -> PrincipalDecision | None:
    """The row is a node's: the entry that EKS made for the creator cannot become a node entry."""
    if desired.entry is None:
        return None
    message = (
        f"EKS made an entry of type {entry.type} for `{candidate.arn}`; its row needs type "
        f"{desired.entry.type}."
    )
    remedy = "Delete that entry: the row is in force again immediately. Then plan again."
    note = DraftFinding("automatic-entry-thinner", message, row=row, remedy=remedy)
    return PrincipalDecision(candidate, "block", identity_of_entry(entry), None, notes=(note,))
