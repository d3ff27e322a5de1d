"""Trust policies: who may assume a role.

Read as IAM reads them, for the elements that worlds use. A condition or element that this module
does not know never matches an Allow and always matches a Deny: the lab refuses rather than guesses.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from migrator.lab.worlds.principals import Caller, WebIdentity

ASSUME = "sts:AssumeRole"
ASSUME_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


def trusts(policy: Mapping[str, Any], caller: Caller, external_id: str | None) -> bool:
    """Whether ``caller`` may assume a role with this trust policy, giving ``external_id``."""
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
    """Whether the holder of a provider's token may assume a role with this trust policy."""
    issuer = identity.provider_arn.partition(":oidc-provider/")[2].lower()
    context: dict[str, str | None] = {
        f"{issuer}:sub": identity.subject,
        f"{issuer}:aud": identity.audience,
    }
    return _allows(policy, ASSUME_WITH_WEB_IDENTITY, "Federated", {identity.provider_arn}, context)


def _allows(
    policy: Mapping[str, Any],
    action: str,
    kind: str,
    names: set[str],
    context: Mapping[str, str | None],
) -> bool:
    allowed = False
    for statement in _listed(policy.get("Statement")):
        if not isinstance(statement, Mapping):
            continue
        allow = statement.get("Effect") == "Allow"
        if not _acts(statement, action) or not _names(statement, kind, names, unknown=not allow):
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
            found.update(str(name) for name in _listed(principal.get("Service")))
    return sorted(found)


def _acts(statement: Mapping[str, Any], wanted: str) -> bool:
    actions = [str(action).lower() for action in _listed(statement.get("Action"))]
    return any(fnmatchcase(wanted.lower(), action) for action in actions)


def _names(statement: Mapping[str, Any], kind: str, names: set[str], *, unknown: bool) -> bool:
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
    if not condition:
        return True
    if not isinstance(condition, Mapping):
        return unknown
    for operator, tests in condition.items():
        for key, wanted in (tests or {}).items():
            holds = _holds(
                str(operator), context.get(key.lower()), [str(value) for value in _listed(wanted)]
            )
            if key.lower() not in context or holds is None:
                return unknown
            if not holds:
                return False
    return True


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool | None:
    """Whether one condition holds; None for an operator that is not known."""
    if operator in ("StringEquals", "ArnEquals") and not any(
        "*" in text or "?" in text for text in wanted
    ):
        return value in wanted
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return value is not None and any(
            fnmatchcase(value, text.replace("[", "[[]")) for text in wanted
        )
    if operator == "StringNotEquals":
        return value not in wanted
    return None


def _listed(value: object) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]
