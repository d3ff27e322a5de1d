"""Generated code read back by a parser of its own language, as the entries that it describes.

What the tool of a format demands beside that (a schema, an import for each resource, a deletion
that leaves the entry) is asserted while it is read.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeEntry, CodeKind
from migrator.model.plan import ClusterRef
from migrator.render.escape import (
    survives_cdk,
    survives_cloudformation,
    survives_hcl,
    survives_pulumi,
)
from tests.support.code_packages import FOLDER, Made, entries_of
from tests.support.code_packages.python_programs import run_python
from tests.support.code_packages.typescript_programs import TypeScript


@cache
def recorded(name: str) -> Any:  # noqa: ANN401 - JSON
    """The record of a tool's schema in ``tests/data/generated_code``."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def load(text: str) -> Any:  # noqa: ANN401 - any YAML value
    """A YAML document."""
    return YAML(typ="safe", pure=True).load(text)


def _policies(
    found: Any,  # noqa: ANN401 - JSON
    arn: str,
    scope: str,
    kind: str,
    names: str,
) -> tuple[AssociatedPolicy, ...]:
    return tuple(
        AssociatedPolicy(
            each[arn], AccessScope(each[scope][kind], tuple(each[scope].get(names, ())))
        )
        for each in found
    )


def _templates(files: dict[str, str]) -> dict[str, Any]:
    """Logical id -> resource, of all templates of the files."""
    found: dict[str, Any] = {}
    for name, text in files.items():
        if not name.endswith(".yaml"):
            continue
        resources = load(text)["Resources"]
        assert not set(found) & set(resources)
        # What is imported with a template is all that it has.
        imports = json.loads(
            files[name.replace("access-entries", "resources-to-import")[:-4] + "json"]
        )
        assert {each["LogicalResourceId"]: each["ResourceIdentifier"] for each in imports} == {
            key: {name: each["Properties"][name] for name in ("PrincipalArn", "ClusterName")}
            for key, each in resources.items()
        }
        found |= resources
    return found


def cloudformation_entries(files: dict[str, str]) -> dict[str, EntrySpec]:
    """The entries of the templates, each of which a deleted stack leaves in place."""
    found = {}
    for resource in _templates(files).values():
        properties = resource["Properties"]
        policies = properties.get("AccessPolicies", ())
        found[properties["PrincipalArn"]] = EntrySpec(
            properties["Type"],
            properties.get("Username"),
            tuple(properties.get("KubernetesGroups", ())),
            _policies(policies, "PolicyArn", "AccessScope", "Type", "Namespaces"),
        )
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    return found


def eksctl_entries(text: str) -> dict[str, EntrySpec]:
    """The entries of a configuration that is one by eksctl's schema and its own checks."""
    config = load(text)
    assert set(config) == {"apiVersion", "kind", "metadata", "accessConfig"}
    Draft7Validator(recorded("eksctl")["schema"]).validate(config["accessConfig"])
    found = {}
    for each in config["accessConfig"]["accessEntries"]:
        assert each["type"] in recorded("eksctl")["types"]["values"]
        # eksctl takes an empty name for none.
        assert each.get("kubernetesUsername") != ""
        if each["type"] != "STANDARD":
            assert set(each) == {"principalARN", "type"}
        found[each["principalARN"]] = EntrySpec(
            each["type"],
            each.get("kubernetesUsername"),
            tuple(each.get("kubernetesGroups", ())),
            _policies(
                each.get("accessPolicies", ()), "policyARN", "accessScope", "type", "namespaces"
            ),
        )
    return found


def kubernetes_objects(kind: str, text: str) -> list[dict[str, Any]]:
    """Every object, valid by its schema, with a name that Kubernetes takes and no other has."""
    found = [each for each in YAML(typ="safe", pure=True).load_all(text) if each is not None]
    names = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(names)) == len(names)
    for each in found:
        assert set(each) == {"apiVersion", "kind", "metadata", "spec"}
        assert each["apiVersion"] == recorded(kind)["apiVersion"]
        Draft7Validator(recorded(kind)["spec"][each["kind"]]).validate(each["spec"])
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", each["metadata"]["name"])
        annotations = each["metadata"]["annotations"]
        assert annotations["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"
    return found


def _scoped(arn: str, scope: dict[str, Any]) -> AssociatedPolicy:
    return AssociatedPolicy(arn, AccessScope(scope["type"], tuple(scope.get("namespaces", ()))))


def ack_entries(text: str) -> dict[str, EntrySpec]:
    """The entries of manifests that adopt what is there and leave it."""
    found = {}
    for each in kubernetes_objects("ack", text):
        spec, annotations = each["spec"], each["metadata"]["annotations"]
        assert annotations["services.k8s.aws/deletion-policy"] == "retain"
        assert annotations["services.k8s.aws/adoption-policy"] == "adopt-or-create"
        assert json.loads(annotations["services.k8s.aws/adoption-fields"]) == {
            name: spec[name] for name in recorded("ack")["adoption-fields"]["values"]
        }
        found[spec["principalARN"]] = EntrySpec(
            spec["type"],
            spec.get("username"),
            tuple(spec.get("kubernetesGroups", ())),
            tuple(
                _scoped(policy["policyARN"], policy["accessScope"])
                for policy in spec.get("accessPolicies", ())
            ),
        )
    return found


def crossplane_entries(text: str) -> dict[str, EntrySpec]:
    """The entries of manifests whose external names are the ids of what is there."""
    found: dict[str, EntrySpec] = {}
    for each in kubernetes_objects("crossplane", text):
        assert each["spec"]["deletionPolicy"] == "Orphan"
        given = each["spec"]["forProvider"]
        cluster, arn = given["clusterName"], given["principalArn"]
        external = each["metadata"]["annotations"]["crossplane.io/external-name"]
        if each["kind"] == "AccessEntry":
            assert external == f"{cluster}:{arn}"
            groups = tuple(given.get("kubernetesGroups", ()))
            found[arn] = EntrySpec(given["type"], given.get("userName"), groups)
            continue
        assert external == f"{cluster}#{arn}#{given['policyArn']}"
        [scope] = given["accessScope"]
        before = found[arn]
        found[arn] = EntrySpec(
            before.type,
            before.username,
            before.kubernetes_groups,
            (*before.access_policies, _scoped(given["policyArn"], scope)),
        )
    return found


def aws_cli_entries(text: str) -> dict[str, EntrySpec]:
    """The entries of a script, from the documents of its calls."""
    created: dict[str, EntrySpec] = {}
    for word in re.findall(r"'(\{[^']*\})'", text):
        document = json.loads(word)
        # The document of DescribeCluster.
        if set(document) == {"name"}:
            continue
        arn = document["principalArn"]
        if "policyArn" in document:
            before = created[arn]
            policy = _scoped(document["policyArn"], document["accessScope"])
            created[arn] = EntrySpec(
                before.type,
                before.username,
                before.kubernetes_groups,
                (*before.access_policies, policy),
            )
        elif "type" in document:
            groups = tuple(document.get("kubernetesGroups", ()))
            created[arn] = EntrySpec(document["type"], document.get("username"), groups)
    return created


def program_entries(
    files: dict[str, str], node: TypeScript, cluster: ClusterRef
) -> dict[str, EntrySpec]:
    """The entries that the programs of the files make."""
    return entries_of(made_by(files, node, cluster))


def made_by(files: dict[str, str], node: TypeScript, cluster: ClusterRef) -> list[Made]:
    """What all programs of the files make with credentials that reach a cluster."""
    made: list[Made] = []
    for name, text in files.items():
        if name.endswith(".py"):
            made += run_python(text, cluster)
        elif name.endswith(".ts"):
            made += node.run(text, cluster)
    return made


def read_code(
    kind: CodeKind, files: dict[str, str], node: TypeScript, cluster: ClusterRef
) -> dict[str, EntrySpec]:
    """Principal -> entry, of the files of a format other than Terraform's."""
    if kind == "cloudformation":
        return cloudformation_entries(files)
    if kind.startswith(("cdk-", "pulumi-")):
        return program_entries(files, node, cluster)
    [text] = files.values()
    return _OF_A_TEXT[kind](text)


_OF_A_TEXT: dict[CodeKind, Callable[[str], dict[str, EntrySpec]]] = {
    "eksctl": eksctl_entries,
    "aws-cli": aws_cli_entries,
    "ack": ack_entries,
    "crossplane": crossplane_entries,
}


def carried(kind: CodeKind, entry: CodeEntry) -> bool:
    """Whether the format can carry the entry as it is."""
    spec = entry.spec
    if kind == "ack":
        return spec.type == "STANDARD"
    if kind == "eksctl" and (spec.type not in recorded(kind)["types"]["values"]):
        return False
    if kind == "eksctl" and spec.username == "":
        return False
    return all(map(_SURVIVES.get(kind, lambda _: True), entry.texts))


_SURVIVES: dict[CodeKind, Callable[[str], bool]] = {
    "cloudformation": survives_cloudformation,
    "eksctl": survives_cloudformation,
    "cdk-python": survives_cdk,
    "cdk-typescript": survives_cdk,
    "pulumi-python": survives_pulumi,
    "pulumi-typescript": survives_pulumi,
    "crossplane": survives_hcl,
}
