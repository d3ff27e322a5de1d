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
_READ = re.compile("aws-auth|RoleBinding")
# Arguments that the AWS provider calls otherwise.
ARGUMENTS = {"username": "user_name"}
_POLICY = "aws_eks_access_policy_association"
# Of a manifest: its kind -> the resource of the Kubernetes provider.
_MANIFESTS = {
    "ConfigMap": "kubernetes_config_map",
    "ClusterRoleBinding": "kubernetes_cluster_role_binding",
    "RoleBinding": "kubernetes_role_binding",
}


@dataclass(frozen=True, slots=True)
class Sides:
    """One resource: its type, and its values before and after as the document has them."""

    type: str
    actions: frozenset[str]
    before: Values | None
    after: Values | None
    unknown: object


def as_known_types(sides: Sides) -> Iterator[Sides]:
    """The resource as those that are judged; as it is where its type is not translated.

    An access entry of ``awscc`` has its policies in it, each of which is an association here. The
    values are not checked.
    """
    translate = _TRANSLATED.get(sides.type)
    if translate is None:
        yield sides
        return
    yield from translate(sides)


def _cluster(sides: Sides) -> Iterator[Sides]:
    """``access_config`` is an object, and no list of one block."""
    before, after = (
        each and {**each, "access_config": _listed(each.get("access_config"))}
        for each in (sides.before, sides.after)
    )
    yield replace(sides, type="aws_eks_cluster", before=before, after=after)


def _entry(sides: Sides) -> Iterator[Sides]:
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
    if not isinstance(values, dict):
        return values
    return {ARGUMENTS.get(key, key): each for key, each in values.items()}


def _policies(values: Values | None) -> Mapping[str, Values]:
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


def _manifest(sides: Sides) -> Iterator[Sides]:
    """The object in ``manifest``, as the code has it."""
    unknown = sides.unknown if isinstance(sides.unknown, dict) else {"manifest": sides.unknown}
    yield from _object(
        sides,
        (sides.before or {}).get("manifest"),
        (sides.after or {}).get("manifest"),
        "true" in json.dumps(unknown.get("manifest")),
    )


def _yaml(sides: Sides) -> Iterator[Sides]:
    """The object in the text ``yaml_body``."""
    unknown = sides.unknown if isinstance(sides.unknown, dict) else {"yaml_body": sides.unknown}
    yield from _object(
        sides,
        _loaded((sides.before or {}).get("yaml_body")),
        _loaded((sides.after or {}).get("yaml_body")),
        unknown.get("yaml_body") is True,
    )


def _loaded(text: object) -> object:
    """The YAML document in a text; None where it is none, which Kubernetes does not take."""
    # Most manifests are about other things, and reading YAML takes time.
    if not isinstance(text, str) or not _READ.search(text):
        return None
    try:
        return load_yaml(text, pure=False)
    except YamlError:
        return None


def _object(
    sides: Sides,
    before: object,
    after: object,
    unknown: bool,
) -> Iterator[Sides]:
    """The resource of the Kubernetes provider for each kind that is judged: one, unless the object
    is replaced by one of another kind.
    """
    if sides.after is not None and not isinstance(after, dict):
        # It cannot be read, or is known later: what is there does not stay as it is.
        after = isinstance(before, dict) and {**before, "data": None, "subjects": None}
    for kind in sorted({_kind(before), _kind(after)} - {""}):
        yield replace(
            sides,
            type=kind,
            before=_object_values(before, kind),
            after=_object_values(after, kind),
            unknown={"data": unknown},
        )


def _kind(found: object) -> str:
    """The resource for the object's kind; empty where it is none that is judged."""
    if not isinstance(found, dict):
        return ""
    return _MANIFESTS.get(str(found.get("kind")), "")


def _object_values(
    found: object,
    kind: str,
) -> Values | None:
    """Metadata, data and subjects as blocks; None for another kind."""
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
    }


def _listed(found: object) -> list[object]:
    """An object as a list of one block; none for null."""
    return [] if found is None else [found]


_Translation: TypeAlias = Callable[[Sides], Iterator[Sides]]
_TRANSLATED: Mapping[str, _Translation] = {
    "awscc_eks_cluster": _cluster,
    "awscc_eks_access_entry": _entry,
    "kubernetes_manifest": _manifest,
    "kubectl_manifest": _yaml,
}
