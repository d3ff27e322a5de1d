"""A user grants by RBAC only what RBAC gives to that user.

Source: kubernetes ``pkg/registry/rbac`` (``escalation_check.go``, ``policybased`` storages) and
``pkg/registry/rbac/validation/policy_compact.go``. What an identity holds is resolved from RBAC
only: access policies do not count, unless they allow the verb ``escalate`` or ``bind``, which is
asked of the whole authorizer chain.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.status import forbidden
from migrator.lab.kubernetes.user import MASTERS, User
from migrator.lab.worlds.raw_parts import items_of
from migrator.model.rbac import AccessRequest, PolicyRule

GROUP = "rbac.authorization.k8s.io"
_BOOKKEEPING = ("ownerReferences", "finalizers", "managedFields")
_RESOURCE_OF = {"ClusterRole": "clusterroles", "Role": "roles"}
_EVERYTHING = (PolicyRule(("*",), ("*",), ("*",)), PolicyRule(("*",), non_resource_urls=("*",)))


def check_escalation(
    authorizer: Authorizer,
    user: User,
    kind: ResourceType,
    info: RequestInfo,
    found: Json,
    before: Json | None,
) -> None:
    """Raise a 403 ApiError when ``user`` would grant more than it holds by writing this role or
    binding.

    ``found`` is the object as it would be stored, ``before`` as it is, None for a new one. The verb
    ``escalate`` on roles and ``bind`` on the role of a binding allow it without a comparison.
    """
    if kind.group != GROUP:
        return
    # ``system:masters`` skips the check (escalation_check.go, EscalationAllowed).
    if MASTERS in user.groups:
        return
    if _only_bookkeeping(found, before):
        return
    namespace, name = info.namespace, found["metadata"]["name"]
    is_role = kind.plural in ("roles", "clusterroles")
    asked = AccessRequest(
        "escalate",
        GROUP,
        kind.plural,
        "",
        namespace or None,
        info.name,
    )
    if not is_role:
        reference = found["roleRef"]
        resource = _RESOURCE_OF[reference["kind"]]
        asked = AccessRequest(
            "bind",
            GROUP,
            resource,
            "",
            namespace or None,
            reference["name"],
        )
    if authorizer.decide(user, asked).allowed:
        return
    if is_role:
        rules = [PolicyRule.from_raw(rule) for rule in items_of(found, "rules")]
    else:
        rules = authorizer.rules_of_role(reference["kind"], reference["name"], namespace)
    # An aggregation rule selects roles that are yet to come, so it may be worth everything.
    is_aggregated = is_role and found.get("aggregationRule")
    if is_aggregated and _missing(authorizer, user, "", _EVERYTHING):
        why = "must have cluster-admin privileges to use an aggregationRule"
        raise forbidden(kind.plural, GROUP, name, why)
    missing = _missing(authorizer, user, namespace, rules)
    if not missing:
        return
    groups = " ".join(map(json.dumps, user.groups))
    shown = "\n".join(map(_shown, missing))
    why = (
        f"user {json.dumps(user.username)} (groups=[{groups}]) is attempting to grant RBAC "
        f"permissions not currently held:\n{shown}"
    )
    raise forbidden(kind.plural, GROUP, name, why)


def _only_bookkeeping(found: Json, before: Json | None) -> bool:
    """Whether nothing but owner references and finalizers changes: the garbage collector writes
    those without any such right (kubernetes ``pkg/registry/rbac/helpers.go``,
    IsOnlyMutatingGCFields).
    """
    if before is None:
        return False
    kept = {field: before["metadata"].get(field) for field in _BOOKKEEPING}
    ours = {**found, "metadata": {**found["metadata"], **kept}}
    theirs = {**before, "metadata": {**before["metadata"], **kept}}
    return ours == theirs


def _missing(
    authorizer: Authorizer, user: User, namespace: str, rules: Iterable[PolicyRule]
) -> list[PolicyRule]:
    """What the rules allow and no RBAC rule of the user does, as compact as kubectl shows it.

    ``namespace`` empty asks the cluster-wide bindings alone.
    """
    held = authorizer.rules_held(user, namespace)
    missing: list[PolicyRule] = []
    for atom in chain.from_iterable(map(_atoms, rules)):
        if atom in missing or any(_covers(rule, atom) for rule in held):
            continue
        missing.append(atom)
    return _compact(missing)


def _atoms(rule: PolicyRule) -> Iterable[PolicyRule]:
    """The rule as rules of one verb, one group, one resource, one name each (kubernetes
    ``pkg/registry/rbac/validation/policy_comparator.go``, BreakdownRule). Without names it is all
    names.
    """
    for verb in rule.verbs:
        for group in rule.api_groups:
            for resource in rule.resources:
                names: list[tuple[str, ...]] = [(name,) for name in rule.resource_names]
                for chosen in names or [()]:
                    yield PolicyRule((verb,), (group,), (resource,), chosen)
        for url in rule.non_resource_urls:
            yield PolicyRule((verb,), non_resource_urls=(url,))


def _covers(owner: PolicyRule, atom: PolicyRule) -> bool:
    """Whether a rule holds all that an atom allows (kubernetes
    ``pkg/registry/rbac/validation/policy_comparator.go``, ruleCovers).
    """
    if not _has(owner.verbs, atom.verbs[0]):
        return False
    if atom.non_resource_urls:
        url = atom.non_resource_urls[0]
        return any(_covers_url(spec, url) for spec in owner.non_resource_urls)
    if not _has(owner.api_groups, atom.api_groups[0]):
        return False
    if not _covers_resource(owner, atom.resources[0]):
        return False
    # A rule without names holds every name; a rule with names never holds all of them.
    if not owner.resource_names:
        return True
    return bool(atom.resource_names) and atom.resource_names[0] in owner.resource_names


def _has(held: Sequence[str], wanted: str) -> bool:
    return "*" in held or wanted in held


def _covers_url(spec: str, url: str) -> bool:
    """Whether the URL of a rule covers another one: equal, or a prefix that ends in ``*``; a
    pattern is covered by a shorter pattern.
    """
    if spec in ("*", url):
        return True
    return spec.endswith("*") and url.startswith(spec.rstrip("*"))


def _covers_resource(owner: PolicyRule, resource: str) -> bool:
    """Whether a rule holds a resource (``pods`` or ``pods/log``) of its API groups."""
    if _has(owner.resources, resource):
        return True
    # ``*/scale`` is the subresource of every resource (policy_comparator.go, resourceCoversAll).
    _, slash, sub = resource.partition("/")
    return bool(slash) and f"*/{sub}" in owner.resources


def _compact(atoms: Sequence[PolicyRule]) -> list[PolicyRule]:
    """Join atoms that differ in their verb only (``policy_compact.go``, CompactRules), sorted as
    they are shown.
    """
    verbs: dict[PolicyRule, list[str]] = {}
    for atom in atoms:
        verbs.setdefault(replace(atom, verbs=()), []).append(atom.verbs[0])
    joined = [replace(rest, verbs=tuple(found)) for rest, found in verbs.items()]
    return sorted(joined, key=_shown)


def _shown(rule: PolicyRule) -> str:
    """A rule as Go's ``CompactString`` prints it."""
    parts = [
        f"{name}:[{', '.join(map(json.dumps, values))}]"
        for name, values in (
            ("APIGroups", rule.api_groups),
            ("Resources", rule.resources),
            ("ResourceNames", rule.resource_names),
            ("NonResourceURLs", rule.non_resource_urls),
            ("Verbs", rule.verbs),
        )
        if values
    ]
    return "{" + ", ".join(parts) + "}"
