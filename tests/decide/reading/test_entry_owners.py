"""Tools that reconcile an access entry are named by the tags that they leave on it; what looks like
the mark of a program and is on no list is unknown by name.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.entry_owners import EntryReconcilers, reconcilers_of
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
        ("iac", "terraform", "Terraform"),
        ("provisioned-by", "terraform", "Terraform"),
        ("Provisioned By", "Terraform", "Terraform"),
        ("created-by", "terraform", "Terraform"),
        ("managed-by", "Terraform Cloud", "Terraform"),
        ("terraform.io/managed", "x", "Terraform"),
        ("tf-module", "access", "Terraform"),
        ("terragrunt", "true", "Terragrunt"),
        ("aws-cdk:stack", "access", "AWS CDK"),
    ],
)
def test_tool_is_named_where_the_plan_changes_its_entry(key: str, value: str, tool: str) -> None:
    entries = [entry(team="web", **{key: value})]
    found = reconcilers_of(entries, frozenset({ARN}))
    (known,) = found.known
    assert known.startswith(f"the entry of {ARN}: {tool} (tag {key}={value}): ")
    assert found.unknown == ()
    # An entry that the plan keeps stays what its tool writes.
    assert reconcilers_of(entries, frozenset()) == EntryReconcilers()


@pytest.mark.parametrize(
    "tags",
    [
        {"sigs.k8s.io/cluster-api-provider-aws/cluster/prod": "owned"},
        {"Sigs.K8s.io/Cluster-API-Provider-AWS/role": "x"},
        {"ManagedBy": "CAPA"},
        {"provisioner": "cluster-api"},
    ],
)
def test_cluster_api_is_named_for_every_entry_because_it_drops_policies(
    tags: dict[str, str],
) -> None:
    (found,) = reconcilers_of([entry(**tags)], frozenset()).known
    assert "without username and policies" in found


def test_eksctl_is_named_and_not_the_stack_that_it_makes() -> None:
    tags = {"aws:cloudformation:stack-name": "eksctl-prod", "alpha.eksctl.io/cluster-name": "prod"}
    (found,) = reconcilers_of([entry(**tags)], frozenset({ARN})).known
    assert ": eksctl (" in found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("managed-by", "platform-controller"),
        ("ManagedBy", "the platform team"),
        ("provisioner", "ansible"),
        ("upbound.io/x", "y"),
        ("kubernetes.io/cluster/prod", "owned"),
        ("aws:servicecatalog:provisionedProductArn", "x"),
        ("team", "terraform"),
        ("automation", "nightly"),
    ],
)
def test_mark_that_no_list_knows_is_unknown_by_name(key: str, value: str) -> None:
    changed = reconcilers_of([entry(**{key: value})], frozenset({ARN}))
    assert changed == EntryReconcilers((), (f"the entry of {ARN}: unknown (tag {key}={value})",))
    assert reconcilers_of([entry(**{key: value})], frozenset()) == EntryReconcilers()


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "web", "Owner": "CI", "Environment": "prod", "CostCenter": "12"},
        {"Name": "developers", "CreatedAt": "2024-03-02"},
        {"managed-by": "manual", "terraform": "false"},
        {"aws:eks:cluster-name": "prod"},
    ],
)
def test_tags_of_people_name_no_tool(tags: dict[str, str]) -> None:
    assert reconcilers_of([entry(**tags)], frozenset({ARN})) == EntryReconcilers()


def test_every_tool_and_every_unknown_mark_of_an_entry_is_named() -> None:
    tags = {
        "sigs.k8s.io/cluster-api-provider-aws/cluster/prod": "owned",
        "ManagedBy": "terraform, pulumi",
        "provisioned-by": "x",
    }
    found = reconcilers_of([entry(**tags)], frozenset({ARN}))
    tools = [text.removeprefix(f"the entry of {ARN}: ").partition(" (")[0] for text in found.known]
    assert sorted(tools) == ["Cluster API Provider AWS", "Pulumi", "Terraform"]
    assert found.unknown == (f"the entry of {ARN}: unknown (tag provisioned-by=x)",)


SPELLINGS = st.builds(
    lambda words, between, case: case(between.join(words)),
    st.sampled_from(
        [
            ("managed", "by"),
            ("provisioned", "by"),
            ("created", "with"),
            ("deployed", "by"),
            ("iac",),
            ("provisioner",),
            ("generated", "by"),
        ]
    ),
    st.sampled_from(["", "-", "_", " ", ".", ":"]),
    st.sampled_from([str.lower, str.upper, str.title, str]),
)
VALUES = st.sampled_from(["terraform", "OpenTofu 1.8", "team-sync", "x"]) | st.text(min_size=1)


@given(key=SPELLINGS, value=VALUES)
def test_key_that_says_who_manages_is_named_in_any_spelling(key: str, value: str) -> None:
    """Only a value that says that no program does leaves the tag out."""
    found = reconcilers_of([entry(**{key: value})], frozenset({ARN}))
    says_no = re.fullmatch("false|no|none|manual", value.strip().lower()) is not None
    named = [text for text in (*found.known, *found.unknown) if f"(tag {key}={value})" in text]
    assert bool(named) != says_no
