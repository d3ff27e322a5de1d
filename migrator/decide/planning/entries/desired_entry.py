"""What a principal's rows and nodes ask for, before existing entries and answers are looked at.

Dead rows are skipped, because an entry made from them would be a new grant; what works today but
cannot become an entry blocks; unknown is never dead.
"""

from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import softened
from migrator.decide.planning.entries.classify_node import (
    MASTERS,
    NODE_PREFIX,
    classify_node,
    no_node_row,
)
from migrator.decide.planning.entries.creator import creator_entry
from migrator.decide.planning.entries.entry_for import rendered_row, standard_entry
from migrator.decide.planning.entries.policies_strategy import with_policies
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.plan_facts import DesiredEntry, PlanFacts, quoted
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.decide.reading.row_keys import canonical_arn, principal_key
from migrator.decide.reading.templates import EC2_NAME, SESSION, SESSION_RAW
from migrator.model.access_entry import NOBODY, EntrySpec, Identity
from migrator.model.aws_auth import RowMapping

NOTHING_WANTED = DesiredEntry("none")
_SERVICE_LINKED_NAME = "awsservicerolefor"


def desired_entry_for(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    """The desired entry of a principal, as far as rows, IAM and nodes show it."""
    if candidate.is_creator and candidate.found.state != "absent":
        return _of_creator(candidate, creator_entry(candidate, facts))
    if candidate.match is None:
        return _without_rows(candidate, facts)
    if facts.mode == "API":
        note = DraftFinding(
            "row-inert", "aws-auth is not asked in API mode.", row=candidate.rows[0]
        )
        return DesiredEntry("skip", None, (note, *_nodes_without_entry(candidate)))
    if candidate.match.kind == "dead":
        return _dead(candidate, facts)
    if candidate.row is None:
        return _staying(candidate, _ambiguous(candidate), facts)
    return _staying(
        candidate, _unused(candidate, _of_row(candidate, candidate.row, facts), facts), facts
    )


def identity_of_rows(candidate: CandidatePrincipal, facts: PlanFacts) -> Identity:
    """The identity that aws-auth gives the principal today; an empty one where no row matches."""
    if facts.mode == "API":
        return NOBODY
    if candidate.account is not None:
        return (
            NOBODY
            if candidate.found.state == "absent"
            else Identity(canonical_arn(candidate.arn), (), "config-map")
        )
    if candidate.group is None or candidate.match is None or candidate.match.kind == "dead":
        return NOBODY
    return _identity_of_row(candidate, candidate.row or candidate.group.rows[-1])


def identities_at_random(candidate: CandidatePrincipal, facts: PlanFacts) -> tuple[Identity, ...]:
    """The identities that the principal may get at a login, where two spellings give different
    mappings; else none.
    """
    if (
        facts.mode == "API"
        or candidate.match is None
        or candidate.match.kind == "dead"
        or candidate.group is None
    ):
        return ()
    rows = () if candidate.group.winner else candidate.group.rows
    return tuple(
        _identity_of_row(candidate, row) for row in {row.arn: row for row in rows}.values()
    )


def _identity_of_row(candidate: CandidatePrincipal, row: RowMapping) -> Identity:
    if candidate.found.state == "absent" or _never_renders(candidate, row):
        return NOBODY
    username, groups = rendered_row(row, row.arn)
    if username == NODE_PREFIX + SESSION_RAW:
        username = NODE_PREFIX + SESSION  # a node's name holds no @: the same name
    return Identity(username, groups, "config-map")


def _of_creator(candidate: CandidatePrincipal, desired: DesiredEntry) -> DesiredEntry:
    """At the mode switch, EKS's own entry for the creator shadows the creator's rows and nodes."""
    if candidate.use.any:
        message = (
            "EKS will make an entry of type STANDARD for the creator, under whose role nodes run."
        )
        note = DraftFinding(
            "automatic-entry-differs",
            message,
            row=candidate.row,
            remedy="Give the nodes a role of their own.",
        )
        return DesiredEntry("block", None, (*desired.notes, note))
    if candidate.row is not None:
        return _verified(candidate, candidate.row, desired)
    if candidate.match is not None and candidate.match.kind != "dead":  # rows, and none that wins
        return DesiredEntry("block", desired.entry, (*desired.notes, *_ambiguous(candidate).notes))
    return desired


def _without_rows(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    if candidate.account is not None and candidate.found.state == "absent":
        note = DraftFinding(
            "principal-absent", f"`{candidate.arn}` does not exist in account {candidate.account}."
        )
        return DesiredEntry("skip", None, (note,))
    # a role that nodes use is judged as one, also where an answer expands its account
    if candidate.use.any and candidate.entry is None:
        if facts.mode == "API":
            return DesiredEntry("skip", None, _nodes_without_entry(candidate))
        return no_node_row(None, candidate.use)
    if candidate.account is not None:
        return DesiredEntry("create", EntrySpec("STANDARD", canonical_arn(candidate.arn)))
    if candidate.is_creator:
        note = DraftFinding(
            "principal-absent", f"`{candidate.arn}`, who created the cluster, does not exist."
        )
        return DesiredEntry("skip", None, (note,))
    return NOTHING_WANTED


def _nodes_without_entry(candidate: CandidatePrincipal) -> tuple[DraftFinding, ...]:
    """In API mode it is too late to block: nodes under a role without an entry are shown as a
    warning.
    """
    if candidate.entry is not None or not candidate.use.any:
        return ()
    return tuple(replace(note, severity="warn") for note in no_node_row(None, candidate.use).notes)


def _dead(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    assert candidate.match is not None and candidate.group is not None  # noqa: S101 - of rows
    row = candidate.group.rows[-1]
    if _unexplained_login(row, facts):
        message = (
            f"{candidate.match.message} Yet `{row.arn}` logged in, and no other row explains that."
        )
        return DesiredEntry("block", None, (DraftFinding("dead-row-logged-in", message, row=row),))
    return DesiredEntry(
        "skip", None, (DraftFinding(candidate.match.code, candidate.match.message, row=row),)
    )


def _unexplained_login(row: RowMapping, facts: PlanFacts) -> bool:
    key = principal_key(row.arn)
    return bool(facts.logins.get(key)) and not facts.explains(key)


def _ambiguous(candidate: CandidatePrincipal) -> DesiredEntry:
    assert candidate.group is not None  # noqa: S101 - of rows
    spellings = quoted(dict.fromkeys(row.arn for row in candidate.group.rows))
    note = DraftFinding(
        "ambiguous-user", f"{spellings} give different mappings.", row=candidate.group.rows[-1]
    )
    return DesiredEntry("block", None, (note,))


def _of_row(candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts) -> DesiredEntry:
    """A live row: the principal that it means decides first, then nodes, then all others."""
    assert candidate.match is not None  # noqa: S101 - of rows
    if candidate.match.kind == "root":
        return _cannot("root-user", "The row means the account's root user alone.", row)
    if candidate.match.kind == "federated-user":
        return _cannot("federated-user", f"`{row.arn}` is a federated user.", row)
    if is_service_linked(candidate):
        return _cannot("service-linked-role", f"`{candidate.arn}` is a service-linked role.", row)
    if candidate.found.state == "absent":
        return _absent(candidate, row, facts)
    if _never_renders(candidate, row):
        return _dead_template(candidate, row, facts)
    is_role = candidate.match.kind == "role"
    desired = classify_node(row, candidate.found, candidate.use, facts) if is_role else None
    desired = desired or _of_one_node(candidate, row)
    if desired is not None and any(note.code == "foreign-node-row" for note in desired.notes):
        return desired
    if desired is None and _needs_instance(row) and candidate.found.trusts is None:
        note = DraftFinding("node-template-unverified", "The trust policy was not read.", row=row)
        desired = replace(standard_entry(row, candidate.arn, facts), action="block", notes=(note,))
    if desired is None:
        accepted = any(is_for(key, (candidate.arn, row.arn)) for key in facts.decisions.accept_loss)
        desired = with_policies(
            standard_entry(row, candidate.arn, facts), row, facts, accepted=accepted
        )
    return _verified(candidate, row, desired)


def _of_one_node(candidate: CandidatePrincipal, row: RowMapping) -> DesiredEntry | None:
    """The name of one node, written out, with the permissions of a node or an admin: neither entry
    type nor name gives it.
    """
    username, groups = rendered_row(row, candidate.arn)
    if not username.startswith(NODE_PREFIX):
        return None
    if MASTERS in groups:
        return _cannot(
            "node-row-with-masters", "The row names a node and gives `system:masters`.", row
        )
    if "system:nodes" in groups:
        return _cannot(
            "node-name-differs", f"`{username}` is no name that a node entry gives.", row
        )
    return None


def _cannot(code: str, message: str, row: RowMapping) -> DesiredEntry:
    return DesiredEntry("block", None, (DraftFinding(code, message, row=row),))


def is_service_linked(candidate: CandidatePrincipal) -> bool:
    """Whether the row's role is service-linked: by its path in IAM, or by the name that IAM keeps
    for such roles.
    """
    if candidate.match is None or candidate.match.kind != "role":
        return False
    return "/aws-service-role/" in candidate.arn or candidate.arn.rpartition("/")[
        2
    ].lower().startswith(_SERVICE_LINKED_NAME)


def _absent(candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts) -> DesiredEntry:
    if facts.logins.get(principal_key(row.arn)):
        return _cannot("absent-but-logged-in", f"`{row.arn}` does not exist, but logged in.", row)
    if candidate.use.live:
        message = f"`{row.arn}` does not exist, but {candidate.use.live} live nodes run under it."
        return _cannot("absent-but-logged-in", message, row)
    beside = (
        f" There is `{candidate.found.elsewhere}`, which this row never matches."
        if candidate.found.elsewhere
        else ""
    )
    return DesiredEntry(
        "skip",
        None,
        (DraftFinding("principal-absent", f"`{row.arn}` does not exist.{beside}", row=row),),
    )


def _needs_instance(row: RowMapping) -> bool:
    return any(EC2_NAME in name for name in (row.username, *row.effective_groups))


def _never_renders(candidate: CandidatePrincipal, row: RowMapping) -> bool:
    """``{{EC2PrivateDNSName}}`` denies the login of every principal that is no instance: users, and
    roles that do not trust EC2.
    """
    if candidate.match is None or not _needs_instance(row):
        return False
    if candidate.match.kind == "user":
        return True
    trusts = candidate.found.trusts
    return (
        candidate.match.kind == "role"
        and trusts is not None
        and "ec2" not in trusts
        and not candidate.use.any
    )


def _dead_template(
    candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts
) -> DesiredEntry:
    if facts.logins.get(principal_key(row.arn)):
        message = f"`{EC2_NAME}` denies every login of `{row.arn}`, yet it logged in."
        return _cannot("dead-row-logged-in", message, row)
    message = f"`{EC2_NAME}` denies every login of `{candidate.arn}`: it is no EC2 instance."
    return DesiredEntry("skip", None, (DraftFinding("dead-node-template", message, row=row),))


def _verified(
    candidate: CandidatePrincipal, row: RowMapping, desired: DesiredEntry
) -> DesiredEntry:
    """Add what follows from how well the principal itself is known."""
    found, is_user = candidate.found, candidate.match is not None and candidate.match.kind == "user"
    if found.state == "found":
        return desired
    if found.state == "ambiguous":
        note = DraftFinding(
            "principal-ambiguous", f"IAM was read with several principals for `{row.arn}`.", row=row
        )
    elif is_user:
        code = "foreign-user-unverified" if found.foreign else "user-unverified"
        note = DraftFinding(code, f"It was not read whether `{row.arn}` exists.", row=row)
        return replace(desired, notes=(*desired.notes, note))
    else:
        code = "foreign-role-unverified" if found.foreign else "role-unverified"
        note = DraftFinding(
            code, f"The account of `{row.arn}` was not read: the role's path is not known.", row=row
        )
    if desired.action == "skip":
        return replace(desired, notes=(*desired.notes, replace(note, severity="warn")))
    return replace(desired, action="block", notes=(*desired.notes, note))


def _unused(candidate: CandidatePrincipal, desired: DesiredEntry, facts: PlanFacts) -> DesiredEntry:
    """Mark a row that no login used within a complete log window; it is never dropped for that."""
    usage = facts.snapshot.usage
    if (
        usage is None
        or not usage.complete
        or desired.action == "skip"
        or facts.logins.get(principal_key(candidate.arn))
    ):
        return desired
    window = f"{usage.start:%Y-%m-%d} to {usage.end:%Y-%m-%d}"
    note = DraftFinding(
        "row-unused",
        f"The logs show no login as `{candidate.arn}` from {window}.",
        row=candidate.row,
    )
    return replace(desired, notes=(*desired.notes, note))


def _staying(
    candidate: CandidatePrincipal, desired: DesiredEntry, facts: PlanFacts
) -> DesiredEntry:
    """With the target API_AND_CONFIG_MAP a row may stay where it is, unless EKS's own entry will
    shadow it.
    """
    if facts.target != "API_AND_CONFIG_MAP" or desired.action != "block":
        return desired
    if facts.mode == "CONFIG_MAP" and (candidate.use.nodegroups or candidate.use.profiles):
        return desired
    stays = DraftFinding(
        "stays-in-config-map", "The row stays in aws-auth and keeps working.", row=candidate.row
    )
    return DesiredEntry("skip", None, (*softened(desired.notes), stays))
