"""Which log-ins of a principal an identity admits, and how two such populations differ.

The rules are those of the authenticator (:mod:`migrator.decide.reading.effective_identity`), asked
for all sessions of a principal together. Access policies and RBAC do not matter here: they say what
an admitted login may do.
"""

from collections.abc import Iterable

from migrator.decide.access.name_templates import readings, render
from migrator.decide.reading.effective_identity import INSTANCE_SESSION, NAMES_OF_EKS
from migrator.decide.reading.templates import EC2_NAME
from migrator.model.access_entry import RESERVED_PREFIXES, Identity
from migrator.model.log_ins import LogInPopulation, LogIns, SessionKind
from migrator.model.principal import parse_arn

_OF_ROLES: tuple[SessionKind, ...] = ("instance", "other")
_OF_USERS: tuple[SessionKind, ...] = ("user",)
_ROLES = frozenset({"role", "service-linked-role", "assumed-role"})


def population_of(identity: Identity, principal_arn: str) -> LogInPopulation:
    """The log-ins of the principal that are admitted as ``identity``.

    The identity may come from a row, from an entry or from EKS itself; without one (``via`` is
    ``none``) no login is admitted. Kinds of sessions come in one order, each at most once.
    """
    if identity.via == "none":
        return ()
    kinds = sessions_of(principal_arn)
    # server.go renderTemplates: the login is refused unless the session is named after an instance
    # that EC2 knows.
    if any(EC2_NAME in name for name in (identity.username, *identity.groups)):
        kinds = tuple(kind for kind in kinds if kind == "instance")
    # The reserved prefixes do not count for rows (mapper EKSConfigMap before v0.7.17).
    if identity.via != "access-entry":
        return tuple(map(LogIns, kinds))
    # EKS itself writes these names into entries.
    if identity.username in NAMES_OF_EKS:
        return tuple(map(LogIns, kinds))
    found = (_admitted_by_entry(kind, identity.username) for kind in kinds)
    return tuple(each for each in found if each is not None)


def sessions_of(principal_arn: str) -> tuple[SessionKind, ...]:
    """The kinds of sessions that a principal can have: a role's, or the user itself.

    ``principal_arn`` is an IAM ARN or the STS ARN of an assumed role. A role's sessions are of two
    kinds because the authenticator treats those that are named after an instance apart
    (``pkg/server/server.go``, renderTemplate).
    """
    parsed = parse_arn(principal_arn)
    # A text that is no ARN may be a role's: the wider answer is taken.
    if parsed is None:
        return _OF_ROLES
    if parsed.kind in _ROLES:
        return _OF_ROLES
    return _OF_USERS


def kind_of_session(principal_arn: str, session_name: str) -> SessionKind:
    """The kind that a session belongs to by its name.

    One that is named after an instance (``i-`` and 8 or 17 characters) counts as the instance's:
    whether EC2 knows its private DNS name is unknown here. Names of a user's sessions mean nothing.
    """
    if sessions_of(principal_arn) == _OF_USERS:
        return "user"
    if INSTANCE_SESSION.fullmatch(session_name):
        return "instance"
    return "other"


def admits(population: LogInPopulation, kind: SessionKind, session_name: str) -> bool:
    """Whether a login by such a session is admitted.

    ``names`` of a part are all that it admits; without them it admits all but ``except_names``.
    """
    found = next((each for each in population if each.sessions == kind), None)
    if found is None:
        return False
    if found.names:
        return session_name in found.names
    return session_name not in found.except_names


def without(population: LogInPopulation, other: LogInPopulation) -> LogInPopulation:
    """The log-ins of the first population that the second does not have.

    This is what is lost where the first is today's, and what is gained where it is tomorrow's.
    """
    taken = {each.sessions: each for each in other}
    left: list[LogIns] = []
    for each in population:
        less = _less(each, taken.get(each.sessions))
        if less is not None:
            left.append(less)
    return tuple(left)


def together(populations: Iterable[LogInPopulation]) -> LogInPopulation:
    """The log-ins that any of the populations has, in the order instance, other, user."""
    found: dict[SessionKind, LogIns] = {}
    for population in populations:
        for each in population:
            known = found.get(each.sessions)
            if known is None:
                found[each.sessions] = each
                continue
            found[each.sessions] = _more(known, each)
    in_order = (*_OF_ROLES, *_OF_USERS)
    return tuple(found[kind] for kind in in_order if kind in found)


def _admitted_by_entry(kind: SessionKind, username: str) -> LogIns | None:
    """What an entry admits of one kind of sessions; None where it admits no session of the kind.

    An entry's username is compared with the reserved prefixes after it is rendered (server.go,
    doMapping).
    """
    # An IAM user has no session: its name is rendered as empty (token.go).
    if kind == "user":
        username = render(username, {"SessionName": "", "SessionNameRaw": ""})
    refused = _names_that_reserve(username)
    if refused is None:
        return None
    # A session that is named after an instance has a dash in its name, which no reserved prefix
    # has; a user has no session name.
    if kind != "other":
        return LogIns(kind)
    return LogIns(kind, except_names=refused)


def _names_that_reserve(username: str) -> tuple[str, ...] | None:
    """The session names that give the username a reserved prefix; None where every name does.

    No template becomes a text with a colon, so that the prefix ends at the first colon that is
    written: of ``{{SessionName}}:x`` these are ``system``, ``eks``, ``aws``, ``amazon`` and
    ``iam``.
    """
    head, colon, _ = username.partition(":")
    if not colon:
        return ()
    names: set[str] = set()
    for prefix in RESERVED_PREFIXES:
        # None, too many readings, is for texts that are longer than any prefix.
        for reading in readings(head, prefix.removesuffix(":")) or ():
            # The prefix is written out: no variable has a part in it.
            if not reading:
                return None
            sessions = {value for name, value in reading.items() if name.startswith("SessionName")}
            # Both spellings are equal: no reserved prefix has an @ or a dash.
            if len(sessions) == 1:
                names |= sessions
    return tuple(sorted(names))


def _less(each: LogIns, other: LogIns | None) -> LogIns | None:
    """The log-ins of ``each`` without those of ``other``, which is of the same kind of sessions.

    None where nothing is left. ``other`` None takes nothing away.
    """
    if other is None:
        return each
    # Some names only: those that the other does not admit are left.
    if each.names:
        left = [name for name in each.names if not admits((other,), other.sessions, name)]
        if not left:
            return None
        return LogIns(each.sessions, names=tuple(left))
    # All but some, without some names: those are excepted too.
    if other.names:
        excepted = {*each.except_names, *other.names}
        return LogIns(each.sessions, except_names=tuple(sorted(excepted)))
    # All but some, without all but some: what only the other excepts is left.
    names = set(other.except_names) - set(each.except_names)
    if not names:
        return None
    return LogIns(each.sessions, names=tuple(sorted(names)))


def _more(one: LogIns, other: LogIns) -> LogIns:
    """The log-ins of either, of the same kind.

    Each of the two is some names, or all but some: together these are some names again, or all but
    those that both leave out.
    """
    if one.names and other.names:
        return LogIns(one.sessions, names=tuple(sorted({*one.names, *other.names})))
    # Some names, and all but some: what both leave out is left out.
    if one.names:
        excepted = set(other.except_names) - set(one.names)
    elif other.names:
        excepted = set(one.except_names) - set(other.names)
    else:
        excepted = set(one.except_names) & set(other.except_names)
    return LogIns(one.sessions, except_names=tuple(sorted(excepted)))
