"""Trust policies of roles: which services they name, and whom they permit, in text for people.

Source: IAM user guide, "AWS JSON policy elements: Principal".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from migrator.adapters.foreign_text import foreign

_WHO = {
    "AWS": "",
    "Service": "service ",
    "Federated": "identity provider ",
    "CanonicalUser": "canonical user ",
}


def trusted_services(document: object) -> list[str] | None:
    """Service principals that may assume the role; None where the policy does not say.

    A wildcard, or NotPrincipal, trusts more than it names, so the list would not be complete.
    """
    if not isinstance(document, Mapping):
        return None
    found: set[str] = set()
    for statement in _allowing(document):
        principal = statement.get("Principal")
        if not isinstance(principal, Mapping) or "*" in _texts(principal.get("AWS")):
            return None
        services = _texts(principal.get("Service"))
        if any("*" in service for service in services):
            return None
        found.update(services)
    return sorted(found)


def who_may_assume(document: object) -> str:
    """One line for people: every principal that the policy permits, and on which conditions. It
    judges nothing.
    """
    if not isinstance(document, Mapping):
        return "its trust policy could not be read"
    trusted = [_described(statement) for statement in _allowing(document)]
    return (
        f"its trust policy admits: {'; '.join(trusted)}"
        if trusted
        else "its trust policy admits no principal"
    )


def _described(statement: Mapping[str, Any]) -> str:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        who = "every principal" if principal == "*" else "every principal except those it names"
    else:
        who = ", ".join(
            _WHO.get(kind, f"{kind} ") + name
            for kind, names in principal.items()
            for name in _texts(names)
        )
    conditions = statement.get("Condition")
    keys = (
        sorted({key for test in conditions.values() for key in test})
        if isinstance(conditions, Mapping)
        else []
    )
    return foreign(who, limit=160) + (
        f" (conditions on {foreign(', '.join(keys), limit=80)})" if keys else ""
    )


def _allowing(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement", ())
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            yield statement


def _texts(value: object) -> list[str]:
    """A string, or a list of strings: IAM policies write one item either way."""
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, list) else []
