"""Resources of other providers as those of the AWS and Kubernetes providers that are the same
objects.

Sources: AWS Cloud Control provider (``awscc``), whose attributes are those of CloudFormation's
``AWS::EKS::AccessEntry`` and ``AWS::EKS::Cluster``; ``kubernetes_manifest`` of the Kubernetes
provider; ``kubectl_manifest`` of the kubectl provider.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from migrator.model.files.yaml_document import YamlError, load_yaml

Values: TypeAlias = dict[str, Any]
# Words of all kinds that are judged or named; a backslash may hide one.
_READ = re.compile(
    "aws-auth|Role|AccessEntry|FlowSchema|Policy|Webhook|ConstraintTemplate|Application|Helm|"
    r"Kustomization|List|\\"
)
_OTHER_OBJECT: Values = {"kind": "of no kind that matters"}
# Arguments that the AWS provider calls otherwise.
ARGUMENTS = {"username": "user_name"}
_OF_ROLE = {"assume_role_policy_document": "assume_role_policy", "role_name": "name"}
_POLICY = "aws_eks_access_policy_association"
# Of a manifest: its kind -> the resource of the Kubernetes provider.
MANIFESTS = {
    "ConfigMap": "kubernetes_config_map",
    "ClusterRoleBinding": "kubernetes_cluster_role_binding",
    "RoleBinding": "kubernetes_role_binding",
}
# Attributes of the Kubernetes provider -> fields of a manifest.
_FIELDS = {
    "metadata": "metadata",
    "data": "data",
    "subject": "subjects",
    "role_ref": "roleRef",
}


@dataclass(frozen=True, slots=True)
class Sides:
    """One resource: its type, and its values before and after as the document has them."""

    type: str
    actions: frozenset[str]
    before: Values | None
    after: Values | None
    unknown: object


def as_known_types(
    sides: Sides,
) -> Iterator[Sides]:
    """The resource as those that are judged; as it is where its type is not translated.

    An access entry of ``awscc`` has its policies in it, each of which is an association here. The
    values are not checked.
    """
    translate = _TRANSLATED.get(sides.type)
    if translate is None:
        yield sides
        return
    yield from translate(sides)


def _cluster(
    sides: Sides,
) -> Iterator[Sides]:
    """``access_config`` is an object, and no list of one block."""
    before, after = (
        each and {**each, "access_config": _listed(each.get("access_config"))}
        for each in (sides.before, sides.after)
    )
    yield replace(sides, type="aws_eks_cluster", before=before, after=after)


def _entry(
    sides: Sides,
) -> Iterator[Sides]:
    """The entry, then an association for each policy that it has before or after."""
    before, after, unknown = map(
        _entry_values,
        (
            sides.before,
            sides.after,
            sides.unknown,
        ),
    )
    yield replace(
        sides,
        type="aws_eks_access_entry",
        before=before,
        after=after,
        unknown=unknown,
    )
    had, has = _policies(sides.before), _policies(sides.after)
    for arn in sorted({*had, *has}):
        yield _association(sides, had.get(arn), has.get(arn))
    # Which policies there will be is not known.
    if isinstance(unknown, dict) and "true" in json.dumps(unknown.get("access_policies")):
        later = {"cluster_name": (after or {}).get("cluster_name")}
        yield replace(
            sides,
            type=_POLICY,
            before=None,
            after=later,
            unknown={"policy_arn": True},
        )


def _entry_values(values: Any) -> Any:  # noqa: ANN401 - any JSON value
    """With ``username`` as the AWS provider calls it."""
    return _renamed(values, ARGUMENTS)


def _renamed(values: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    """With the attributes as the AWS provider calls them."""
    if not isinstance(values, dict):
        return values
    return {names.get(key, key): each for key, each in values.items()}


def _policies(
    values: Values | None,
) -> Mapping[str, Values]:
    """Policy ARN -> the values of its association."""
    found = (values or {}).get("access_policies")
    named = {key: (values or {}).get(key) for key in ("cluster_name", "principal_arn")}
    return {
        str(each.get("policy_arn")): {
            **named,
            "policy_arn": each.get("policy_arn"),
            "access_scope": _listed(each.get("access_scope")),
        }
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict)
    }


def _association(
    sides: Sides,
    had: Values | None,
    has: Values | None,
) -> Sides:
    """One policy of an entry, with what happens to it when the entry is updated."""
    actions = sides.actions
    if "update" in actions and has is None:
        actions = frozenset({"delete"})
    return replace(
        sides,
        type=_POLICY,
        actions=actions,
        before=had,
        after=has,
        unknown={},
    )


def _role(
    sides: Sides,
) -> Iterator[Sides]:
    """A role of CloudFormation, whose trust policy is called otherwise."""
    before, after, unknown = (
        _renamed(each, _OF_ROLE) for each in (sides.before, sides.after, sides.unknown)
    )
    yield replace(
        sides,
        type="aws_iam_role",
        before=before,
        after=after,
        unknown=unknown,
    )


def object_of(
    values: Values | None,
    resource_type: str,
) -> object:
    """The object in a manifest: ``manifest`` as the code has it, or the text ``yaml_body``. None
    where it cannot be read.
    """
    values = values or {}
    if resource_type == "kubectl_manifest":
        return _in_namespace(_loaded(values.get("yaml_body")), values.get("override_namespace"))
    return values.get("manifest")


def _in_namespace(
    found: object,
    namespace: object,
) -> object:
    """The object in the namespace that ``override_namespace`` says (kubectl provider)."""
    if not namespace or not isinstance(found, dict) or found is _OTHER_OBJECT:
        return found
    metadata = found.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return {**found, "metadata": {**named, "namespace": namespace}}


def manifest_unknown(
    sides: Sides,
) -> Values:
    """Which attributes of the object in a manifest are known after Terraform's apply only."""
    argument = "yaml_body" if sides.type == "kubectl_manifest" else "manifest"
    unknown = sides.unknown
    later: Values = {}
    if isinstance(unknown, dict):
        # In which namespace it will be is a part of its metadata.
        later = {"metadata": True} if unknown.get("override_namespace") is True else {}
        unknown = unknown.get(argument)
    if isinstance(unknown, dict):
        return {name: unknown.get(each) for name, each in _FIELDS.items()} | later
    return dict.fromkeys(_FIELDS, unknown is True) | later


def _loaded(
    text: object,
) -> object:
    """The YAML document in a text; None where it is none, which Kubernetes does not take."""
    if not isinstance(text, str):
        return None
    # Most manifests are about other things, and reading YAML takes time.
    if not _READ.search(text):
        return _OTHER_OBJECT
    try:
        return load_yaml(text, pure=False)
    except YamlError:
        return None


def _object(
    sides: Sides,
) -> Iterator[Sides]:
    """The resource of the Kubernetes provider for each kind that is judged: one, unless the object
    is replaced by one of another kind.
    """
    # The kubectl provider leaves such an object where it is.
    if sides.after is None and (sides.before or {}).get("apply_only") is True:
        return
    before = object_of(sides.before, sides.type)
    after = object_of(sides.after, sides.type)
    emptied = "delete" not in sides.actions and after is _OTHER_OBJECT
    if sides.after is not None and (emptied or not isinstance(after, dict)):
        # It cannot be read, or is known later: what is there does not stay as it is.
        after = isinstance(before, dict) and {
            **before,
            "data": None,
            "subjects": None,
            "roleRef": None,
        }
    for kind in sorted({_kind(before), _kind(after)} - {""}):
        yield replace(
            sides,
            type=kind,
            before=_object_values(before, kind),
            after=_object_values(after, kind),
            unknown=manifest_unknown(sides),
        )


def _kind(
    found: object,
) -> str:
    """The resource for the object's kind; empty where it is none that is judged."""
    if not isinstance(found, dict):
        return ""
    return MANIFESTS.get(str(found.get("kind")), "")


def _object_values(
    found: object,
    kind: str,
) -> Values | None:
    """Metadata, data, subjects and role as blocks; None for another kind."""
    if not isinstance(found, dict) or _kind(found) != kind:
        return None
    data = found.get("data")
    if isinstance(data, dict):
        # The provider makes texts of numbers.
        data = {
            key: each if isinstance(each, str) else json.dumps(each, default=str)
            for key, each in data.items()
        }
    return {
        "metadata": _listed(found.get("metadata")),
        "data": data,
        "subject": found.get("subjects"),
        "role_ref": _listed(found.get("roleRef")),
    }


def _listed(
    found: object,
) -> list[object]:
    """An object as a list of one block; none for null."""
    return [] if found is None else [found]


_Translation: TypeAlias = Callable[[Sides], Iterator[Sides]]
_TRANSLATED: Mapping[str, _Translation] = {
    "awscc_eks_cluster": _cluster,
    "awscc_eks_access_entry": _entry,
    "awscc_iam_role": _role,
    "kubernetes_manifest": _object,
    "kubectl_manifest": _object,
}
