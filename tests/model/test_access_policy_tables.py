"""The generated rule tables are those of the published data, and nothing is guessed."""

import json
from collections import Counter

from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import PolicyRule
from tests.support.generate_access_policy_tables import SOURCE, TARGET, generate


def test_tables_are_generated_from_the_data() -> None:
    assert TARGET.read_text(encoding="utf-8") == generate(SOURCE.read_text(encoding="utf-8"))


def test_every_known_policy_has_a_table() -> None:
    published = json.loads(SOURCE.read_text(encoding="utf-8"))["policies"]
    assert list(ACCESS_POLICIES) == sorted(policy["name"] for policy in published)


def test_tables_say_how_much_of_each_policy_is_published() -> None:
    published = json.loads(SOURCE.read_text(encoding="utf-8"))["policies"]
    assert Counter(table.published for table in ACCESS_POLICIES.values()) == {
        "exact": 12,
        "upper-bound": 3,
        "nothing": 24,
    }
    for policy in published:
        table = ACCESS_POLICIES[policy["name"]]
        assert table.exact == policy["complete"]
        assert (table.published == "upper-bound") == policy.get("upper_bound", False)
        assert table.associable == policy["associable_by_customer"]
        # Each rule of the data is a rule of the table, field by field and in its order.
        assert [_raw(rule) for rule in table.rules] == policy["rules"]


def test_rules_reported_in_part_are_left_out() -> None:
    policy = {"name": "P", "complete": False, "associable_by_customer": None, "rules": [{"x": 1}]}
    assert "rules=()," in generate(json.dumps({"policies": [policy]}))


def _raw(rule: PolicyRule) -> dict[str, list[str]]:
    return {
        "apiGroups": [*rule.api_groups],
        "resources": [*rule.resources],
        "verbs": [*rule.verbs],
        "nonResourceURLs": [*rule.non_resource_urls],
        "resourceNames": [*rule.resource_names],
    }


def test_cluster_admin_allows_everything() -> None:
    assert ACCESS_POLICIES["AmazonEKSClusterAdminPolicy"].rules == (
        PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",)),
        PolicyRule(verbs=("*",), non_resource_urls=("*",)),
    )
