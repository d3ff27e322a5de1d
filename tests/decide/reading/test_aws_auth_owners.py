"""Who writes aws-auth from code: what the object and its backups show, and when they cannot tell.

A writer that is on no list is named as unknown, never taken for absent.
"""

from typing import Any

import pytest

from migrator.decide.reading.aws_auth_owners import AwsAuthWriters, writers_of
from migrator.model.aws_auth import FIELD_MANAGER

_ROWS: dict[str, Any] = {"f:data": {"f:mapRoles": {}}}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OF_A_FILE = "(kubectl apply of a file: a person, or a pipeline)"


def written_by(*managers: str, **metadata: object) -> dict[str, Any]:
    """aws-auth whose rows these field managers wrote."""
    fields = [{"manager": name, "fieldsV1": _ROWS} for name in managers]
    return {"metadata": {"managedFields": fields, **metadata}}


def found(*objects: dict[str, Any] | None) -> AwsAuthWriters:
    writers = writers_of(objects)
    assert writers is not None
    return writers


def tools(writers: AwsAuthWriters) -> list[str]:
    return [owner.partition(" (")[0] for owner in writers.owners]


def test_a_missing_map_has_no_writer() -> None:
    assert found(None) == AwsAuthWriters()


def test_field_managers_labels_and_annotations_name_their_tools_once() -> None:
    config_map = written_by(
        "HashiCorp",
        "Terraform",
        "kubectl-edit",
        labels={"argocd.argoproj.io/instance": "x", "team": "y"},
        annotations={"meta.helm.sh/release-name": "z", "note": "n"},
    )
    config_map["metadata"]["managedFields"].append(None)
    assert tools(found(config_map)) == ["Argo CD", "Helm", "Terraform"]
    assert found(config_map).unknown == ()


def test_the_managed_by_label_counts_too() -> None:
    labels = {"app.kubernetes.io/managed-by": "Pulumi"}
    (owner,) = found({"metadata": {"labels": labels}}).owners
    assert (
        owner
        == "Pulumi (label app.kubernetes.io/managed-by=Pulumi): the next pulumi up writes its "
        "aws-auth again"
    )


@pytest.mark.parametrize(
    ("manager", "tool"),
    [
        ("aws-eks-iam-auth-controller", "aws-eks-iam-auth-controller"),
        ("aws-auth-operator", "aws-auth-operator"),
        ("aws-auth-manager", "aws-auth-manager"),
        ("aws-iam-authenticator-sso-wrapper", "aws-iam-authenticator-sso-wrapper"),
        ("cluster-api-provider-aws-controller", "Cluster API Provider AWS"),
        ("kapp-server-side-fields", "kapp"),
        ("pulumi-kubernetes-3f2a", "Pulumi"),
    ],
)
def test_controller_that_reconciles_aws_auth_is_an_owner(manager: str, tool: str) -> None:
    assert tools(found(written_by(manager))) == [tool]


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"labels": {"kapp.k14s.io/app": "17"}}, "kapp"),
        ({"annotations": {"objectset.rio.cattle.io/id": "default"}}, "Rancher Fleet"),
        ({"annotations": {"moniker.spinnaker.io/application": "auth"}}, "Spinnaker"),
        ({"annotations": {"fluxcd.io/sync-checksum": "3a"}}, "Flux"),
    ],
)
def test_mark_of_a_delivery_tool_is_an_owner(metadata: dict[str, Any], tool: str) -> None:
    assert tools(found(written_by("kubectl-client-side-apply", **metadata))) == [tool]


@pytest.mark.parametrize(
    ("config_map", "sign"),
    [
        (written_by("team-sync"), "field manager team-sync"),
        (written_by("kubectl-sync-operator"), "field manager kubectl-sync-operator"),
        (written_by("manager"), "field manager manager (a controller of unknown name)"),
        (
            written_by("eksctl"),
            "field manager eksctl (a person, or a pipeline with a ClusterConfig file)",
        ),
        (
            written_by("OpenAPI-Generator"),
            "field manager OpenAPI-Generator (a program of the Kubernetes Python client, such as "
            "Ansible)",
        ),
        ({"metadata": {"managedFields": [{"manager": "cut"}]}}, "field manager cut"),
        (
            written_by("kubectl-edit", labels={"app.kubernetes.io/managed-by": "platform"}),
            "label app.kubernetes.io/managed-by=platform",
        ),
        (
            written_by("kubectl-edit", labels={"app.kubernetes.io/instance": "auth"}),
            "label app.kubernetes.io/instance=auth (Argo CD before version 3, or a Helm chart)",
        ),
        (
            written_by("kubectl-edit", ownerReferences=[{"kind": "AwsAuth", "name": "rows"}]),
            "owner reference AwsAuth rows",
        ),
        (
            written_by("kubectl-client-side-apply", annotations={LAST_APPLIED: "{}"}),
            f"annotation {LAST_APPLIED} {OF_A_FILE}",
        ),
        (
            # A console's edit takes over the fields; the pipeline still has its file.
            written_by("Mozilla", annotations={LAST_APPLIED: "{}"}),
            f"annotation {LAST_APPLIED} {OF_A_FILE}",
        ),
        (
            {
                "metadata": {
                    "managedFields": [
                        {"manager": "kubectl", "operation": "Apply", "fieldsV1": _ROWS}
                    ]
                }
            },
            "field manager kubectl (server-side apply of a file: a person, or a pipeline)",
        ),
        (
            written_by("kubectl-edit", labels={"managed-by": "terraform"}),
            "label managed-by=terraform",
        ),
        (
            written_by("kubectl-edit", labels={"kluctl.io/discriminator": "x"}),
            "label kluctl.io/discriminator=x",
        ),
        (
            written_by("kubectl-edit", annotations={"pulumi.com/patchForce": "true"}),
            "annotation pulumi.com/patchForce=true",
        ),
    ],
)
def test_writer_that_no_list_knows_is_named_as_unknown(
    config_map: dict[str, Any], sign: str
) -> None:
    assert found(config_map) == AwsAuthWriters((), (sign,))


@pytest.mark.parametrize(
    "manager", ["vpcLambda", "kubectl-edit", "kubectl-client-side-apply", "kubectl", "Mozilla"]
)
def test_eks_and_persons_are_no_code(manager: str) -> None:
    assert found(written_by(manager)) == AwsAuthWriters()


def test_manager_of_labels_alone_writes_no_rows() -> None:
    fields = {"manager": "labeler", "fieldsV1": {"f:metadata": {"f:labels": {}}}}
    assert found({"metadata": {"managedFields": [fields]}}) == AwsAuthWriters()


def test_instance_label_of_a_known_tool_is_no_further_writer() -> None:
    labels = {"app.kubernetes.io/instance": "auth", "helm.sh/chart": "auth-1.0"}
    assert found(written_by("helm", labels=labels)).unknown == ()


def test_known_tool_hides_no_unknown_writer() -> None:
    labels = {"app.kubernetes.io/instance": "auth"}
    writers = found(written_by("Terraform", "sync", labels=labels))
    assert tools(writers) == ["Terraform"]
    assert len(writers.unknown) == 2


def test_known_tool_does_not_tell_that_there_is_no_other_writer() -> None:
    """A label names its tool where the field managers, which would show others, are cut off."""
    assert not found({"metadata": {"labels": {"helm.sh/chart": "auth-1.0"}}}).tells
    assert found(written_by("helm")).tells


def test_own_write_is_no_evidence_and_its_backup_is() -> None:
    """A rehearsal writes every row: the field managers from before are only in its backup."""
    restored = written_by(FIELD_MANAGER)
    assert writers_of((restored,)) is None
    assert tools(found(restored, written_by("Terraform"))) == ["Terraform"]
    assert found(restored, written_by("kubectl-edit")) == AwsAuthWriters()
    assert found(restored, written_by("sync")).unknown == ("field manager sync",)


def test_an_object_whose_field_managers_were_cut_off_cannot_tell() -> None:
    assert writers_of(({"metadata": {"labels": {"team": "y"}}},)) is None
    assert writers_of(({},)) is None
    assert found({"metadata": {"managedFields": []}}) == AwsAuthWriters()
    # Rows have a writer: an empty list of field managers was reset.
    rows = {"mapRoles": "[]"}
    assert writers_of(({"metadata": {"managedFields": []}, "data": rows},)) is None
    assert writers_of(({**written_by("kubectl-edit"), "data": rows},)) == AwsAuthWriters()
