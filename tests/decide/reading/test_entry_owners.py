"""Tools that reconcile an access entry are named by the tags that they leave on it."""

import pytest

from migrator.decide.reading.entry_owners import reconcilers_of
from migrator.model.access_entry import AccessEntry

ARN = "arn:aws:iam::111122223333:role/team/developer"


def entry(**tags: str) -> AccessEntry:
    return AccessEntry(ARN, "STANDARD", "dev", tags=tags)


@pytest.mark.parametrize(
    ("key", "value", "tool"),
    [
        ("services.k8s.aws/controller-version", "eks-1.5.0", "ACK"),
        ("crossplane-kind", "accessentry.eks.aws.upbound.io", "Crossplane"),
        ("aws:cloudformation:stack-name", "access", "CloudFormation"),
        ("alpha.eksctl.io/cluster-name", "prod", "eksctl"),
        ("ManagedBy", "Terraform", "Terraform"),
        ("managed_by", "opentofu", "OpenTofu"),
        ("provisioner", "pulumi", "Pulumi"),
        ("terraform", "true", "Terraform"),
    ],
)
def test_tool_is_named_where_the_plan_changes_its_entry(key: str, value: str, tool: str) -> None:
    entries = [entry(team="web", **{key: value})]
    (found,) = reconcilers_of(entries, frozenset({ARN}))
    assert found.startswith(f"the entry of {ARN}: {tool} (tag {key}")
    # An entry that the plan keeps stays what its tool writes.
    assert reconcilers_of(entries, frozenset()) == ()


def test_cluster_api_is_named_for_every_entry_because_it_drops_policies() -> None:
    tags = {"sigs.k8s.io/cluster-api-provider-aws/cluster/prod": "owned"}
    (found,) = reconcilers_of([entry(**tags)], frozenset())
    assert "without username and policies" in found


def test_eksctl_is_named_and_not_the_stack_that_it_makes() -> None:
    tags = {"aws:cloudformation:stack-name": "eksctl-prod", "alpha.eksctl.io/cluster-name": "prod"}
    (found,) = reconcilers_of([entry(**tags)], frozenset({ARN}))
    assert ": eksctl (" in found


@pytest.mark.parametrize("tags", [{}, {"team": "terraform"}, {"ManagedBy": "the platform team"}])
def test_tags_of_people_name_no_tool(tags: dict[str, str]) -> None:
    assert reconcilers_of([entry(**tags)], frozenset({ARN})) == ()
