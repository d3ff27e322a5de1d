"""Generated programs, run against recorded constructors of the packages that they import.

``tests/data/generated_code`` holds names and types as ``tests/support/record_code_packages.py``
found them: an argument that the real constructor does not have, one that is missing and one of
another type are errors here as well.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.plan import ClusterRef

FOLDER = Path(__file__).parents[2] / "data" / "generated_code"


def record(name: str) -> Any:  # noqa: ANN401 - JSON
    """``cdk`` or ``pulumi``."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())


@dataclass(frozen=True)
class Made:
    """A construct or resource that a program made: its class, its id or name, its arguments in
    Python's spelling, and whether its deletion leaves the entry.
    """

    kind: str
    name: str
    arguments: dict[str, Any]
    kept: bool


def checked(packages: str, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, as the constructor takes them. Raises ``TypeError`` for others."""
    parameters = record(packages)["classes"][kind]
    missing = {name for name, each in parameters.items() if each["required"]} - set(arguments)
    further = set(arguments) - set(parameters)
    if missing or further:
        raise TypeError(f"{kind}: missing {sorted(missing)}, unknown {sorted(further)}")
    for name, value in arguments.items():
        _check(packages, parameters[name]["type"], value)
    return arguments


def _check(packages: str, kind: str, value: object) -> None:
    """One value against ``str``, ``list[...]`` or a class of the record."""
    if kind.startswith("list["):
        if not isinstance(value, list):
            raise TypeError(f"no list: {value!r}")
        for item in value:
            _check(packages, kind[5:-1], item)
    elif kind == "str":
        if not isinstance(value, str):
            raise TypeError(f"no text: {value!r}")
    elif not isinstance(value, dict):
        raise TypeError(f"no {kind}: {value!r}")
    else:
        checked(packages, kind, value)


class AnotherPlaceError(Exception):
    """The tool ends: its credentials are for another account or Region than the code."""


def check_place(reached: ClusterRef, env: dict[str, str]) -> None:
    """The CDK ends before its first call where a stack's ``env`` is not that of the credentials."""
    if env != {"account": reached.account_id, "region": reached.region}:
        raise AnotherPlaceError(env)


def entries_of(made: Iterable[Made]) -> dict[str, EntrySpec]:
    """Principal -> entry, with the policies that are arguments of it or resources beside it."""
    specs: dict[str, EntrySpec] = {}
    beside: dict[str, list[AssociatedPolicy]] = {}
    for each in made:
        assert each.kept, f"a deleted stack would delete {each.name}"
        given = each.arguments
        if each.kind == "AccessPolicyAssociation":
            beside.setdefault(given["principal_arn"], []).append(_policy(given))
            continue
        assert given["principal_arn"] not in specs
        specs[given["principal_arn"]] = EntrySpec(
            given["type"],
            given.get("username", given.get("user_name")),
            tuple(given.get("kubernetes_groups", ())),
            tuple(map(_policy, given.get("access_policies", ()))),
        )
    return {
        arn: EntrySpec(
            spec.type,
            spec.username,
            spec.kubernetes_groups,
            (*spec.access_policies, *beside.get(arn, ())),
        )
        for arn, spec in specs.items()
    }


def _policy(given: dict[str, Any]) -> AssociatedPolicy:
    scope = given["access_scope"]
    return AssociatedPolicy(
        given["policy_arn"], AccessScope(scope["type"], tuple(scope.get("namespaces", ())))
    )
