"""A request whose answer shows an access policy at work."""

from migrator.decide.access.access_policies import policy_allows
from migrator.decide.proving.compare_subject import compare_subject, policy_probe
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.evidence import SelfSubject
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


def subject(name: str, *groups: str, **extra: str) -> SelfSubject:
    return SelfSubject(name, groups, {key: (value,) for key, value in extra.items()})


def test_log_in_that_was_refused_differs() -> None:
    assert compare_subject("x", (), None) == ("the login was refused",)


def test_log_in_that_is_as_it_should_be_does_not_differ() -> None:
    found = subject("dev:jo-x", "devs", "system:authenticated", sessionName="jo@x")
    assert compare_subject("dev:{{SessionName}}", ("devs", ""), found) == ()
    assert compare_subject("dev:{{SessionNameRaw}}", ("devs",), found) != ()


def test_access_key_in_a_name_is_the_one_of_the_session() -> None:
    found = subject("AKIA1", accessKeyId="AKIA1")
    assert compare_subject("{{AccessKeyID}}", (), found) == ()
    assert compare_subject("{{AccessKeyID}}", (), subject("AKIA2", accessKeyId="AKIA1")) != ()


def test_name_of_a_session_that_is_not_shown_is_compared_by_its_shape() -> None:
    assert compare_subject("dev:{{SessionName}}", (), subject("dev:jo")) == ()
    assert compare_subject("dev:{{SessionName}}", (), subject("ops:jo")) == (
        "the username is 'ops:jo', not 'dev:{{SessionName}}'",
    )


def test_login_that_may_not_ask_is_right_only_without_the_group_of_every_login() -> None:
    """Kubernetes, "Default roles and role bindings": system:authenticated may ask who it is."""
    unseen = SelfSubject("dev", (), may_ask=False)
    assert compare_subject("dev", ("system:unauthenticated", "devs"), unseen) == ()
    assert compare_subject("ops", ("system:unauthenticated",), unseen) == (
        "the username is 'dev', not 'ops'",
    )
    (told,) = compare_subject("dev", ("devs",), unseen)
    assert "its groups were not seen" in told


def test_group_that_is_missing_and_group_that_should_not_be_there_are_named() -> None:
    assert compare_subject("x", ("devs",), subject("x", "ops")) == (
        "the group 'devs' is missing",
        "the group 'ops' is there and should not be",
    )


def test_group_without_a_name_is_no_difference() -> None:
    # What a row of `groups: [""]` gives, in which no binding can name anything.
    found = SelfSubject("ci", ("", "system:authenticated"))
    assert compare_subject("ci", (), found) == ()
