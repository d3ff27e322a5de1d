"""A Terraform plan from the JSON of ``terraform show -json PLANFILE``.

Fields and their meaning: Terraform documentation, "JSON Output Format". OpenTofu writes the same
format. Unknown fields are tolerated, as the format's own rule for minor versions asks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from migrator.errors import Failed
from migrator.model.files.terraform_kinds import ARGUMENTS, Sides, as_known_types
from migrator.model.files.terraform_places import (
    CLUSTER_TYPES,
    CodeResource,
    Configuration,
    Places,
    PriorState,
    Variable,
    clusters_in_state,
    is_instance,
    read_places,
)
from migrator.model.files.terraform_unread import unread_reasons
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
    UnreadChange,
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
_KINDS_OF_PRINCIPAL = {"aws_iam_role": "role", "aws_iam_user": "user"}
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
        "metadata",
        "subject",
        "role_ref",
    )
)


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


class _Invocation(msgspec.Struct):
    """An action that Terraform invokes (1.14): its effect is in no resource."""

    address: str
    type: str = ""


class _Document(msgspec.Struct):
    format_version: str
    resource_changes: list[_Resource] | None = None
    planned_values: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    errored: bool = False
    complete: bool = True
    configuration: Configuration | None = None
    prior_state: PriorState | None = None
    variables: dict[str, Variable] = {}
    action_invocations: list[_Invocation] = []


def read_terraform_plan(
    content: bytes,
    name: str,
) -> TerraformPlan:
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
        places = _places(document)
        managed = [each for each in document.resource_changes or [] if each.mode == "managed"]
        changes = [change for each in managed for change in _changes(each, places)]
        principals = _made_principals(managed)
        changes = [_followed(each, places, principals) for each in changes]
        unread = [change for each in managed for change in _unread(each, places)]
        unread += [
            UnreadChange(each.address, "program", each.type) for each in document.action_invocations
        ]
    # What JSON holds may be nested deeper than Python follows.
    except (ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise Failed(_CODE, f"{name} is no plan of Terraform.", why=why, remedy=_REMEDY) from error
    whole = document.complete and not document.errored
    return TerraformPlan(tuple(changes), whole, tuple(unread))


def _not_a_plan(
    document: _Document,
) -> str:
    """Why a document that has the right shapes is no plan; empty where it is one."""
    if document.format_version.partition(".")[0] != "1":
        return f"Its format_version is {document.format_version}; 1.x is known."
    if document.resource_changes is not None or document.planned_values is not None:
        return ""
    # A state has `values` at its top, a plan `planned_values`.
    if document.values is not None:
        return "It is a state, which says nothing of what Terraform is about to do."
    return "It has neither resource_changes nor planned_values."


def _places(
    document: _Document,
) -> Places:
    """Where the providers lead to: clusters are in the state, or come with this plan."""
    known: dict[str, Mapping[str, Any]] = {
        each.address: each.values or {} for each in clusters_in_state(document.prior_state)
    }
    for each in document.resource_changes or []:
        values = each.change.after or each.change.before
        if each.type in CLUSTER_TYPES and values:
            known[each.address] = {**known.get(each.address, {}), **_set_only(values)}
    return read_places(document.configuration, known, document.variables)


def _arguments(
    resource: CodeResource | None,
) -> frozenset[str]:
    """The arguments that refer to something else, so that they may be known later. What the code
    leaves out, or has as null, is not among them.
    """
    arguments = resource.expressions.items() if resource else ()
    return frozenset(
        ARGUMENTS.get(name, name)
        for name, each in arguments
        if isinstance(each, dict) and "references" in each
    )


def _sides(
    resource: _Resource,
) -> Sides:
    """The resource with its values on both sides."""
    change = resource.change
    after = change.after
    if after is None and change.after_unknown is True:
        # There is an object, of which nothing is known.
        after = {}
    return Sides(
        resource.type,
        change.actions,
        change.before,
        after,
        change.after_unknown,
    )


def _unread(
    resource: _Resource,
    places: Places,
) -> Iterator[UnreadChange]:
    """Why the resource is not judged, where it may matter."""
    code = places.code_of(resource.address)
    runs_program = bool(code and code.provisioners)
    for reason, what in unread_reasons(_sides(resource), runs_program=runs_program):
        place = places.of(resource.address)
        yield UnreadChange(resource.address, reason, what, place, _cluster_name(resource))


def _cluster_name(
    resource: _Resource,
) -> str:
    """The cluster that a resource of AWS names, or is; empty for none."""
    values = resource.change.after or resource.change.before or {}
    name = values.get("name" if resource.type in CLUSTER_TYPES else "cluster_name")
    return name if isinstance(name, str) else ""


def _made_principals(
    resources: Iterable[_Resource],
) -> Mapping[str, str]:
    """Address of each role and user that Terraform makes -> what its ARN ends with, as
    ``role/teams/dev``; with a star behind the part of the name that is known.
    """
    return {
        each.address: _arn_end(each.type, each.change.after or {})
        for each in resources
        if each.type in _KINDS_OF_PRINCIPAL and "create" in each.change.actions
    }


def _arn_end(
    resource_type: str,
    values: Mapping[str, Any],
) -> str:
    """IAM user guide, "IAM ARNs": the kind, the path and the name."""
    begin = f"{_KINDS_OF_PRINCIPAL[resource_type]}{values.get('path') or '/'}"
    name = values.get("name")
    if name:
        return f"{begin}{name}"
    # Terraform adds what no name that exists has.
    return f"{begin}{values.get('name_prefix') or ''}*"


def _followed(
    change: ResourceChange,
    places: Places,
    principals: Mapping[str, str],
) -> ResourceChange:
    """With what the code refers to where Terraform knows a value after its apply only: the cluster
    that has a name in this document, the principal that this very plan makes.
    """
    after, unknown = change.after, change.unknown
    if not isinstance(after, EntryAttributes | AssociationAttributes):
        return change
    if "cluster_name" in unknown:
        name = places.cluster_named(change.address)
        unknown = unknown - {"cluster_name"} if name else unknown
        after = replace(after, cluster_name=name)
    at = places.principals_named(change.address) if "principal_arn" in unknown else ()
    made = [{end for each, end in principals.items() if is_instance(each, one)} for one in at]
    return replace(
        change,
        after=after,
        unknown=unknown,
        principals=frozenset().union(*made) if all(made) else frozenset(),
    )


def _changes(
    resource: _Resource,
    places: Places,
) -> Iterator[ResourceChange]:
    """What the resource says of objects that are judged.

    Raises ValueError, with the resource's address, where an attribute has another type than in the
    provider, or an action is not known.
    """
    in_code = _arguments(places.code_of(resource.address))
    paths = tuple(map(_path, resource.change.replace_paths or ()))
    for each in as_known_types(_sides(resource)):
        if each.type in _TYPES:
            yield replace(
                _change(resource.address, each, in_code),
                replace_paths=paths,
                place=places.of(resource.address),
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


def _set_only(found: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Without what is null: not set, or not known yet. An element of a list that is not known yet
    is null as well.
    """
    if isinstance(found, dict):
        return {key: _set_only(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [_set_only(value) for value in found if value is not None]
    return found


def _unknown(
    found: object,
) -> frozenset[str]:
    """The attributes of which any part is unknown; where nothing is known, all that are judged."""
    if found is True:
        return _JUDGED
    if isinstance(found, Mapping):
        return frozenset(key for key, value in found.items() if "true" in json.dumps(value))
    return frozenset()


def _partly(
    found: object,
) -> frozenset[str]:
    """The attributes of which single parts are unknown: the code has set them."""
    if not isinstance(found, Mapping):
        return frozenset()
    return frozenset(key for key, value in found.items() if isinstance(value, list | dict))


def _path(
    steps: Sequence[str | int],
) -> str:
    """``access_config[0].authentication_mode``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
