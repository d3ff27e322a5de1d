"""A Terraform plan from the JSON of ``terraform show -json PLANFILE``.

Fields and their meaning: Terraform documentation, "JSON Output Format". OpenTofu writes the same
format. Unknown fields are tolerated, as the format's own rule for minor versions asks.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from migrator.errors import Failed
from migrator.model.files.wire import convert
from migrator.model.terraform_plan import (
    AssociationAttributes,
    Attributes,
    ClusterAttributes,
    ConfigMapAttributes,
    EntryAttributes,
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
}


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


class _Document(msgspec.Struct):
    format_version: str
    resource_changes: list[_Resource] | None = None
    planned_values: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    errored: bool = False
    complete: bool = True


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
        found = [each for each in document.resource_changes or [] if each.type in _TYPES]
        changes = [_change(each) for each in found if each.mode == "managed"]
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


def _change(resource: _Resource) -> ResourceChange:
    """The change with its attributes as values.

    Raises ValueError, with the resource's address, where an attribute has another type than in the
    provider.
    """
    change = resource.change
    to: Any = _TYPES[resource.type] | None
    try:
        before: Attributes | None = convert(_set_only(change.before), to)
        after: Attributes | None = convert(_set_only(change.after), to)
    except msgspec.ValidationError as error:
        raise ValueError(f"{resource.address}: {error}") from error
    return ResourceChange(
        resource.address,
        change.actions,
        before,
        after,
        _unknown(change.after_unknown),
        tuple(map(_path, change.replace_paths or ())),
    )


def _set_only(found: object) -> object:
    """Without what is null: not set, or not known yet."""
    if isinstance(found, dict):
        return {key: _set_only(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return list(map(_set_only, found))
    return found


def _unknown(found: object) -> frozenset[str]:
    """The attributes of which any part is unknown; where nothing is known, all that are judged."""
    if found is True:
        return frozenset(("type", "user_name", "kubernetes_groups", "access_scope"))
    if isinstance(found, Mapping):
        return frozenset(key for key, value in found.items() if "true" in json.dumps(value))
    return frozenset()


def _path(steps: Sequence[str | int]) -> str:
    """``access_config[0].authentication_mode``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
