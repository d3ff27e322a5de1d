"""The generated rule tables are those of the published data, and nothing is guessed."""

import json

from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import PolicyRule
from tests.support.generate_access_policy_tables import SOURCE, TARGET, generate


def test_tables_are_generated_from_the_data() -> None:
    assert TARGET.read_text(encoding="utf-8") == generate(SOURCE.read_text(encoding="utf-8"))


def test_every_known_policy_has_a_table() -> None:
    published = json.loads(SOURCE.read_text(encoding="utf-8"))["policies"]
    assert list(ACCESS_POLICIES) == sorted(policy["name"] for policy in published)


def test_incomplete_policies_are_opaque() -> None:
    for table in ACCESS_POLICIES.values():
        assert table.complete or table.rules == ()
    assert not ACCESS_POLICIES[
        "AmazonEKSKROPolicy"
    ].complete  # two of its rules were reported, not all


def test_cluster_admin_allows_everything() -> None:
    assert ACCESS_POLICIES["AmazonEKSClusterAdminPolicy"].rules == (
        PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",)),
        PolicyRule(verbs=("*",), non_resource_urls=("*",)),
    )
