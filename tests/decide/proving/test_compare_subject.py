"""A request whose answer shows an access policy at work."""

from migrator.decide.access.access_policies import policy_allows
from migrator.decide.proving.compare_subject import policy_probe
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.access_policy_tables import ACCESS_POLICIES
from tests.support.worlds import VIEW_POLICY, in_namespaces, on_cluster


def test_every_published_policy_has_a_probe_that_it_allows_and_no_other_has() -> None:
    for name, table in ACCESS_POLICIES.items():
        policy = AssociatedPolicy(f"arn:aws:eks::aws:cluster-access-policy/{name}")
        probe = policy_probe(policy)
        assert (probe is not None) == (table.exact and any(rule.resources for rule in table.rules))
        assert probe is None or policy_allows((policy,), probe)[0] is True
    assert (
        policy_probe(on_cluster("arn:aws:eks::aws:cluster-access-policy/AmazonEKSMadeUpPolicy"))
        is None
    )


def test_a_policy_of_namespaces_is_asked_about_one_that_is_named_in_full() -> None:
    probe = policy_probe(in_namespaces(VIEW_POLICY, "dev-*", "shop"))
    assert probe is not None
    assert probe.namespace == "shop"
    assert policy_probe(in_namespaces(VIEW_POLICY, "dev-*")) is None
