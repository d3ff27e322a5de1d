"""Trust policies: who may assume a role.

Read as IAM reads them, for the elements that worlds use. A condition or element that this module
does not know never matches an Allow and always matches a Deny: the lab refuses rather than guesses.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from migrator.lab.worlds.principals import Caller, WebIdentity

_WILDCARD = re.compile(r"[*?]")
ASSUME = "sts:AssumeRole"
ASSUME_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


def trusts(policy: Mapping[str, Any], caller: Caller, external_id: str | None) -> bool:
    """Whether ``caller`` may assume a role with this trust policy, giving ``external_id``.

    A statement can name every caller (``*``), the caller's account (by number or as its root), the
    role or user behind the caller, or the one session (IAM user guide, "AWS JSON policy elements:
    Principal").
    """
    partition = caller.arn.split(":")[1]
    mine = {
        "*",
        caller.account,
        f"arn:{partition}:iam::{caller.account}:root",
        caller.principal_arn,
        caller.arn,
    }
    context = {
        "sts:externalid": external_id,
        "aws:principalarn": caller.principal_arn,
        "aws:principalaccount": caller.account,
    }
    return _allows(policy, ASSUME, "AWS", mine, context)


def trusts_web_identity(policy: Mapping[str, Any], identity: WebIdentity) -> bool:
    """Whether the holder of a provider's token may assume a role with this trust policy. Conditions
    see the token's subject and audience under the provider's host (IAM user guide, "Available keys
    for AWS OIDC federation").
    """
    issuer = identity.provider_arn.partition(":oidc-provider/")[2].lower()
    context: dict[str, str | None] = {
        f"{issuer}:sub": identity.subject,
        f"{issuer}:aud": identity.audience,
    }
    return _allows(policy, ASSUME_WITH_WEB_IDENTITY, "Federated", {identity.provider_arn}, context)


def trusts_service(policy: Mapping[str, Any], service: str, action: str) -> bool:
    """Whether a service may do an action with a role that has this trust policy."""
    return _allows(policy, action, "Service", {service}, {})


def _allows(
    policy: Mapping[str, Any],
    action: str,
    kind: str,
    names: set[str],
    context: Mapping[str, str | None],
) -> bool:
    """Whether the policy allows an action to any of ``names`` of a ``kind`` of principal.

    One Deny that matches decides (IAM user guide, "Policy evaluation logic"). What is not known
    never matches an Allow and always a Deny.
    """
    allowed = False
    for statement in _listed(policy.get("Statement")):
        if not isinstance(statement, Mapping):
            continue
        allow = statement.get("Effect") == "Allow"
        if not _acts(statement, action):
            continue
        if not _names(statement, kind, names, unknown=not allow):
            continue
        if not _conditions_hold(statement.get("Condition"), context, unknown=not allow):
            continue
        if not allow:
            return False
        allowed = True
    return allowed


def trusted_services(policy: Mapping[str, Any]) -> list[str]:
    """Service principals that a trust policy allows (``ec2.amazonaws.com``), sorted."""
    found: set[str] = set()
    for statement in _listed(policy.get("Statement")):
        principal = statement.get("Principal") if isinstance(statement, Mapping) else None
        if isinstance(principal, Mapping) and statement.get("Effect") == "Allow":
            found.update(map(str, _listed(principal.get("Service"))))
    return sorted(found)


def _acts(statement: Mapping[str, Any], wanted: str) -> bool:
    """Whether a statement is about an action; actions have wildcards and no case. ``NotAction`` is
    not read: a statement with it is about none.
    """
    actions = [str(action).lower() for action in _listed(statement.get("Action"))]
    return any(fnmatchcase(wanted.lower(), action) for action in actions)


def _names(statement: Mapping[str, Any], kind: str, names: set[str], *, unknown: bool) -> bool:
    """Whether a statement is about one of the names; ``unknown`` is the answer for
    ``NotPrincipal``.
    """
    if "NotPrincipal" in statement:
        return unknown
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    return any(str(name) in names for name in _listed(principal.get(kind)))


def _conditions_hold(
    condition: object, context: Mapping[str, str | None], *, unknown: bool
) -> bool:
    """Whether all conditions of a statement hold; ``unknown`` is the answer where one has an
    operator or a key that is not known. Keys have no case.
    """
    if not condition:
        return True
    if not isinstance(condition, Mapping):
        return unknown
    for operator, tests in condition.items():
        for key, wanted in (tests or {}).items():
            lowered = key.lower()
            if lowered not in context:
                return unknown
            values = [str(value) for value in _listed(wanted)]
            holds = _holds(str(operator), context[lowered], values)
            if holds is None:
                return unknown
            if not holds:
                return False
    return True


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool | None:
    """Whether one condition holds; None for an operator that is not known.

    ``value`` None is a key that the request does not have: it equals nothing, so
    ``StringNotEquals`` holds (IAM user guide, "IAM JSON policy elements: Condition operators").
    """
    has_wildcard = any(map(_WILDCARD.search, wanted))
    if operator in ("StringEquals", "ArnEquals") and not has_wildcard:
        return value in wanted
    if operator == "StringNotEquals":
        return value not in wanted
    # An ARN is matched by wildcards with either operator.
    if operator not in ("StringLike", "ArnLike", "ArnEquals"):
        return None
    if value is None:
        return False
    # IAM knows ``*`` and ``?`` only, fnmatch brackets too.
    return any(fnmatchcase(value, text.replace("[", "[[]")) for text in wanted)


def _listed(value: object) -> Iterable[Any]:
    """The items of an element of a policy, which may be one value instead of a list."""
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]
