"""What a principal's rows and nodes ask for, before existing entries and answers are looked at.

Dead rows are skipped, because an entry made from them would be a new grant; what works today but
cannot become an entry blocks; unknown is never dead.
"""

from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import softened
from migrator.decide.findings.service_recipes import recipe_of
from migrator.decide.planning.entries.classify_node import (
    MASTERS,
    NODE_PREFIX,
    classify_node,
    entry_of_people,
    no_node_row,
)
from migrator.decide.planning.entries.creator import creator_entry
from migrator.decide.planning.entries.entry_for import standard_entry
from migrator.decide.planning.entries.policies_strategy import with_policies
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.mapped_accounts import can_have_entry
from migrator.decide.planning.principals.plan_facts import DesiredEntry, PlanFacts, quoted
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.decide.reading.row_keys import canonical_arn, principal_key
from migrator.decide.reading.templates import EC2_NAME, SESSION, SESSION_RAW, rendered_row
from migrator.model.access_entry import NOBODY, EntrySpec, Identity
from migrator.model.aws_auth import RowMapping

NOTHING_WANTED = DesiredEntry("none")
_SERVICE_LINKED_NAME = "awsservicerolefor"


def desired_entry_for(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    """The desired entry of a principal, as far as rows, IAM and nodes show it."""
    # EKS makes the creator's entry at the mode switch, whatever aws-auth says (EKS user guide,
    # "Access entries"): its rows are judged against that entry. EKS makes none for a principal
    # that IAM does not have.
    if candidate.is_creator and candidate.found.state != "absent":
        return _of_creator(candidate, creator_entry(candidate, facts))
    if candidate.match is None:
        return _without_rows(candidate, facts)
    # In API mode the authenticator does not ask the ConfigMap: a row made into an entry would be a
    # new grant.
    if facts.mode == "API":
        note = DraftFinding(
            "row-inert", "aws-auth is not asked in API mode.", row=candidate.rows[0]
        )
        return DesiredEntry("skip", None, (note, *_nodes_without_entry(candidate)))
    if candidate.match.kind == "dead":
        return _dead(candidate, facts)
    # Users are keyed by the ARN as written, so that two spellings are two mappings, and the
    # authenticator takes either at random (pkg/mapper/configmap/configmap.go).
    if candidate.row is None:
        desired = _ambiguous(candidate)
    else:
        desired = _refused(candidate, candidate.row, facts) or _asked(
            candidate, candidate.row, facts
        )
    if _is_unused(candidate, desired, facts):
        desired = replace(desired, notes=(*desired.notes, _unused_note(candidate, facts)))
    if _may_stay(candidate, desired, facts):
        return _left_in_place(candidate, desired)
    return desired


def identity_of_rows(candidate: CandidatePrincipal, facts: PlanFacts) -> Identity:
    """The identity that aws-auth gives the principal today; an empty one where no row matches."""
    if facts.mode == "API":
        return NOBODY
    if candidate.account is not None:
        return _identity_of_account(candidate)
    if candidate.group is None:
        return NOBODY
    if not _has_live_rows(candidate):
        return NOBODY
    if candidate.row is not None:
        return _identity_of_row(candidate, candidate.row)
    # Where rows answer at random, the last of those that admit a login is shown for all: one that
    # refuses it does not take away what the others give.
    given = [each for each in identities_at_random(candidate, facts) if each.via != "none"]
    return given[-1] if given else NOBODY


def _identity_of_account(candidate: CandidatePrincipal) -> Identity:
    if candidate.found.state == "absent":
        return NOBODY
    # mapAccounts gives the canonical ARN as username and no group (authenticator,
    # pkg/server/server.go).
    return Identity(canonical_arn(candidate.arn), (), "config-map")


def _has_live_rows(candidate: CandidatePrincipal) -> bool:
    if candidate.match is None:
        return False
    return candidate.match.kind != "dead"


def identities_at_random(candidate: CandidatePrincipal, facts: PlanFacts) -> tuple[Identity, ...]:
    """The identities that the principal may get at a login, where two spellings give different
    mappings; else none.
    """
    if facts.mode == "API":
        return ()
    if candidate.group is None or candidate.group.winner is not None:
        return ()
    if not _has_live_rows(candidate):
        return ()
    # Rows of one spelling are one mapping, and the last of them counts.
    last_of_spelling = {row.arn: row for row in candidate.group.rows}
    return tuple(_identity_of_row(candidate, row) for row in last_of_spelling.values())


def _identity_of_row(candidate: CandidatePrincipal, row: RowMapping) -> Identity:
    if candidate.found.state == "absent":
        return NOBODY
    if _never_renders(candidate, row):
        return NOBODY
    given = candidate.given
    if row is not candidate.row:
        given = Identity(*rendered_row(row, row.arn), "config-map")
    # {{SessionName}} differs from the raw name by @ alone, and a node's name holds no @.
    if given.username == NODE_PREFIX + SESSION_RAW:
        return replace(given, username=NODE_PREFIX + SESSION)
    return given


def _of_creator(candidate: CandidatePrincipal, desired: DesiredEntry) -> DesiredEntry:
    """At the mode switch, EKS's own entry for the creator shadows the creator's rows and nodes."""
    # A principal has one entry of one type: the creator's is STANDARD, and nodes cannot log in by
    # it.
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
    if candidate.row is not None and candidate.found.state != "found":
        return _unverified(candidate, candidate.row, desired)
    if candidate.row is not None:
        return desired
    # Live rows, and no row that wins: what the creator has today is random.
    if _has_live_rows(candidate):
        return DesiredEntry("block", desired.entry, (*desired.notes, *_ambiguous(candidate).notes))
    return desired


def _without_rows(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    if candidate.account is not None and candidate.found.state == "absent":
        note = DraftFinding(
            "principal-absent", f"`{candidate.arn}` does not exist in account {candidate.account}."
        )
        return DesiredEntry("skip", None, (note,))
    # A role that nodes use is judged as a node's, also where an answer expands its account.
    if candidate.use.any and candidate.entry is None:
        if facts.mode == "API":
            return DesiredEntry("skip", None, _nodes_without_entry(candidate))
        return no_node_row(None, candidate.use, facts.mode)
    if candidate.is_left_behind:
        return _left_behind(candidate, facts)
    # An entry has no counterpart of mapAccounts: each principal gets an entry with the identity
    # that mapAccounts gives it.
    if candidate.account is not None:
        return DesiredEntry("create", EntrySpec("STANDARD", canonical_arn(candidate.arn)))
    if candidate.is_creator:
        note = DraftFinding(
            "principal-absent",
            f"`{candidate.arn}`, who created the cluster, does not exist.",
            remedy="Nothing has to be done: no row is for it, and it cannot log in.",
        )
        return DesiredEntry("skip", None, (note,))
    return NOTHING_WANTED


def _left_behind(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    """A principal that logs in through mapAccounts and is named by something in the cluster: who
    drops its account accepts by name what it loses.
    """
    name = canonical_arn(candidate.arn)
    places = quoted(facts.names.of_username(name))
    message = f"`{name}` logs in through mapAccounts and is named by {places}."
    accepted = facts.decisions.accept_loss
    given = next((each for key, each in accepted.items() if is_for(key, (candidate.arn,))), None)
    if given is None:
        message = f"{message} Its account is left out, and accept_loss does not name it."
        note = DraftFinding("loss-not-accepted", message)
        proposed = EntrySpec("STANDARD", name) if can_have_entry(name) else None
        return DesiredEntry("block", proposed, (note,))
    told = DraftFinding(
        "loss-accepted", f"{given.by} accepts what `{candidate.arn}` loses: {given.reason}"
    )
    return DesiredEntry("skip", None, (told,))


def _nodes_without_entry(candidate: CandidatePrincipal) -> tuple[DraftFinding, ...]:
    """In API mode it is too late to block: nodes under a role without an entry are shown as a
    warning.
    """
    if candidate.entry is not None or not candidate.use.any:
        return ()
    notes = no_node_row(None, candidate.use, "API").notes
    return tuple(replace(note, severity="warn") for note in notes)


def _dead(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    assert candidate.match is not None and candidate.group is not None  # noqa: S101 - of rows
    row = candidate.group.rows[-1]
    # What the log shows overrides what the rules say: the row may be alive in a way that the
    # rules do not know.
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


def _refused(
    candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts
) -> DesiredEntry | None:
    """What follows for a live row whose principal gets no entry by it; None for all others."""
    assert candidate.match is not None  # noqa: S101 - of rows
    # In aws-auth `:root` matches the root user, and not all principals of the account.
    if candidate.match.kind == "root":
        return _cannot("root-user", "The row means the account's root user alone.", row)
    # EKS API: an STS ARN is no principal of an access entry.
    if candidate.match.kind == "federated-user":
        return _cannot("federated-user", f"`{row.arn}` is a federated user.", row)
    # EKS API: the caller may not make an entry for a service-linked role.
    if is_service_linked(candidate):
        message = f"`{candidate.arn}` is a service-linked role."
        remedy = recipe_of(candidate.arn)
        note = DraftFinding("service-linked-role", message, row=row, remedy=remedy)
        return DesiredEntry("block", None, (note,))
    if candidate.found.state == "absent":
        return _absent(candidate, row, facts)
    if _never_renders(candidate, row):
        return _dead_template(candidate, row, facts)
    return None


def _asked(candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts) -> DesiredEntry:
    """The entry that a live row asks for: nodes first, then all others."""
    of_node = _of_node(candidate, row, facts)
    # EKS API: node types need a role of the cluster's own account. What IAM of the other account
    # says changes nothing.
    if of_node is not None and _has_note(of_node, "foreign-node-row"):
        return of_node
    desired = of_node or standard_entry(candidate, facts)
    # The authenticator renders {{EC2PrivateDNSName}} for EC2 instances alone. Whether the role is
    # one of instances is in its trust policy: unread, the row may be alive or dead.
    if of_node is None and _needs_instance(row) and candidate.found.trusts is None:
        note = DraftFinding("node-template-unverified", "The trust policy was not read.", row=row)
        desired = replace(desired, action="block", notes=(note,))
    elif of_node is None and facts.strategy == "policies":
        desired = with_policies(desired, candidate, facts)
    if candidate.found.state == "found":
        return desired
    return _unverified(candidate, row, desired)


def _has_note(desired: DesiredEntry, code: str) -> bool:
    return any(note.code == code for note in desired.notes)


def _of_node(
    candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts
) -> DesiredEntry | None:
    """What a row of nodes asks for; None for a row of people and pipelines."""
    assert candidate.match is not None  # noqa: S101 - of rows
    # EKS API: the node types take IAM roles alone.
    if candidate.match.kind == "role":
        desired = classify_node(row, candidate.found, candidate.use, facts)
        if desired is not None:
            return desired
    return _of_one_node(candidate, row, facts)


def _of_one_node(
    candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts
) -> DesiredEntry | None:
    """The name of one node, written out, with the permissions of a node or an admin: neither entry
    type nor name gives it.
    """
    username, groups = candidate.given.username, candidate.given.groups
    # EKS API: an entry's username must not start with `system:`.
    if not username.startswith(NODE_PREFIX):
        return None
    if MASTERS in groups:
        cannot = _cannot(
            "node-row-with-masters",
            "The row names a node and gives `system:masters`. The name cannot be carried.",
            row,
        )
        return replace(cannot, entry=entry_of_people(candidate.arn, groups, facts))
    # The node authorizer decides by the name together with this group. A node entry gives the
    # group, and names each node by its instance or session.
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
    if "/aws-service-role/" in candidate.arn:
        return True
    # aws-auth leaves the path out. IAM keeps this beginning of a name for service-linked roles.
    name = candidate.arn.rpartition("/")[2]
    return name.lower().startswith(_SERVICE_LINKED_NAME)


_KEEP_ROW = (
    "Keep the row until the cut-over: without it, the creator may be a hidden administrator again, "
    "should a principal of this name be created."
)


def _absent(candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts) -> DesiredEntry:
    # A login or a node shows that the list of the account's principals was wrong or is old.
    if facts.logins.get(principal_key(row.arn)):
        return _cannot("absent-but-logged-in", f"`{row.arn}` does not exist, but logged in.", row)
    if candidate.use.live:
        message = f"`{row.arn}` does not exist, but {candidate.use.live} live nodes run under it."
        return _cannot("absent-but-logged-in", message, row)
    # EKS API: CreateAccessEntry refuses a principal that IAM does not have.
    message = f"`{row.arn}` does not exist."
    # The path is part of a user's ARN for the authenticator, so that another path is another user.
    # A permission set that is provisioned again gets a role with another suffix (IAM Identity
    # Center user guide, "Permission sets"): another principal, which is named and granted nothing.
    if candidate.found.elsewhere:
        message += f" There is `{candidate.found.elsewhere}`, which this row never matches."
    # In CONFIG_MAP mode a row hides the creator's hidden identity, which has system:masters.
    # Whether a principal that is made again under the same name has it too is not known.
    remedy = _KEEP_ROW if candidate.is_creator else None
    note = DraftFinding("principal-absent", message, row=row, remedy=remedy)
    return DesiredEntry("skip", None, (note,))


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
    if candidate.match.kind != "role":
        return False
    # Nodes under the role prove that instances have it, whatever was read of its trust policy.
    if candidate.use.any:
        return False
    trusts = candidate.found.trusts
    # A trust policy that was not read refutes nothing.
    if trusts is None:
        return False
    return "ec2" not in trusts


def _dead_template(
    candidate: CandidatePrincipal, row: RowMapping, facts: PlanFacts
) -> DesiredEntry:
    if facts.logins.get(principal_key(row.arn)):
        message = f"`{EC2_NAME}` denies every login of `{row.arn}`, yet it logged in."
        return _cannot("dead-row-logged-in", message, row)
    message = f"`{EC2_NAME}` denies every login of `{candidate.arn}`: it is no EC2 instance."
    # A caller chooses the name of a session of a role (server.go renderTemplates looks at it only).
    if candidate.match is not None and candidate.match.kind == "role":
        message = (
            f"`{EC2_NAME}` denies the logins of `{candidate.arn}`, which EC2 does not assume; a "
            "session that a caller names after an instance is admitted today, and loses that."
        )
    return DesiredEntry("skip", None, (DraftFinding("dead-node-template", message, row=row),))


def _unverified(
    candidate: CandidatePrincipal, row: RowMapping, desired: DesiredEntry
) -> DesiredEntry:
    """Add what follows from a principal that IAM was not read with, or not with it alone."""
    found = candidate.found
    if found.state == "ambiguous":
        message = f"IAM was read with several principals for `{row.arn}`."
        return _doubted(desired, DraftFinding("principal-ambiguous", message, row=row))
    # A user's row holds the whole ARN: an entry can be made of it, and EKS refuses it where the
    # user does not exist.
    if candidate.match is not None and candidate.match.kind == "user":
        code = "foreign-user-unverified" if found.foreign else "user-unverified"
        note = DraftFinding(code, f"It was not read whether `{row.arn}` exists.", row=row)
        return replace(desired, notes=(*desired.notes, note))
    # A role's row has no path, and an entry needs the path (EKS user guide, "Create access
    # entries").
    code = "foreign-role-unverified" if found.foreign else "role-unverified"
    message = f"The account of `{row.arn}` was not read: the role's path is not known."
    return _doubted(desired, DraftFinding(code, message, row=row))


def _doubted(desired: DesiredEntry, note: DraftFinding) -> DesiredEntry:
    """A doubt about the principal blocks what would be made; where nothing is made, it warns."""
    if desired.action == "skip":
        return replace(desired, notes=(*desired.notes, replace(note, severity="warn")))
    return replace(desired, action="block", notes=(*desired.notes, note))


def _is_unused(candidate: CandidatePrincipal, desired: DesiredEntry, facts: PlanFacts) -> bool:
    """Whether no login used the row that decides within a complete log window."""
    usage = facts.snapshot.usage
    if usage is None:
        return False
    # In a window with gaps, a login may have been in the part that was not read.
    if not usage.complete:
        return False
    if candidate.row is None:
        return False
    # A row that gives nothing admits no login.
    if desired.action == "skip":
        return False
    return not facts.logins.get(principal_key(candidate.arn))


def _unused_note(candidate: CandidatePrincipal, facts: PlanFacts) -> DraftFinding:
    """The mark of a row that no login used; it is never dropped for that."""
    usage = facts.snapshot.usage
    assert usage is not None  # noqa: S101 - asked where the logs were read
    window = f"{usage.start:%Y-%m-%d} to {usage.end:%Y-%m-%d}"
    message = f"The logs show no login as `{candidate.arn}` from {window}."
    return DraftFinding("row-unused", message, row=candidate.row)


def _may_stay(candidate: CandidatePrincipal, desired: DesiredEntry, facts: PlanFacts) -> bool:
    """With the target API_AND_CONFIG_MAP a row may stay where it is, unless EKS's own entry will
    shadow it.
    """
    if facts.target != "API_AND_CONFIG_MAP" or desired.action != "block":
        return False
    if facts.mode != "CONFIG_MAP":
        return True
    # At the mode switch EKS makes entries for managed node groups and Fargate profiles, and an
    # entry decides before the row (EKS user guide, "Migrating to access entries").
    return not (candidate.use.nodegroups or candidate.use.profiles)


def _left_in_place(candidate: CandidatePrincipal, desired: DesiredEntry) -> DesiredEntry:
    stays = DraftFinding(
        "stays-in-config-map", "The row stays in aws-auth and keeps working.", row=candidate.row
    )
    return DesiredEntry("skip", None, (*softened(desired.notes), stays))
