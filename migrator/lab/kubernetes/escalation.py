"""A user grants by RBAC only what RBAC gives to that user.

Source: kubernetes ``pkg/registry/rbac`` (``escalation_check.go``, ``policybased`` storages) and
``pkg/registry/rbac/validation/policy_compact.go``. What an identity holds is resolved from RBAC
only: access policies do not count, unless they allow the verb ``escalate`` or ``bind``, which is
asked of the whole authorizer chain.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import chain

from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.status import forbidden
from migrator.lab.kubernetes.user import MASTERS, User
from migrator.model.rbac import AccessRequest, PolicyRule

GROUP = "rbac.authorization.k8s.io"
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
    """
    if kind.group != GROUP or MASTERS in user.groups:
        return
    if _only_bookkeeping(found, before):
        return
    if kind.plural in ("roles", "clusterroles"):
        asked = AccessRequest("escalate", GROUP, kind.plural, "", info.namespace or None, info.name)
        if authorizer.decide(user, asked).allowed:
            return
        rules = [PolicyRule.from_raw(rule) for rule in found.get("rules") or ()]
        if found.get("aggregationRule") and _missing(authorizer, user, "", _EVERYTHING):
            raise forbidden(
                kind.plural,
                GROUP,
                found["metadata"]["name"],
                "must have cluster-admin privileges to use an aggregationRule",
            )
    else:
        reference = found["roleRef"]
        resource = "clusterroles" if reference["kind"] == "ClusterRole" else "roles"
        asked = AccessRequest(
            "bind", GROUP, resource, "", info.namespace or None, reference["name"]
        )
        if authorizer.decide(user, asked).allowed:
            return
        rules = authorizer.rules_of_role(reference["kind"], reference["name"], info.namespace)
    missing = _missing(authorizer, user, info.namespace, rules)
    if missing:
        groups = " ".join(json.dumps(group) for group in user.groups)
        why = (
            f"user {json.dumps(user.username)} (groups=[{groups}]) is attempting to grant RBAC "
            f"permissions "
            "not currently held:\n" + "\n".join(_shown(rule) for rule in missing)
        )
        raise forbidden(kind.plural, GROUP, found["metadata"]["name"], why)


def _only_bookkeeping(found: Json, before: Json | None) -> bool:
    """Whether nothing but owner references and finalizers changes."""
    if before is None:
        return False

    def rest(each: Json) -> Json:
        kept = {
            k: v
            for k, v in each["metadata"].items()
            if k not in ("ownerReferences", "finalizers", "managedFields")
        }
        return {**each, "metadata": kept}

    return rest(found) == rest(before)


def _missing(
    authorizer: Authorizer, user: User, namespace: str, rules: Iterable[PolicyRule]
) -> list[PolicyRule]:
    held = authorizer.rules_held(user, namespace)
    missing: list[PolicyRule] = []
    for atom in chain.from_iterable(map(_atoms, rules)):
        if atom in missing or any(_covers(rule, atom) for rule in held):
            continue
        missing.append(atom)
    return _compact(missing)


def _atoms(rule: PolicyRule) -> Iterable[PolicyRule]:
    """The rule as rules of one verb, one group, one resource, one name each."""
    for verb in rule.verbs:
        for group in rule.api_groups:
            for resource in rule.resources:
                if rule.resource_names:
                    for name in rule.resource_names:
                        yield PolicyRule((verb,), (group,), (resource,), (name,))
                else:
                    yield PolicyRule((verb,), (group,), (resource,))
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
    if spec in ("*", url):
        return True
    return spec.endswith("*") and url.startswith(spec.rstrip("*"))


def _covers_resource(owner: PolicyRule, resource: str) -> bool:
    if _has(owner.resources, resource):
        return True
    # ``*/scale`` is the subresource of every resource.
    _, slash, sub = resource.partition("/")
    return bool(slash) and f"*/{sub}" in owner.resources


def _compact(atoms: Sequence[PolicyRule]) -> list[PolicyRule]:
    """Join atoms that differ in their verb only."""
    verbs: dict[PolicyRule, list[str]] = {}
    for atom in atoms:
        rest = PolicyRule(
            (), atom.api_groups, atom.resources, atom.resource_names, atom.non_resource_urls
        )
        verbs.setdefault(rest, []).append(atom.verbs[0])
    joined = [
        PolicyRule(
            tuple(found),
            rest.api_groups,
            rest.resources,
            rest.resource_names,
            rest.non_resource_urls,
        )
        for rest, found in verbs.items()
    ]
    return sorted(joined, key=_shown)


def _shown(rule: PolicyRule) -> str:
    """A rule as Go's ``CompactString`` prints it."""
    parts = [
        f"{name}:[{', '.join(json.dumps(value) for value in values)}]"
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
