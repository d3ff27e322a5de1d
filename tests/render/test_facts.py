"""What is said of principals and permissions, in words."""

import pytest

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec, Identity
from migrator.model.rbac import PermissionRow
from migrator.render.facts import (
    Fact,
    after_facts,
    before_facts,
    default_username,
    permission_words,
    place,
    policy_words,
    short_arn,
)
from tests.support.plans import CLUSTER_ADMIN, VIEW, cluster, plan, principal, role


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            PermissionRow("namespace shop", ("apps",), ("deployments",), ("get", "list")),
            "get, list deployments.apps in namespace shop",
        ),
        (
            PermissionRow("cluster", ("",), ("pods", "pods/exec"), ("*",)),
            "* pods, pods/exec in the whole cluster",
        ),
        (
            PermissionRow("cluster", ("",), ("secrets",), ("get",), ("tls",)),
            "get secrets only tls in the whole cluster",
        ),
        (
            PermissionRow("non-resource", verbs=("get",), non_resource_urls=("/metrics",)),
            "get /metrics",
        ),
        (PermissionRow("unknown AmazonEKSOddPolicy"), "not known: AmazonEKSOddPolicy"),
        (
            PermissionRow("cluster except namespace kube-system", ("",), ("pods",), ("get",)),
            "get pods in cluster except namespace kube-system",
        ),
    ],
)
def test_permissions_read_as_a_phrase(row: PermissionRow, words: str) -> None:
    assert permission_words(row) == words


def test_arns_lose_only_the_clusters_own_partition() -> None:
    value = plan(cluster=cluster(partition="aws-cn"))
    assert short_arn("arn:aws-cn:iam::111122223333:role/a", value) == "111122223333:role/a"
    assert (
        short_arn("arn:aws:iam::111122223333:role/a", value) == "arn:aws:iam::111122223333:role/a"
    )


def test_a_place_without_a_known_line_names_none() -> None:
    assert place("mapRoles[3]", {"mapRoles[3]": 14}) == "mapRoles[3] line 14"
    assert place("mapRoles[3]", {}) == "mapRoles[3]"


def test_policies_name_their_scope() -> None:
    assert policy_words(AssociatedPolicy(VIEW)) == "AmazonEKSViewPolicy in the whole cluster"
    namespaces = AccessScope("namespace", ("shop", "web-*"))
    assert policy_words(AssociatedPolicy(VIEW, namespaces)) == "AmazonEKSViewPolicy in shop, web-*"


@pytest.mark.parametrize(
    ("arn", "spec", "name"),
    [
        (
            role("ci/runner"),
            EntrySpec(),
            "arn:aws:sts::111122223333:assumed-role/runner/{{SessionName}}",
        ),
        ("arn:aws:iam::111122223333:user/a/b", EntrySpec(), "arn:aws:iam::111122223333:user/a/b"),
        ("arn:aws:iam::111122223333:root", EntrySpec(), ""),
        ("nonsense", EntrySpec(), ""),
        (role("nodes"), EntrySpec("EC2_LINUX"), "system:node:{{EC2PrivateDNSName}}"),
        (role("nodes"), EntrySpec("EC2"), "system:node:{{SessionName}}"),
        (role("nodes"), EntrySpec("HYPERPOD_LINUX"), ""),
    ],
)
def test_the_username_that_eks_gives(arn: str, spec: EntrySpec, name: str) -> None:
    assert default_username(arn, spec) == name


def test_who_cannot_log_in_has_no_name_today() -> None:
    assert before_facts(Identity("ghost", ("devs",), "none")) == (Fact("cannot log in", ()),)


def test_after_tells_same_from_changed_and_names_what_goes() -> None:
    admin = EntrySpec("STANDARD", "ops", ("platform",), (AssociatedPolicy(CLUSTER_ADMIN),))
    before = Identity("ops", ("system:masters", "platform"), "config-map")
    facts = after_facts(principal(role("ops"), entry=admin, before=before))
    assert facts == (
        Fact("type", ("STANDARD",)),
        Fact("name", ("ops",), "same"),
        Fact("groups", ("platform",), "changed"),
        Fact("policy", ("AmazonEKSClusterAdminPolicy in the whole cluster",), "changed"),
        Fact("without group", ("system:masters",), "lost"),
    )


def test_a_proposal_is_called_one() -> None:
    blocked = principal(role("partner"), "block", proposed=EntrySpec("STANDARD", "p", ()))
    assert after_facts(blocked)[0] == Fact("proposed only", ())
    assert after_facts(principal(role("partner"), "block")) == (Fact("undecided", ()),)
    assert after_facts(principal(role("dead"), "skip")) == (Fact("nothing", ()),)
