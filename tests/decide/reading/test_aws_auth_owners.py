"""Who writes aws-auth from code: what the object shows, and when it cannot tell."""

from migrator.decide.reading.aws_auth_owners import owners_of


def test_a_missing_map_has_no_owner() -> None:
    assert owners_of(None) == ()


def test_field_managers_labels_and_annotations_name_their_tools_once() -> None:
    metadata = {
        "managedFields": [
            {"manager": "HashiCorp"},
            {"manager": "Terraform"},
            {"manager": "kubectl-edit"},
            None,
        ],
        "labels": {"argocd.argoproj.io/instance": "x", "team": "y"},
        "annotations": {"meta.helm.sh/release-name": "z", "note": "n"},
    }
    assert [owner.partition(" (")[0] for owner in owners_of({"metadata": metadata}) or ()] == [
        "Argo CD",
        "Helm",
        "Terraform",
    ]


def test_the_managed_by_label_counts_too() -> None:
    (owner,) = owners_of({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Pulumi"}}}) or ()
    assert (
        owner
        == "Pulumi (label app.kubernetes.io/managed-by=Pulumi): the next pulumi up writes its "
        "aws-auth again"
    )


def test_an_object_whose_field_managers_were_cut_off_cannot_tell() -> None:
    assert owners_of({"metadata": {"labels": {"team": "y"}}}) is None
    assert owners_of({}) is None
    assert owners_of({"metadata": {"managedFields": []}}) == ()
