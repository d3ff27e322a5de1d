"""Witnesses: for each row of a difference one request that shows it, the same for the same input.

A witness is built from the row's own fields, so that it lies inside the row, and is then asked of
both permission sets: where something unknown could decide the answer, the row has no witness.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import TypeAlias

from migrator.decide.access.telling_requests import (
    CLUSTER_KINDS,
    PROBE_NAME,
    TELLING,
    VERB_RANKS,
    order,
    rank,
)
from migrator.model.rbac import AccessRequest, PermissionRow, Witness

Found: TypeAlias = Mapping[PermissionRow, Witness | None]
# Candidates of a row; the second is needed only where something unknown covers the first.
_MOST_TRIED = 64
_VERBS = ("get", "list", "delete", "create", "update", "patch", "watch")
# Requests of these verbs name no object: a rule with resource names is shown by another of its
# verbs, if it has one.
_NAMELESS = frozenset({"create", "list", "watch", "deletecollection"})
_PATHS = ("/healthz", "/metrics", "/version", "/api", "/logs/")
_RBAC, _NETWORK = "rbac.authorization.k8s.io", "networking.k8s.io"
# Kinds that every cluster has, as (API group, resource); those that people know best come first.
_KINDS = (
    *(
        ("", kind)
        for kind in ("pods", "configmaps", "secrets", "services", "events", "serviceaccounts")
    ),
    *(("apps", kind) for kind in ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    (_NETWORK, "ingresses"),
    (_NETWORK, "networkpolicies"),
    (_RBAC, "roles"),
    (_RBAC, "rolebindings"),
    (_RBAC, "clusterroles"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "pods/status"),
    ("apps", "deployments/scale"),
    ("apps", "deployments/status"),
)
_KNOWN: tuple[tuple[str, str, str | None], ...] = (  # the verb None: each verb of the row
    *((r.api_group, f"{r.resource}/{r.subresource}".rstrip("/"), r.verb) for r in TELLING),
    *((group, resource, None) for group, resource in _KINDS),
)
_GROUPS = tuple(dict.fromkeys(group for group, _ in _KINDS))


def witness_of(
    row: PermissionRow,
    certain: Callable[[AccessRequest], bool],
    *,
    login: Sequence[str] = (),
    namespaces: Sequence[str] = (),
) -> Witness | None:
    """A request inside the row that one of the two sets certainly allows and the other does not.

    ``certain`` says of a request whether that is so. ``login`` are the template variables of the
    only logins that the row is about, for example ``SessionName=alice``. ``namespaces`` exist, and
    are preferred. At most ``_MOST_TRIED`` requests are tried; None where none of them is certain,
    and for a row that names something unknown.
    """
    if row.unknown:
        return None
    for request in islice(_candidates(row, namespaces), _MOST_TRIED):
        if certain(request):
            return Witness.of(request, tuple(login))
    return None


def with_witnesses(rows: Iterable[PermissionRow], found: Found) -> tuple[PermissionRow, ...]:
    """The rows, each with the most telling witness of those ``found`` rows that it was joined from.

    ``found`` maps rows, as they were before rows were joined, to a witness or None.
    """
    joined: dict[tuple[object, ...], list[tuple[PermissionRow, Witness]]] = {}
    for row, witness in found.items():
        if witness is not None:
            joined.setdefault(_rest(row), []).append((row, witness))
    answered: list[PermissionRow] = []
    for row in rows:
        sources = joined.get(_rest(row), ())
        answered.append(replace(row, witness=_best(row, sources)))
    return tuple(answered)


def _rest(row: PermissionRow) -> tuple[object, ...]:
    """What joined rows have in common: all but API groups and resources.

    Rows are joined over these two fields only (``permission_rows.arranged``).
    """
    return row.scope, row.verbs, row.resource_names, row.non_resource_urls


def _best(row: PermissionRow, sources: Iterable[tuple[PermissionRow, Witness]]) -> Witness | None:
    """The witness of a joined row: about as few logins, and as telling, as there is one."""
    groups, resources = set(row.api_groups), set(row.resources)
    inside: list[Witness] = []
    for source, witness in sources:
        # Another row, with the same verbs and scope, was not joined into this one.
        if not groups.issuperset(source.api_groups):
            continue
        if not resources.issuperset(source.resources):
            continue
        inside.append(witness)
    # Every login of the principal can ask a witness that is about no login in particular.
    return min(inside, key=lambda w: (w.login, rank(w.request), order(w.request)), default=None)


def _candidates(row: PermissionRow, namespaces: Sequence[str]) -> Iterator[AccessRequest]:
    """Requests inside the row, the most telling and best known first.

    Many of them are never looked at: the caller stops at the first that is certain.
    """
    verbs = _values(row.verbs, _VERBS, _is)
    if row.resource_names:
        verbs.sort(key=lambda verb: verb in _NAMELESS)
    if row.non_resource_urls:
        paths = _values(row.non_resource_urls, _PATHS, _has_prefix)
        for path, verb in product(paths, verbs):
            yield AccessRequest(verb, path=path)
        return
    places = _places(row.scope, namespaces)
    names = _names(row.resource_names)
    # One after the other: few are ever read.
    for group, resource, verb in _things(row, verbs, places):
        parent, _, subresource = resource.partition("/")
        # Also a resource that is written with a slash at its end.
        if not subresource:
            parent = resource
        for place, name in product(places, names):
            yield AccessRequest(
                verb,
                group,
                parent,
                subresource,
                place,
                name,
            )


def _things(
    row: PermissionRow, verbs: Sequence[str], places: Sequence[str | None]
) -> Iterator[tuple[str, str, str]]:
    """``(API group, resource, verb)`` inside the row, those that every cluster has first.

    A resource may have a subresource, ``pods/log``. Kinds without a namespace come only where none
    is asked about.
    """
    for group, resource, asked in _KNOWN:
        # The review of such a kind in a namespace is no request that a person makes.
        if resource in CLUSTER_KINDS and None not in places:
            continue
        if not _holds(row.api_groups, group, _is):
            continue
        if not _holds(row.resources, resource, _has_subresource):
            continue
        found = verbs
        if asked is not None:
            found = [asked]
        for verb in found:
            if _holds(row.verbs, verb, _is):
                yield group, resource, verb
    # Then everything else that the row names, and what is made up to lie inside it.
    groups = _values(row.api_groups, _GROUPS, _is)
    resources = _values(row.resources, [resource for _, resource in _KINDS], _has_subresource)
    yield from product(groups, resources, verbs)


def _places(scope: str, namespaces: Sequence[str]) -> list[str | None]:
    """Namespaces of a row's scope.

    None is a request without one, which is cluster-wide or of a kind that has none. ``scope`` is a
    row's: ``cluster…``, ``namespace dev`` or ``namespace dev-* except dev-a, dev-b``.
    """
    if scope.startswith("cluster"):
        return [None]
    pattern, _, without = scope.removeprefix("namespace ").partition(" except ")
    tokens = (pattern, *(f"!{each}" for each in without.split(", ") if each))
    # Namespaces of users say more than those of the system.
    existing = sorted(namespaces, key=lambda name: (name.startswith("kube-"), name))
    suggestions = (*existing, "default", pattern.rstrip("*-"))
    return list(_values(tokens, suggestions, _has_prefix))


def _names(tokens: Sequence[str]) -> list[str]:
    """Object names of a row; the empty one is a request that names no object.

    Tokens are names, or exclusions ``!name``. Names alone are all that the row holds, the empty one
    last. Exclusions take from every name: then one that is made up is in the row.
    """
    without = {token[1:] for token in tokens if token.startswith("!")}
    if tokens and not without:
        return sorted(tokens, key=lambda name: (not name, name))
    return [name for name in ("", PROBE_NAME) if name not in without]


def _values(
    tokens: Sequence[str], suggestions: Iterable[str], meets: Callable[[str, str], bool]
) -> list[str]:
    """Values that the tokens hold: those that they name, in order of their weight, those suggested,
    one made up.

    ``tokens`` are a field of a row: values, patterns and exclusions (``!secrets``). ``meets`` says
    whether a token holds a value. No value comes twice.
    """
    listed = [each for each in tokens if not each.startswith("!")]
    patterns: list[str] = []
    for each in listed:
        made = _made_up(each)
        # Not every star is a pattern: a verb `get*` is a verb of that name (VerbMatches).
        if made != each and meets(each, made):
            patterns.append(each)
    plain = sorted(set(listed).difference(patterns), key=_by_rank)
    numbers = ["", *map(str, range(1, len(tokens)))]
    made_up: list[str] = []
    for pattern in patterns:
        made_up += [_made_up(pattern, number) for number in numbers]
    values = [value for value in (*plain, *suggestions, *made_up) if value]
    found = [value for value in values if _holds(tokens, value, meets)]
    # The empty value comes last.
    if "" in plain:
        found.append("")
    return list(dict.fromkeys(found))


def _by_rank(verb: str) -> tuple[int, str]:
    """The telling verbs first, all others by name; texts that are no verbs are all others."""
    return VERB_RANKS.get(verb, len(VERB_RANKS)), verb


def _made_up(pattern: str, number: str = "") -> str:
    """A text that a pattern may hold and that is in no use.

    It is the same text where there is no star at an end. ``number`` makes several of one pattern.
    """
    if pattern.startswith("*"):
        return f"{PROBE_NAME}{number}{pattern[1:]}"
    if pattern.endswith("*"):
        return f"{pattern[:-1]}{PROBE_NAME}{number}"
    return pattern


def _holds(tokens: Sequence[str], value: str, meets: Callable[[str, str], bool]) -> bool:
    """Whether a field of a row holds the value: one of its tokens does, and no exclusion."""
    found = False
    for token in tokens:
        if not token.startswith("!"):
            found = found or meets(token, value)
            continue
        # An exclusion wins, wherever it is in the list.
        if meets(token[1:], value):
            return False
    return found


def _is(token: str, value: str) -> bool:
    """A verb or API group: equal, or ``*`` for any (VerbMatches, APIGroupMatches)."""
    return token in ("*", value)


def _has_subresource(token: str, value: str) -> bool:
    """A resource, with its subresource after a slash: equal, any, or any resource's subresource.

    ``pods`` does not hold ``pods/log`` (ResourceMatches).
    """
    if _is(token, value):
        return True
    # `*/log` is that subresource of every resource (ResourceMatches).
    subresource = token.removeprefix("*/")
    if subresource in ("", token):
        return False
    return value.partition("/")[2] == subresource


def _has_prefix(token: str, value: str) -> bool:
    """A namespace or URL: equal, or ``*`` at the token's end and the value starts with the rest.

    RBAC's namespaces have no patterns; those of access scopes and the URLs of rules do.
    """
    if token == value:
        return True
    if not token.endswith("*"):
        return False
    return value.startswith(token[:-1])
