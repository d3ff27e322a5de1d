"""The exact difference of access before and after: which log-ins are admitted, and what an
admitted login may do.

A username or group with a template is as many logins as there are sessions. RBAC can name some of
these logins (``dev:alice``), so each named one is compared alone, and all others together: a
right that moves from one session's name to another's is a loss and a gain, not an equality.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product

from migrator.decide.access.authorize import MASTERS, NODES, RbacIndex, SubjectNames
from migrator.decide.access.log_in_population import population_of, together, without
from migrator.decide.access.name_templates import ALPHABETS, readings, render
from migrator.decide.access.permission_rows import arranged
from migrator.decide.access.permission_set import (
    NOTHING,
    PermissionSet,
    Unknown,
    difference,
    is_login,
    permissions_of_login,
)
from migrator.decide.access.witnesses import with_witnesses, witness_of
from migrator.decide.reading.templates import SESSION_RAW, literal_prefix, templates_in
from migrator.model.access_entry import Identity
from migrator.model.plan import AccessChange
from migrator.model.rbac import AccessRequest, PermissionRow, Witness

_MOST_LOGINS = 4096
_MOST_DASHES = 5
_ANY = "\0"  # no rendered name holds a NUL, so no subject names such a login
_OTHER: Mapping[str, str] = dict.fromkeys(ALPHABETS, _ANY)
_SESSION_NAMES = ("SessionName", "SessionNameRaw")


def permissions_of(identity: Identity, index: RbacIndex | None) -> PermissionSet:
    """Everything the identity may do; with a template, everything that one of its logins may do.

    ``index`` None: RBAC was not read, so its part is unknown. An identity that cannot log in may do
    nothing.
    """
    if not is_login(identity):
        return NOTHING
    logins, complete = _logins((identity,), (index,))
    found = NOTHING
    for values in logins:
        found |= _permissions(identity, values, index)
    # Logins that were not enumerated may have more: unknown is never shown as nothing.
    if not complete:
        found |= _too_many(identity)
    return found


def permissions_of_unnamed(identity: Identity, index: RbacIndex | None) -> PermissionSet:
    """What a login of the identity may do that nothing in RBAC names: the same for every session.

    Without templates this is what ``permissions_of`` gives.
    """
    return _permissions(identity, _OTHER, index)


def compare_access(
    befores: Sequence[Identity],
    after: Identity,
    principal_arn: str,
    index: RbacIndex | None,
    index_after: RbacIndex | None,
    *,
    namespaces: Sequence[str] | None = None,
) -> AccessChange:
    """The whole difference of a principal's access: permissions, and log-ins that are admitted.

    ``befores`` are several where the authenticator takes one of several rows at random (spellings
    of one ARN in mapUsers, ``pkg/mapper/configmap/configmap.go``); they are at least one. ``index``
    is RBAC today, ``index_after`` RBAC after the steps. ``namespaces`` as in :func:`compare`.
    """
    if len(befores) == 1:
        permissions = compare(
            befores[0], after, index, index_after=index_after, namespaces=namespaces
        )
    else:
        permissions = compare_with_several(
            befores, after, index, index_after, namespaces=namespaces
        )
    log_ins = compare_log_ins(befores, after, principal_arn)
    if not log_ins.log_ins_gained and not log_ins.log_ins_lost:
        return permissions
    return replace(
        permissions, log_ins_gained=log_ins.log_ins_gained, log_ins_lost=log_ins.log_ins_lost
    )


def compare_log_ins(
    befores: Sequence[Identity], after: Identity, principal_arn: str
) -> AccessChange:
    """The log-ins gained and lost alone.

    A login that any of several identities admits is admitted today, now and then: losing it is a
    loss, and having it afterwards is no gain.
    """
    old = [population_of(before, principal_arn) for before in befores]
    new = population_of(after, principal_arn)
    gained = without(new, together(old))
    lost = together(without(population, new) for population in old)
    return AccessChange(log_ins_gained=gained, log_ins_lost=lost)


def compare(
    before: Identity,
    after: Identity,
    index: RbacIndex | None,
    *,
    index_after: RbacIndex | None = None,
    namespaces: Sequence[str] | None = None,
) -> AccessChange:
    """Gained and lost permissions of one identity that becomes another.

    ``index_after`` where RBAC itself changes too (bindings of our own). ``namespaces`` are those
    that exist: with them, be it none, each row gets a witness; without them no row has one.
    """
    later = index_after or index
    if later is index and _same(before, after):
        return AccessChange()
    logins, complete = _logins((before, after), (index, later))
    gained: dict[PermissionRow, Witness | None] = {}
    lost: dict[PermissionRow, Witness | None] = {}
    pairs: dict[tuple[PermissionSet, PermissionSet], Mapping[str, str]] = {}
    # The logins that RBAC does not name come first: their witness is valid for every session.
    for values in reversed(logins):
        old = _permissions(before, values, index)
        new = _permissions(after, values, later)
        pairs.setdefault((old, new), values)
    for (old, new), values in pairs.items():
        _add_rows(gained, new, old, values, namespaces, with_bounds=True)
        _add_rows(lost, old, new, values, namespaces)
    # Logins that were not compared may differ: a difference that may exist is marked as unknown.
    if not complete:
        gained.update(dict.fromkeys(_too_many(after).rows()))
        lost.update(dict.fromkeys(_too_many(before).rows()))
    return AccessChange(
        gained=with_witnesses(arranged(gained), gained),
        lost=with_witnesses(arranged(lost), lost),
    )


def compare_with_several(
    befores: Sequence[Identity],
    after: Identity,
    index: RbacIndex | None,
    index_after: RbacIndex | None,
    *,
    namespaces: Sequence[str] | None = None,
) -> AccessChange:
    """Against a principal that gets one of several identities at random.

    Lost is what any of them has and ``after`` has not; gained is what no identity has.
    """
    had = NOTHING
    lost: dict[PermissionRow, Witness | None] = {}
    for before in befores:
        had |= permissions_of(before, index)
        change = compare(before, after, index, index_after=index_after, namespaces=namespaces)
        for row in change.lost:
            # An identity that was compared before may have shown the same row without a witness.
            if lost.get(row) is None:
                lost[row] = row.witness
    rows = difference(permissions_of(after, index_after), had, with_bounds=True)
    gained: dict[PermissionRow, Witness | None] = dict.fromkeys(rows)
    if rows and namespaces is not None:
        logins, _ = _logins((after,), (index_after,))
        for values in reversed(logins):
            certain = _certain(_permissions(after, values, index_after), had)
            _add_witnesses(gained, rows, certain, values, namespaces)
    return AccessChange(
        gained=with_witnesses(rows, gained), lost=with_witnesses(arranged(lost), lost)
    )


def _add_rows(
    found: dict[PermissionRow, Witness | None],
    a: PermissionSet,
    b: PermissionSet,
    values: Mapping[str, str],
    namespaces: Sequence[str] | None,
    *,
    with_bounds: bool = False,
) -> None:
    """Adds to ``found`` the rows of ``a`` without ``b``, and a witness for each that has none yet.

    The rows are about the logins whose variables have these ``values``. ``with_bounds`` as in
    ``difference``.
    """
    rows = difference(a, b, with_bounds=with_bounds)
    for row in rows:
        found.setdefault(row, None)
    if rows and namespaces is not None:
        _add_witnesses(found, rows, _certain(a, b), values, namespaces)


def _certain(a: PermissionSet, b: PermissionSet) -> Callable[[AccessRequest], bool]:
    """Whether a request is certainly in ``a`` and certainly not in ``b``.

    What is unknown in either of the two is not certain: such a request shows nothing.
    """
    in_a, in_b = a.asker(), b.asker()
    return lambda request: in_a(request) is True and in_b(request) is False


def _add_witnesses(
    found: dict[PermissionRow, Witness | None],
    rows: Iterable[PermissionRow],
    certain: Callable[[AccessRequest], bool],
    values: Mapping[str, str],
    namespaces: Sequence[str],
) -> None:
    """Looks for a witness of each row that has none; ``found`` maps rows to their witness or None.

    A witness names the variables that have a value: others hold for every session.
    """
    login = sorted(f"{variable}={value}" for variable, value in values.items() if value != _ANY)
    for row in rows:
        if found.get(row) is None:
            found[row] = witness_of(row, certain, login=login, namespaces=namespaces)


def _same(before: Identity, after: Identity) -> bool:
    """Whether nothing can differ as long as RBAC is the same.

    It is asked first because most principals keep their name, groups and policies.
    """
    # A principal that cannot log in has no access, whatever its row or entry holds.
    if not is_login(before) and not is_login(after):
        return True
    if is_login(before) != is_login(after):
        return False
    if before.username != after.username:
        return False
    # The order of groups and policies means nothing.
    if set(before.groups) != set(after.groups):
        return False
    return set(before.policies) == set(after.policies)


def _permissions(
    identity: Identity, values: Mapping[str, str], index: RbacIndex | None
) -> PermissionSet:
    """The permissions of the logins whose variables have these values.

    ``values`` maps variables to texts; a variable that RBAC does not name has the value ``_ANY``.
    """
    if not is_login(identity):
        return NOTHING
    username = render(identity.username, values)
    groups = tuple(render(group, values) for group in identity.groups)
    return permissions_of_login(identity, username, groups, index)


def _too_many(identity: Identity) -> PermissionSet:
    """What is not known of an identity of which not all logins were compared."""
    unknown: set[Unknown] = set()
    for name in (identity.username, *identity.groups):
        if templates_in(name):
            unknown.add(Unknown(f"logins of {name}: RBAC names too many of them"))
    return PermissionSet(unknown=frozenset(unknown))


def _logins(
    identities: Iterable[Identity], indexes: Iterable[RbacIndex | None]
) -> tuple[list[Mapping[str, str]], bool]:
    """Values of the variables for each login that RBAC can tell apart, the unnamed ones last.

    False with them when the list was cut short at ``_MOST_LOGINS``, or when a name has too many
    readings. Values that RBAC does not name are ``_ANY``.
    """
    templates = _templates_of(identities)
    # Without a template every session has the same username and groups: there is one login.
    if not templates:
        return [{}], True
    values, complete = _named_values(templates, indexes)
    raw_counts = any(SESSION_RAW in name for _, name in templates)
    combinations = list(islice(_combinations(values, raw_counts=raw_counts), _MOST_LOGINS + 1))
    if len(combinations) > _MOST_LOGINS:
        return combinations[:_MOST_LOGINS], False
    return combinations, complete


def _templates_of(identities: Iterable[Identity]) -> list[tuple[SubjectNames, str]]:
    """The usernames and groups of the identities that hold a template, sorted and each once.

    ``("users", name)`` or ``("groups", name)``: RBAC names each kind apart. Identities that cannot
    log in have no logins to compare.
    """
    found: set[tuple[SubjectNames, str]] = set()
    for identity in identities:
        if not is_login(identity):
            continue
        found.add(("users", identity.username))
        found.update(("groups", group) for group in identity.groups)
    return sorted(each for each in found if templates_in(each[1]))


def _named_values(
    templates: Iterable[tuple[SubjectNames, str]], indexes: Iterable[RbacIndex | None]
) -> tuple[dict[str, set[str]], bool]:
    """Variable -> the values under which a template reads as a name of RBAC.

    False with them when the readings of a name are too many to list.
    """
    complete = True
    values: dict[str, set[str]] = {}
    for kind, name in templates:
        for subject in _subjects(kind, name, indexes):
            found = readings(name, subject)
            if found is None:
                complete = False
                continue
            for reading in found:
                for variable, value in reading.items():
                    values.setdefault(variable, set()).add(value)
    return values, complete


def _subjects(kind: SubjectNames, name: str, indexes: Iterable[RbacIndex | None]) -> Iterator[str]:
    """Names that make a difference and start like the template.

    These are the names of RBAC, and two groups that the API server itself knows: ``system:masters``
    and ``system:nodes``.
    """
    prefix = literal_prefix(name)
    if kind == "groups":
        yield from (group for group in (MASTERS, NODES) if group.startswith(prefix))
    for index in dict.fromkeys(indexes):
        if index is not None:
            yield from index.names_with_prefix(kind, prefix)


def _combinations(
    values: Mapping[str, Iterable[str]], *, raw_counts: bool
) -> Iterator[Mapping[str, str]]:
    """Every combination of the values found and "any other".

    Both spellings of the session's name go together, because one session has one of each.
    """
    sessions = [*sorted(_sessions(values, raw_counts=raw_counts)), (_ANY, _ANY)]
    others = [name for name in _OTHER if name in values and name not in _SESSION_NAMES]
    for session, raw in sessions:
        for rest in product(*([*sorted(values[name]), _ANY] for name in others)):
            yield {
                **_OTHER,
                "SessionName": session,
                "SessionNameRaw": raw,
                **dict(zip(others, rest, strict=True)),
            }


def _sessions(values: Mapping[str, Iterable[str]], *, raw_counts: bool) -> set[tuple[str, str]]:
    """The sessions that RBAC names: the name as ``SessionName`` and as ``SessionNameRaw``."""
    # The authenticator replaces "@" by "-" in SessionName and nowhere else (renderTemplate).
    found = {(value.replace("@", "-"), value) for value in values.get("SessionNameRaw", ())}
    for value in values.get("SessionName", ()):
        # No template reads the raw name: how it is spelled makes no difference.
        if not raw_counts:
            found.add((value, _ANY))
            continue
        found.update((value, raw) for raw in _spellings(value))
    return found


def _spellings(session: str) -> Iterator[str]:
    """The raw names that a session's name can come from: each ``-`` may have been ``@``."""
    pieces = session.split("-")
    # So many spellings that RBAC does not name some of them.
    if len(pieces) > _MOST_DASHES:
        yield from (session, _ANY)
        return
    for marks in product("-@", repeat=len(pieces) - 1):
        marked = zip(("", *marks), pieces, strict=True)
        yield "".join(f"{mark}{piece}" for mark, piece in marked)
