"""How the live aws-auth and IAM differ from what a plan was made for, principal by principal, in
plain words.

A run reads them again directly before each write: a proof takes minutes, and an administrator who
deletes or thins a row meanwhile wants less than the plan would give.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrator.decide.access.quoting import quoted
from migrator.decide.reading.effective_identity import canonical_arn
from migrator.decide.reading.templates import rendered_row
from migrator.decide.reading.text_folding import fold
from migrator.decide.running.row_identity import row_gives, rows_in, rows_of
from migrator.model.access_entry import Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import CreateBinding

# The principal's own row was deleted or edited, and the rest of aws-auth can be read.
ROW_CHANGED = "row-changed"
# aws-auth as a whole is absent, empty or not certain to be read as the authenticator reads it.
AWS_AUTH_LOST = "aws-auth-lost"
PRINCIPAL_RECREATED, PRINCIPAL_DELETED = "principal-recreated", "principal-deleted"
ROW_ADDED = "row-added"
# A parallel binding that a run made was deleted or changed: the group of an entry no longer gives
# what the row gave.
BINDING_CHANGED = "binding-changed"
ENTRY_CHANGED = "entry-changed"
# What ends one principal's sequence with exit code 5, while the others continue.
CHANGED_CODES = frozenset(
    {ROW_CHANGED, AWS_AUTH_LOST, PRINCIPAL_RECREATED, PRINCIPAL_DELETED, BINDING_CHANGED}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is no longer as the plan has it. ``subject``: a principal's ARN, or an account
    id.
    """

    code: str
    subject: str
    message: str


def binding_difference(binding: CreateBinding, subject: str) -> Difference:
    """That a parallel binding is not there as a run made it. ``subject``: the principal whose entry
    has its group.
    """
    name = "/".join(filter(None, (binding.namespace, binding.binding_name)))
    role = f"{binding.role_kind} {binding.role_name}"
    return Difference(
        BINDING_CHANGED,
        subject,
        f"The binding {name} of the group {binding.group} to {role}, by which {subject} has its "
        f"access, was deleted or changed.",
    )


def row_difference(data: Mapping[str, str] | None, planned: PlannedPrincipal) -> Difference | None:
    """How the live aws-auth differs from the identity that the plan has of a principal; None where
    it does not.

    ``data`` is the live ConfigMap's, None when there is none. A principal that does not log in by a
    row (its entry decides, or it is the creator with EKS's own entry) has no row to compare: its
    entry is compared instead.
    """
    arn, before = planned.principal_arn, planned.before
    if before.via != "config-map":
        return None
    if row_gives(data, arn, before):
        return None
    lost = "The ConfigMap aws-auth was deleted." if data is None else _lost(data)
    if data is None or lost:
        return Difference(
            AWS_AUTH_LOST, arn, f"{lost} The plan has a row for {arn} ({_who(before)})."
        )
    given = _given(data, arn)
    if not given:
        return Difference(
            ROW_CHANGED,
            arn,
            f"aws-auth no longer has a row for {arn}. The plan has {_who(before)}.",
        )
    return Difference(
        ROW_CHANGED,
        arn,
        f"aws-auth now gives {arn} {' or '.join(given)}. The plan was made for {_who(before)}.",
    )


def _lost(data: Mapping[str, str]) -> str:
    """Why aws-auth as a whole says nothing certain about one principal; empty where it does.

    An administrator who wants less for one principal edits its row. A ConfigMap that is deleted,
    blank or broken is an accident or a rehearsal of another operator, and no decision about this
    principal.
    """
    aws_auth, _ = rows_in(data)
    if aws_auth.doubt:
        return "aws-auth has a text on which YAML parsers differ."
    if aws_auth.problems:
        sections = ", ".join(sorted({problem.section for problem in aws_auth.problems}))
        return f"aws-auth does not parse ({sections}), so the authenticator drops all rows there."
    # A rehearsal, which a second operator may run, blanks every value; a person who deletes the
    # last row leaves `[]`.
    if not any(value.strip() for value in data.values()):
        return "All values of aws-auth are blank."
    return ""


def _given(data: Mapping[str, str], principal_arn: str) -> tuple[str, ...]:
    """What the live rows give a principal, one text for each row or account that may admit it."""
    canonical = canonical_arn(principal_arn)
    if canonical is None:
        return ()
    _, index = rows_in(data)
    given: dict[str, None] = {}
    # Two rows of one principal may give the same.
    for row in rows_of(index, canonical):
        username, groups = rendered_row(row, principal_arn)
        given[_identity(username, groups)] = None
    return tuple(given)


def _who(before: Identity) -> str:
    """The identity that the plan has of a principal, for people."""
    return _identity(before.username, before.groups)


def _identity(username: str, groups: Iterable[str]) -> str:
    """Username and groups for people, quoted as the plan's table has them: they come from the
    cluster.
    """
    named = [quoted(group) for group in groups if group]
    if not named:
        return f"username {quoted(username)}, no groups"
    return f"username {quoted(username)}, groups {', '.join(named)}"


def row_differences(plan: Plan, data: Mapping[str, str] | None) -> tuple[Difference, ...]:
    """Rows of aws-auth that were changed, deleted or added since the plan was made."""
    found: list[Difference] = []
    for principal in plan.principals:
        if _is_left_out(principal):
            continue
        difference = row_difference(data, principal)
        if difference is not None:
            found.append(difference)
    return (*found, *added_rows(plan, data))


def _is_left_out(principal: PlannedPrincipal) -> bool:
    """Whether the plan makes no entry for the principal: its row, or its absence, is not compared
    with one.
    """
    return principal.action in ("skip", "block")


def added_rows(plan: Plan, data: Mapping[str, str] | None) -> tuple[Difference, ...]:
    """Rows in force now for principals that the plan does not know: a cut-over would take their
    access away.
    """
    if data is None:
        return ()
    _, index = rows_in(data)
    planned = [each.principal_arn for each in plan.principals if not _is_left_out(each)]
    known = {fold(canonical_arn(arn) or arn) for arn in planned}
    had, accounts = _rows_of_basis(plan)
    found: list[Difference] = []
    for key, rows in {**index.users, **index.roles}.items():
        if key in known:
            continue
        given = {(row.username, tuple(row.effective_groups)) for row in rows}
        # The plan left the principal out with this row there: a person has seen it.
        if given <= had.get(key, set()):
            continue
        arn, who = rows[0].arn, " or ".join(sorted(_identity(*each) for each in given))
        message = f"aws-auth has a row for {arn} ({who}) that the plan does not know."
        found.append(Difference(ROW_ADDED, arn, message))
    for account in sorted(set(index.accounts) - accounts):
        message = f"mapAccounts of aws-auth has account {account}, which the plan does not know."
        found.append(Difference(ROW_ADDED, account, message))
    return tuple(found)


def _rows_of_basis(plan: Plan) -> tuple[dict[str, set[tuple[str, tuple[str, ...]]]], set[str]]:
    """The rows that were there when the plan was made, by folded ARN, those without effect
    included.
    """
    aws_auth = plan.basis.get("awsAuth")
    if not isinstance(aws_auth, Mapping):
        return {}, set()
    rows: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for _, arn, username, groups, *_rest in aws_auth.get("rows", ()):
        rows.setdefault(fold(arn), set()).add((username, tuple(groups or ())))
    return rows, set(aws_auth.get("accounts", ()))


def one_each(
    plan: Plan, given_up: Iterable[Difference], others: Iterable[Difference]
) -> tuple[Difference, ...]:
    """The first difference of each principal in the order of the plan: first those for which a
    sequence ended, then the others; at the end what the plan does not know.
    """
    places = {each.principal_arn: place for place, each in enumerate(plan.principals)}
    found: dict[str, tuple[bool, Difference]] = {}
    for difference in given_up:
        found.setdefault(difference.subject, (False, difference))
    for difference in others:
        found.setdefault(difference.subject, (True, difference))
    ordered = sorted(
        found.values(), key=lambda each: (each[0], places.get(each[1].subject, len(places)))
    )
    return tuple(difference for _, difference in ordered)


def id_difference(planned: PlannedPrincipal, found: str | None) -> Difference | None:
    """Whether IAM has another principal under this ARN now. ``found``: its unique id, None where
    there is none.

    An entry is pinned to the unique id (EKS user guide, "Create access entries").
    """
    arn, wanted = planned.principal_arn, planned.principal_id
    # The plan was made without IAM: there is nothing to compare.
    if wanted is None:
        return None
    if found == wanted:
        return None
    if found is None:
        return Difference(
            PRINCIPAL_DELETED, arn, f"IAM no longer has {arn}. The plan has its id {wanted}."
        )
    return Difference(
        PRINCIPAL_RECREATED,
        arn,
        f"{arn} was deleted and created again in IAM: its id is {found}, the plan has {wanted}.",
    )
