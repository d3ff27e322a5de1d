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
    """The log-ins of the principal that are admitted as ``identity``, by a row, by an entry or by
    EKS itself.
    """
    if identity.via == "none":
        return ()
    kinds = sessions_of(principal_arn)
    # server.go renderTemplates: the login is refused unless the session is named after an instance
    # that EC2 knows.
    if any(EC2_NAME in name for name in (identity.username, *identity.groups)):
        kinds = tuple(kind for kind in kinds if kind == "instance")
    # The reserved prefixes do not count for rows (mapper EKSConfigMap before v0.7.17).
    if identity.via != "access-entry" or identity.username in NAMES_OF_EKS:
        return tuple(map(LogIns, kinds))
    return tuple(found for kind in kinds for found in _admitted_by_entry(kind, identity.username))


def sessions_of(principal_arn: str) -> tuple[SessionKind, ...]:
    """The kinds of sessions that a principal can have: a role's, or the user itself."""
    parsed = parse_arn(principal_arn)
    return _OF_ROLES if parsed is None or parsed.kind in _ROLES else _OF_USERS


def kind_of_session(principal_arn: str, session_name: str) -> SessionKind:
    """The kind that a session belongs to by its name. One that is named after an instance counts as
    the instance's: whether EC2 knows its private DNS name is unknown here.
    """
    if sessions_of(principal_arn) == _OF_USERS:
        return "user"
    return "instance" if INSTANCE_SESSION.fullmatch(session_name) else "other"


def admits(population: LogInPopulation, kind: SessionKind, session_name: str) -> bool:
    """Whether a login by such a session is admitted."""
    found = next((each for each in population if each.sessions == kind), None)
    if found is None:
        return False
    if found.names:
        return session_name in found.names
    return session_name not in found.except_names


def without(population: LogInPopulation, other: LogInPopulation) -> LogInPopulation:
    """The log-ins of the first population that the second does not have."""
    taken = {each.sessions: each for each in other}
    left = [_less(each, taken.get(each.sessions)) for each in population]
    return tuple(each for each in left if each is not None)


def together(populations: Iterable[LogInPopulation]) -> LogInPopulation:
    """The log-ins that any of the populations has."""
    found: dict[SessionKind, LogIns] = {}
    for population in populations:
        for each in population:
            known = found.get(each.sessions)
            found[each.sessions] = each if known is None else _more(known, each)
    return tuple(found[kind] for kind in (*_OF_ROLES, *_OF_USERS) if kind in found)


def _admitted_by_entry(kind: SessionKind, username: str) -> Iterable[LogIns]:
    """An entry's username is compared with the reserved prefixes after it is rendered (server.go,
    doMapping).
    """
    # An IAM user has no session: its name is rendered as empty (token.go).
    if kind == "user":
        username = render(username, {"SessionName": "", "SessionNameRaw": ""})
    refused = _names_that_reserve(username)
    if refused is None:
        return
    # A session that is named after an instance has a dash in its name, which no reserved prefix
    # has.
    yield LogIns(kind, except_names=refused if kind == "other" else ())


def _names_that_reserve(username: str) -> tuple[str, ...] | None:
    """The session names that give the username a reserved prefix; None where every name does.

    No template becomes a text with a colon, so that the prefix ends at the first colon that is
    written.
    """
    head, colon, _ = username.partition(":")
    if not colon:
        return ()
    names: set[str] = set()
    for prefix in RESERVED_PREFIXES:
        # None, too many readings, is for texts that are longer than any prefix.
        for reading in readings(head, prefix.removesuffix(":")) or ():
            if not reading:
                return None
            sessions = {value for name, value in reading.items() if name.startswith("SessionName")}
            # Both spellings are equal: no reserved prefix has an @ or a dash.
            if len(sessions) == 1:
                names |= sessions
    return tuple(sorted(names))


def _less(each: LogIns, other: LogIns | None) -> LogIns | None:
    if other is None:
        return each
    if each.names:
        left = tuple(name for name in each.names if not admits((other,), other.sessions, name))
        return LogIns(each.sessions, names=left) if left else None
    if other.names:
        return LogIns(each.sessions, except_names=tuple(sorted({*each.except_names, *other.names})))
    left = tuple(sorted(set(other.except_names) - set(each.except_names)))
    return LogIns(each.sessions, names=left) if left else None


def _more(one: LogIns, other: LogIns) -> LogIns:
    if one.names and other.names:
        return LogIns(one.sessions, names=tuple(sorted({*one.names, *other.names})))
    # Some names, and all but some: what both leave out is left out.
    if one.names or other.names:
        wide, narrow = (other, one) if one.names else (one, other)
        excepted = set(wide.except_names) - set(narrow.names)
        return LogIns(wide.sessions, except_names=tuple(sorted(excepted)))
    excepted = set(one.except_names) & set(other.except_names)
    return LogIns(one.sessions, except_names=tuple(sorted(excepted)))
