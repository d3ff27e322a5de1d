"""What a principal's rows and nodes ask for, before existing entries and answers are looked at.

Dead rows are skipped, because an entry made from them would be a new grant; what works today but cannot become an
entry blocks; unknown is never dead.
"""

from dataclasses import replace

from migrator.decide.findings.draft_finding import Note
from migrator.decide.findings.findings_catalogue import softened
from migrator.decide.planning.entries.classify_node import MASTERS, NODE_PREFIX, classify_node, no_node_row
from migrator.decide.planning.entries.creator import creator_entry
from migrator.decide.planning.entries.entry_for import rendered_row, standard_entry
from migrator.decide.planning.entries.policies_strategy import with_policies
from migrator.decide.planning.principals.candidate_principals import Subject
from migrator.decide.planning.principals.plan_facts import PlanFacts, Wanted, quoted
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.decide.reading.row_keys import canonical_arn, principal_key
from migrator.decide.reading.templates import EC2_NAME, SESSION, SESSION_RAW
from migrator.model.access_entry import NOBODY, EntrySpec, Identity
from migrator.model.aws_auth import RowMapping

NOTHING_WANTED = Wanted("none")
_SERVICE_LINKED_NAME = "awsservicerolefor"


def wanted_for(subject: Subject, facts: PlanFacts) -> Wanted:
    """What should become of a principal, as far as rows, IAM and nodes tell."""
    if subject.is_creator and subject.found.state != "absent":
        return _of_creator(subject, creator_entry(subject, facts))
    if subject.match is None:
        return _without_rows(subject, facts)
    if facts.mode == "API":
        note = Note("row-inert", "aws-auth is not asked in API mode.", row=subject.rows[0])
        return Wanted("skip", None, (note, *_nodes_without_entry(subject)))
    if subject.match.kind == "dead":
        return _dead(subject, facts)
    if subject.row is None:
        return _staying(subject, _ambiguous(subject), facts)
    return _staying(subject, _unused(subject, _of_row(subject, subject.row, facts), facts), facts)


def identity_of_rows(subject: Subject, facts: PlanFacts) -> Identity:
    """Who the principal is through aws-auth today; nobody where no row answers."""
    if facts.mode == "API":
        return NOBODY
    if subject.account is not None:
        return NOBODY if subject.found.state == "absent" else Identity(canonical_arn(subject.arn), (), "config-map")
    if subject.group is None or subject.match is None or subject.match.kind == "dead":
        return NOBODY
    return _identity_of_row(subject, subject.row or subject.group.rows[-1])


def identities_at_random(subject: Subject, facts: PlanFacts) -> tuple[Identity, ...]:
    """Who the principal is at one login or another, where two spellings give different mappings; else nobody."""
    if facts.mode == "API" or subject.match is None or subject.match.kind == "dead" or subject.group is None:
        return ()
    rows = () if subject.group.winner else subject.group.rows
    return tuple(_identity_of_row(subject, row) for row in {row.arn: row for row in rows}.values())


def _identity_of_row(subject: Subject, row: RowMapping) -> Identity:
    if subject.found.state == "absent" or _never_renders(subject, row):
        return NOBODY
    username, groups = rendered_row(row, row.arn)
    if username == NODE_PREFIX + SESSION_RAW:
        username = NODE_PREFIX + SESSION  # a node's name holds no @: the same name
    return Identity(username, groups, "config-map")


def _of_creator(subject: Subject, wanted: Wanted) -> Wanted:
    """EKS's own entry for the creator shadows whatever rows and nodes the creator has, at the mode switch already."""
    if subject.use.any:
        message = "EKS will make an entry of type STANDARD for the creator, under whose role nodes run."
        note = Note("automatic-entry-differs", message, row=subject.row, remedy="Give the nodes a role of their own.")
        return Wanted("block", None, (*wanted.notes, note))
    if subject.row is not None:
        return _verified(subject, subject.row, wanted)
    if subject.match is not None and subject.match.kind != "dead":  # rows, and none that wins
        return Wanted("block", wanted.entry, (*wanted.notes, *_ambiguous(subject).notes))
    return wanted


def _without_rows(subject: Subject, facts: PlanFacts) -> Wanted:
    if subject.account is not None and subject.found.state == "absent":
        note = Note("principal-absent", f"`{subject.arn}` does not exist in account {subject.account}.")
        return Wanted("skip", None, (note,))
    if subject.use.any and subject.entry is None:  # whoever expands an account does not make nodes of people
        if facts.mode == "API":
            return Wanted("skip", None, _nodes_without_entry(subject))
        return no_node_row(None, subject.use)
    if subject.account is not None:
        return Wanted("create", EntrySpec("STANDARD", canonical_arn(subject.arn)))
    if subject.is_creator:
        note = Note("principal-absent", f"`{subject.arn}`, who created the cluster, does not exist.")
        return Wanted("skip", None, (note,))
    return NOTHING_WANTED


def _nodes_without_entry(subject: Subject) -> tuple[Note, ...]:
    """In API mode it is too late to block: nodes under a role without an entry are shown as a warning."""
    if subject.entry is not None or not subject.use.any:
        return ()
    return tuple(replace(note, severity="warn") for note in no_node_row(None, subject.use).notes)


def _dead(subject: Subject, facts: PlanFacts) -> Wanted:
    assert subject.match is not None and subject.group is not None  # noqa: S101 - of rows
    row = subject.group.rows[-1]
    if _unexplained_login(row, facts):
        message = f"{subject.match.message} Yet `{row.arn}` logged in, and no other row explains that."
        return Wanted("block", None, (Note("dead-row-logged-in", message, row=row),))
    return Wanted("skip", None, (Note(subject.match.code, subject.match.message, row=row),))


def _unexplained_login(row: RowMapping, facts: PlanFacts) -> bool:
    key = principal_key(row.arn)
    return bool(facts.logins.get(key)) and not facts.explains(key)


def _ambiguous(subject: Subject) -> Wanted:
    assert subject.group is not None  # noqa: S101 - of rows
    spellings = quoted(dict.fromkeys(row.arn for row in subject.group.rows))
    note = Note("ambiguous-user", f"{spellings} give different mappings.", row=subject.group.rows[-1])
    return Wanted("block", None, (note,))


def _of_row(subject: Subject, row: RowMapping, facts: PlanFacts) -> Wanted:
    """A live row: who it means decides first, then nodes, then everybody else."""
    assert subject.match is not None  # noqa: S101 - of rows
    if subject.match.kind == "root":
        return _cannot("root-user", "The row means the account's root user alone.", row)
    if subject.match.kind == "federated-user":
        return _cannot("federated-user", f"`{row.arn}` is a federated user.", row)
    if is_service_linked(subject):
        return _cannot("service-linked-role", f"`{subject.arn}` is a service-linked role.", row)
    if subject.found.state == "absent":
        return _absent(subject, row, facts)
    if _never_renders(subject, row):
        return _dead_template(subject, row, facts)
    is_role = subject.match.kind == "role"
    wanted = classify_node(row, subject.found, subject.use, facts) if is_role else None
    wanted = wanted or _of_one_node(subject, row)
    if wanted is not None and any(note.code == "foreign-node-row" for note in wanted.notes):
        return wanted
    if wanted is None and _needs_instance(row) and subject.found.trusts is None:
        note = Note("node-template-unverified", "The trust policy was not read.", row=row)
        wanted = replace(standard_entry(row, subject.arn, facts), action="block", notes=(note,))
    if wanted is None:
        accepted = any(is_for(key, (subject.arn, row.arn)) for key in facts.decisions.accept_loss)
        wanted = with_policies(standard_entry(row, subject.arn, facts), row, facts, accepted=accepted)
    return _verified(subject, row, wanted)


def _of_one_node(subject: Subject, row: RowMapping) -> Wanted | None:
    """The name of one node, written out, with the power of a node or an admin: neither entry type nor name gives it."""
    username, groups = rendered_row(row, subject.arn)
    if not username.startswith(NODE_PREFIX):
        return None
    if MASTERS in groups:
        return _cannot("node-row-with-masters", "The row names a node and gives `system:masters`.", row)
    if "system:nodes" in groups:
        return _cannot("node-name-differs", f"`{username}` is no name that a node entry gives.", row)
    return None


def _cannot(code: str, message: str, row: RowMapping) -> Wanted:
    return Wanted("block", None, (Note(code, message, row=row),))


def is_service_linked(subject: Subject) -> bool:
    """Whether the row's role is service-linked: by its path in IAM, or by the name that IAM keeps for such roles."""
    if subject.match is None or subject.match.kind != "role":
        return False
    return "/aws-service-role/" in subject.arn or subject.arn.rpartition("/")[2].lower().startswith(
        _SERVICE_LINKED_NAME
    )


def _absent(subject: Subject, row: RowMapping, facts: PlanFacts) -> Wanted:
    if facts.logins.get(principal_key(row.arn)):
        return _cannot("absent-but-logged-in", f"`{row.arn}` does not exist, but logged in.", row)
    if subject.use.live:
        message = f"`{row.arn}` does not exist, but {subject.use.live} live nodes run under it."
        return _cannot("absent-but-logged-in", message, row)
    beside = f" There is `{subject.found.elsewhere}`, which this row never matches." if subject.found.elsewhere else ""
    return Wanted("skip", None, (Note("principal-absent", f"`{row.arn}` does not exist.{beside}", row=row),))


def _needs_instance(row: RowMapping) -> bool:
    return any(EC2_NAME in name for name in (row.username, *row.effective_groups))


def _never_renders(subject: Subject, row: RowMapping) -> bool:
    """``{{EC2PrivateDNSName}}`` denies the login of whoever is no instance: users, and roles that trust no EC2."""
    if subject.match is None or not _needs_instance(row):
        return False
    if subject.match.kind == "user":
        return True
    trusts = subject.found.trusts
    return subject.match.kind == "role" and trusts is not None and "ec2" not in trusts and not subject.use.any


def _dead_template(subject: Subject, row: RowMapping, facts: PlanFacts) -> Wanted:
    if facts.logins.get(principal_key(row.arn)):
        message = f"`{EC2_NAME}` denies every login of `{row.arn}`, yet it logged in."
        return _cannot("dead-row-logged-in", message, row)
    message = f"`{EC2_NAME}` denies every login of `{subject.arn}`: it is no EC2 instance."
    return Wanted("skip", None, (Note("dead-node-template", message, row=row),))


def _verified(subject: Subject, row: RowMapping, wanted: Wanted) -> Wanted:
    """Add what follows from how well the principal itself is known."""
    found, is_user = subject.found, subject.match is not None and subject.match.kind == "user"
    if found.state == "found":
        return wanted
    if found.state == "ambiguous":
        note = Note("principal-ambiguous", f"IAM was read with several principals for `{row.arn}`.", row=row)
    elif is_user:
        code = "foreign-user-unverified" if found.foreign else "user-unverified"
        note = Note(code, f"It was not read whether `{row.arn}` exists.", row=row)
        return replace(wanted, notes=(*wanted.notes, note))
    else:
        code = "foreign-role-unverified" if found.foreign else "role-unverified"
        note = Note(code, f"The account of `{row.arn}` was not read: the role's path is not known.", row=row)
    if wanted.action == "skip":
        return replace(wanted, notes=(*wanted.notes, replace(note, severity="warn")))
    return replace(wanted, action="block", notes=(*wanted.notes, note))


def _unused(subject: Subject, wanted: Wanted, facts: PlanFacts) -> Wanted:
    """Mark a row that nobody used within a complete log window; it is never dropped for that."""
    usage = facts.snapshot.usage
    if usage is None or not usage.complete or wanted.action == "skip" or facts.logins.get(principal_key(subject.arn)):
        return wanted
    window = f"{usage.start:%Y-%m-%d} to {usage.end:%Y-%m-%d}"
    note = Note("row-unused", f"Nobody logged in as `{subject.arn}` from {window}.", row=subject.row)
    return replace(wanted, notes=(*wanted.notes, note))


def _staying(subject: Subject, wanted: Wanted, facts: PlanFacts) -> Wanted:
    """With the target API_AND_CONFIG_MAP a row may stay where it is, unless EKS's own entry will shadow it."""
    if facts.target != "API_AND_CONFIG_MAP" or wanted.action != "block":
        return wanted
    if facts.mode == "CONFIG_MAP" and (subject.use.nodegroups or subject.use.profiles):
        return wanted
    stays = Note("stays-in-config-map", "The row stays in aws-auth and keeps working.", row=subject.row)
    return Wanted("skip", None, (*softened(wanted.notes), stays))
