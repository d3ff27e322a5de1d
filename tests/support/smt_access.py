"""A second engine for differences of access: rules as formulas over all strings, decided by z3.

It shares no code with ``migrator.decide``. Only the values of ``migrator.model`` are read: RBAC
objects, identities, the tables of access policies, and the rows of a difference. A formula is
written from the source it is about:

* RBAC: kubernetes ``pkg/apis/rbac/v1/evaluation_helpers.go`` (``VerbMatches``, ``APIGroupMatches``,
  ``ResourceMatches``, ``ResourceNameMatches``, ``NonResourceURLMatches``),
  ``plugin/pkg/auth/authorizer/rbac/rbac.go`` (``RuleAllows``) and
  ``pkg/registry/rbac/validation/rule.go`` (``VisitRulesFor``, ``appliesToUser``). ``*`` stands for
  everything in verbs, API groups and resources. ``*/log`` is the subresource ``log`` of every
  resource; ``pods/*`` is no wildcard. Resource names are compared as text, for every verb: a
  request without a name (create, list, deletecollection) is allowed by a rule with names only where
  one of them is empty. A URL that ends in ``*`` is a prefix, without all its trailing stars.
* Requests: ``k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`` splits the URL's path at each
  ``/``, so that no resource holds a ``/``. One at its end stays in, without a subresource: a rule
  for ``pods/`` is never used, but a SubjectAccessReview can ask for it. Every other field is any
  text.
* Texts that are only ever compared for equality are whole numbers to z3: as many as there are
  texts, and much faster. Namespaces and paths, which have prefixes, are its strings.
* Access policies: EKS user guide, "Associate access policies with access entries": the rules of the
  policy, in the whole cluster or in the namespaces of the scope, where a trailing ``*`` is any
  ending.
* Rows: the docstring of :class:`migrator.model.rbac.PermissionRow`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import z3

from migrator.model.access_entry import Identity
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import AccessRequest, PermissionRow, PolicyRule, RbacState

Formula: TypeAlias = Any
Grants: TypeAlias = list[
    tuple[str | None, PolicyRule]
]  # where (None: in the whole cluster), and one rule

_ASKS_RESOURCE = z3.Bool("asks_resource")
_VERB, _GROUP, _RESOURCE, _SUB, _NAME = (
    z3.Int(n) for n in ("verb", "apiGroup", "resource", "subresource", "name")
)
_NAMESPACE, _PATH = z3.String("namespace"), z3.String("path")
_FIELDS = (_VERB, _GROUP, _RESOURCE, _SUB, _NAMESPACE, _NAME)
_NUMBERS: dict[str, int] = {}  # a text's number; every other number is a text that no rule names
_EVERYTHING = (PolicyRule(("*",), ("*",), ("*",)), PolicyRule(("*",), non_resource_urls=("*",)))
_MARK = ":cluster-access-policy/"


def _text(value: str) -> Formula:
    return z3.StringVal("".join(f"\\u{{{ord(each):x}}}" for each in value))


def _any(formulas: Iterable[Formula]) -> Formula:
    found = list(formulas)
    return z3.Or(found) if found else z3.BoolVal(False)


def _is(field: Formula, value: str) -> Formula:
    return field == (
        _text(value)
        if field.sort() == z3.StringSort()
        else _NUMBERS.setdefault(value, len(_NUMBERS))
    )


def _starts(field: Formula, prefix: str) -> Formula:
    return z3.PrefixOf(_text(prefix), field)


def grants_of(state: RbacState, identity: Identity) -> Grants:
    """Every rule that holds for the identity, with its place; ``system:masters`` holds
    everything.
    """
    if identity.via == "none":
        return []
    if "system:masters" in identity.groups:
        return [(None, rule) for rule in _EVERYTHING]
    found: Grants = []
    groups = {*identity.groups, "system:authenticated"}
    for binding in state.bindings:
        mine = False
        for subject in binding.subjects:
            if subject.kind == "Group":
                mine = mine or subject.name in groups
            elif subject.kind == "User":
                mine = mine or subject.name == identity.username
            else:
                home = subject.namespace or binding.namespace
                mine = mine or (
                    home is not None
                    and identity.username == f"system:serviceaccount:{home}:{subject.name}"
                )
        for role in state.roles if mine else ():
            local = (
                binding.role_kind == "Role"
                and binding.namespace is not None
                and role.namespace == binding.namespace
            )
            shared = binding.role_kind == "ClusterRole" and role.namespace is None
            if role.name == binding.role_name and (local or shared):
                found += [(binding.namespace, rule) for rule in role.rules]
    for policy in identity.policies:
        table = ACCESS_POLICIES[policy.policy_arn.partition(_MARK)[2]]
        assert table.exact, f"nobody knows the rules of {table.name}"
        places: Sequence[str | None] = (
            (None,) if policy.scope.type == "cluster" else policy.scope.namespaces
        )
        found += [
            (f"scope {place}" if place is not None else None, rule)
            for place in places
            for rule in table.rules
        ]
    return found


def allowed(grants: Grants) -> Formula:
    """The request is allowed by one of the grants."""
    return _any(z3.And(_in_place(place), _rule_allows(rule)) for place, rule in set(grants))


def _in_place(place: str | None) -> Formula:
    if place is None:
        return z3.BoolVal(True)
    namespaced = z3.And(_ASKS_RESOURCE, z3.Not(_is(_NAMESPACE, "")))
    if not place.startswith("scope "):  # a RoleBinding: this namespace and no other
        return z3.And(namespaced, _is(_NAMESPACE, place))
    pattern = place.removeprefix("scope ")
    assert "*" not in pattern[:-1], "not published what such a scope means"
    if pattern.endswith("*"):
        return z3.And(namespaced, _starts(_NAMESPACE, pattern[:-1]))
    return z3.And(namespaced, _is(_NAMESPACE, pattern))


def _rule_allows(rule: PolicyRule) -> Formula:
    verb = _any(z3.BoolVal(True) if each == "*" else _is(_VERB, each) for each in rule.verbs)
    group = _any(z3.BoolVal(True) if each == "*" else _is(_GROUP, each) for each in rule.api_groups)
    resource = _any(_resource_matches(each) for each in rule.resources)
    name = (
        _any(_is(_NAME, each) for each in rule.resource_names)
        if rule.resource_names
        else z3.BoolVal(True)
    )
    url = _any(_url_matches(each) for each in rule.non_resource_urls)
    return z3.And(verb, z3.If(_ASKS_RESOURCE, z3.And(group, resource, name), url))


def _resource_matches(token: str) -> Formula:
    if token == "*":
        return z3.BoolVal(True)
    # The API server compares with "resource/subresource". A resource holds no "/", so that the
    # first one in the token is where the two meet.
    resource, _, subresource = token.partition("/")
    if not subresource:
        return z3.And(_is(_SUB, ""), _is(_RESOURCE, token))
    any_resource = z3.BoolVal(resource == "*")
    return z3.And(_is(_SUB, subresource), z3.Or(any_resource, _is(_RESOURCE, resource)))


def _url_matches(token: str) -> Formula:
    if token == "*":
        return z3.BoolVal(True)
    exact = _is(_PATH, token)
    return z3.Or(exact, _starts(_PATH, token.rstrip("*"))) if token.endswith("*") else exact


def in_row(row: PermissionRow) -> Formula:
    """The request lies in the block of permissions that the row writes down."""
    assert not row.unknown
    if row.scope == "non-resource":
        return z3.And(
            z3.Not(_ASKS_RESOURCE),
            _field(row.verbs, _verb_token),
            _field(row.non_resource_urls, _url_matches),
        )
    # Names are literal, as in RBAC; a star in front of exclusions is every other name.
    all_but = row.resource_names[:1] == ("*",) and any(
        token.startswith("!") for token in row.resource_names
    )
    if not row.resource_names:
        names = z3.BoolVal(True)
    elif all_but:
        names = z3.Not(_any(_is(_NAME, token[1:]) for token in row.resource_names[1:]))
    else:
        names = _any(_is(_NAME, token) for token in row.resource_names)
    return z3.And(
        _ASKS_RESOURCE,
        _scope(row.scope),
        _field(
            row.api_groups, lambda token: z3.BoolVal(True) if token == "*" else _is(_GROUP, token)
        ),
        _field(row.resources, _resource_matches),
        _field(row.verbs, _verb_token),
        names,
    )


def _verb_token(token: str) -> Formula:
    return z3.BoolVal(True) if token == "*" else _is(_VERB, token)


def _field(tokens: Sequence[str], matches: Any) -> Formula:  # noqa: ANN401 - token -> formula
    without = [matches(token[1:]) for token in tokens if token.startswith("!")]
    return z3.And(_any(matches(t) for t in tokens if not t.startswith("!")), z3.Not(_any(without)))


def _scope(scope: str) -> Formula:
    outside = _is(_NAMESPACE, "")
    if scope == "cluster":
        return z3.BoolVal(True)
    if scope == "cluster outside namespaces":
        return outside
    what, _, rest = scope.partition(" except ")
    without = (
        _any(_namespace_token(each) for each in rest.removeprefix("namespace ").split(", "))
        if rest
        else None
    )
    inside = z3.Not(outside)
    if without is not None:
        inside = z3.And(inside, z3.Not(without))
    if what == "cluster":
        return z3.Or(outside, inside)
    return z3.And(inside, _namespace_token(what.removeprefix("namespace ")))


def _namespace_token(token: str) -> Formula:
    return _starts(_NAMESPACE, token[:-1]) if token.endswith("*") else _is(_NAMESPACE, token)


def is_request(request: AccessRequest) -> Formula:
    """The request is this one."""
    if request.path is not None:
        return z3.And(z3.Not(_ASKS_RESOURCE), _is(_VERB, request.verb), _is(_PATH, request.path))
    values = (
        request.verb,
        request.api_group,
        request.resource,
        request.subresource,
        request.namespace or "",
        request.name,
    )
    return z3.And(
        _ASKS_RESOURCE, *(_is(field, value) for field, value in zip(_FIELDS, values, strict=False))
    )


@dataclass(slots=True)
class Judge:
    """Asks z3 for a request with some property. One solver serves a pair of permission sets."""

    milliseconds: int = 60_000

    def example(self, formula: Formula) -> str | None:
        """A request for which the formula holds, as text; None where there is none in all strings.

        Raises ``AssertionError`` where z3 does not decide.
        """
        solver = z3.Solver()
        solver.set("timeout", self.milliseconds)
        solver.add(formula)
        answer = solver.check()
        assert answer != z3.unknown, f"z3 does not decide: {solver.reason_unknown()}"
        return _shown(solver.model()) if answer == z3.sat else None


def _shown(model: Formula) -> str:
    texts = {number: text for text, number in _NUMBERS.items()}
    found = {}
    for declared in model.decls():
        value = model[declared]
        found[declared.name()] = (
            texts.get(value.as_long(), "another text") if z3.is_int_value(value) else str(value)
        )
    return str(dict(sorted(found.items())))


def complaints(before: Formula, after: Formula, rows: Sequence[PermissionRow]) -> list[str]:
    """What is wrong with ``rows`` as a difference of formulas; empty where they are sound, complete
    and disjoint.
    """
    judge = Judge()
    known = [(row, in_row(row)) for row in rows if not row.unknown]
    found = []
    real = z3.And(before, z3.Not(after))
    missing = judge.example(z3.And(real, z3.Not(_any(formula for _, formula in known))))
    if missing is not None:
        found.append(f"in the difference and in no row: {missing}")
    for row, formula in known:
        if judge.example(formula) is None:
            found.append(f"no request is in {row}")
        wrong = judge.example(z3.And(formula, z3.Not(real)))
        if wrong is not None:
            found.append(f"not in the difference, but in {row}: {wrong}")
    twice = (
        judge.example(z3.AtLeast(*(formula for _, formula in known), 2)) if len(known) > 1 else None
    )
    if twice is not None:
        found.append(f"in two rows: {twice}")
    return found


def wrong_witnesses(before: Formula, after: Formula, rows: Sequence[PermissionRow]) -> list[str]:
    """Rows without a witness, and witnesses that do not show their row: each must, where nothing is
    unknown.
    """
    judge = Judge()
    found = []
    for row in rows:
        if row.witness is None:
            found.append(f"no witness: {row}")
            continue
        shows = z3.And(before, z3.Not(after), in_row(row))
        if judge.example(z3.And(is_request(row.witness.request), z3.Not(shows))) is not None:
            found.append(f"the witness does not show its row: {row}")
    return found
