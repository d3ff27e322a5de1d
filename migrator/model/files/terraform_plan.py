"""A Terraform plan from the JSON of ``terraform show -json PLANFILE``.

Fields and their meaning: Terraform documentation, "JSON Output Format". OpenTofu writes the same
format. Unknown fields are tolerated, as the format's own rule for minor versions asks.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from migrator.errors import Failed
from migrator.model.files.terraform_kinds import ARGUMENTS, Sides, as_known_types
from migrator.model.files.wire import convert
from migrator.model.terraform_plan import (
    AssociationAttributes,
    Attributes,
    BindingAttributes,
    ClusterAttributes,
    ConfigMapAttributes,
    EntryAttributes,
    PrincipalAttributes,
    ResourceChange,
    TerraformPlan,
)

_CODE = "terraform-plan-malformed"
_REMEDY = (
    "Make it with `terraform plan -out=tfplan` and `terraform show -json tfplan > tfplan.json`."
)
# What begins like this is another thing that Terraform makes: a saved plan is a zip archive, and
# `terraform plan -json` writes one message a line.
_BEGINS = {
    b"PK": "It is the plan file itself, which is no JSON.",
    b'{"@level"': "It holds the messages of `terraform plan -json`, not a plan.",
}
_TYPES: Mapping[str, type[Attributes]] = {
    "aws_eks_cluster": ClusterAttributes,
    "aws_eks_access_entry": EntryAttributes,
    "aws_eks_access_policy_association": AssociationAttributes,
    "kubernetes_config_map": ConfigMapAttributes,
    "kubernetes_config_map_v1": ConfigMapAttributes,
    "kubernetes_config_map_v1_data": ConfigMapAttributes,
    "kubernetes_cluster_role_binding": BindingAttributes,
    "kubernetes_cluster_role_binding_v1": BindingAttributes,
    "kubernetes_role_binding": BindingAttributes,
    "kubernetes_role_binding_v1": BindingAttributes,
    "aws_iam_role": PrincipalAttributes,
    "aws_iam_user": PrincipalAttributes,
    "awscc_iam_role": PrincipalAttributes,
    "awscc_iam_user": PrincipalAttributes,
}
# Of the format, and of OpenTofu, which writes the same.
_ACTIONS = frozenset(
    (
        "no-op",
        "create",
        "read",
        "update",
        "delete",
        "forget",
    )
)
# All that is judged, for a resource of which nothing is known.
_JUDGED = frozenset(
    (
        "cluster_name",
        "principal_arn",
        "policy_arn",
        "type",
        "user_name",
        "kubernetes_groups",
        "access_scope",
        "data",
    )
)
# `["a"]` or `[0]` of an address.
_INDEX = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')


class _Change(msgspec.Struct):
    """A change representation of one resource."""

    actions: frozenset[str]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    after_unknown: Any = None
    replace_paths: list[list[str | int]] | None = None


class _Resource(msgspec.Struct):
    address: str
    type: str
    change: _Change
    mode: str = "managed"


class _CodeResource(msgspec.Struct):
    """A resource of the code: ``expressions`` has what each argument refers to."""

    address: str
    expressions: dict[str, Any] = {}


class _Call(msgspec.Struct):
    """A call of a module."""

    module: "_Module | None" = None


class _Module(msgspec.Struct):
    """A module of the code; addresses in it do not name the module."""

    resources: list[_CodeResource] = []
    module_calls: dict[str, _Call] = {}


class _Configuration(msgspec.Struct):
    root_module: _Module | None = None


class _Document(msgspec.Struct):
    format_version: str
    resource_changes: list[_Resource] | None = None
    planned_values: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    errored: bool = False
    complete: bool = True
    configuration: _Configuration | None = None


def read_terraform_plan(content: bytes, name: str) -> TerraformPlan:
    """The plan in the bytes of the file ``name``, in any encoding that JSON may have.

    Raises ``terraform-plan-malformed`` for anything else: a plan file that is still binary, a
    state, the lines of ``terraform plan -json``, another major version.
    """
    for begin, why in _BEGINS.items():
        if content.lstrip().startswith(begin):
            raise Failed(_CODE, f"{name} is no JSON of a plan.", why=why, remedy=_REMEDY)
    try:
        document = convert(json.loads(content), _Document)
        why = _not_a_plan(document)
        if why:
            raise Failed(_CODE, f"{name} is no plan of Terraform.", why=why, remedy=_REMEDY)
        given = _given(document.configuration)
        changes = [
            change
            for each in document.resource_changes or []
            if each.mode == "managed"
            for change in _changes(each, given)
        ]
    # What JSON holds may be nested deeper than Python follows.
    except (ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise Failed(_CODE, f"{name} is no plan of Terraform.", why=why, remedy=_REMEDY) from error
    return TerraformPlan(tuple(changes), document.complete and not document.errored)


def _not_a_plan(document: _Document) -> str:
    """Why a document that has the right shapes is no plan; empty where it is one."""
    if document.format_version.partition(".")[0] != "1":
        return f"Its format_version is {document.format_version}; 1.x is known."
    if document.resource_changes is not None or document.planned_values is not None:
        return ""
    # A state has `values` at its top, a plan `planned_values`.
    if document.values is not None:
        return "It is a state, which says nothing of what Terraform is about to do."
    return "It has neither resource_changes nor planned_values."


def _given(configuration: _Configuration | None) -> Mapping[str, frozenset[str]]:
    """Address without indexes -> the arguments that refer to something else, so that they may be
    known later. What the code leaves out, or has as null, is not among them.
    """
    found: dict[str, frozenset[str]] = {}
    modules: list[tuple[str, _Module | None]] = []
    if configuration is not None:
        modules.append(("", configuration.root_module))
    while modules:
        prefix, module = modules.pop()
        if module is None:
            continue
        for resource in module.resources:
            arguments = resource.expressions.items()
            found[prefix + resource.address] = frozenset(
                ARGUMENTS.get(name, name)
                for name, each in arguments
                if isinstance(each, dict) and "references" in each
            )
        for name, call in module.module_calls.items():
            modules.append((f"{prefix}module.{name}.", call.module))
    return found


def _changes(
    resource: _Resource,
    given: Mapping[str, frozenset[str]],
) -> Iterator[ResourceChange]:
    """What the resource says of objects that are judged.

    Raises ValueError, with the resource's address, where an attribute has another type than in the
    provider, or an action is not known.
    """
    change = resource.change
    after = change.after
    if after is None and change.after_unknown is True:
        # There is an object, of which nothing is known.
        after = {}
    sides = Sides(
        resource.type,
        change.actions,
        change.before,
        after,
        change.after_unknown,
    )
    in_code = given.get(_INDEX.sub("", resource.address), frozenset())
    paths = tuple(map(_path, change.replace_paths or ()))
    for each in as_known_types(sides):
        if each.type in _TYPES:
            yield replace(
                _change(resource.address, each, in_code),
                replace_paths=paths,
            )


def _change(
    address: str,
    sides: Sides,
    in_code: frozenset[str],
) -> ResourceChange:
    """One change with its attributes as values. ``in_code``: the arguments that refer to something
    else.
    """
    # What an action that is not known does cannot be judged.
    if not sides.actions or sides.actions - _ACTIONS:
        actions = ", ".join(sorted(sides.actions)) or "none"
        raise ValueError(f"{address}: actions that are not known: {actions}")
    to: Any = _TYPES[sides.type] | None
    try:
        before: Attributes | None = convert(_set_only(sides.before), to)
        after: Attributes | None = convert(_set_only(sides.after), to)
    except msgspec.ValidationError as error:
        raise ValueError(f"{address}: {error}") from error
    unknown = _unknown(sides.unknown)
    return ResourceChange(
        address,
        sides.actions,
        before,
        after,
        unknown,
        given=(in_code | _partly(sides.unknown)) & unknown,
    )


def _set_only(found: object) -> object:
    """Without what is null: not set, or not known yet. An element of a list that is not known yet
    is null as well.
    """
    if isinstance(found, dict):
        return {key: _set_only(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [_set_only(value) for value in found if value is not None]
    return found


def _unknown(found: object) -> frozenset[str]:
    """The attributes of which any part is unknown; where nothing is known, all that are judged."""
    if found is True:
        return _JUDGED
    if isinstance(found, Mapping):
        return frozenset(key for key, value in found.items() if "true" in json.dumps(value))
    return frozenset()


def _partly(found: object) -> frozenset[str]:
    """The attributes of which single parts are unknown: the code has set them."""
    if not isinstance(found, Mapping):
        return frozenset()
    return frozenset(key for key, value in found.items() if isinstance(value, list | dict))


def _path(steps: Sequence[str | int]) -> str:
    """``access_config[0].authentication_mode``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
