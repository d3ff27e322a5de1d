"""Probes: which questions are asked, and that every expectation is what the authorizers would
answer.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.access.authorize import RbacIndex, authorize
from migrator.decide.access.permission_set import EVERYTHING, NOTHING
from migrator.decide.access.probes import probes_for
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.evidence import Probe
from migrator.model.rbac import AccessRequest, Binding, RbacState, Role
from tests.support import rbac_vectors
from tests.support.access import bind, groups, policy, rbac_states, role, rule, user, usernames


def _index(*items: Role | Binding) -> RbacIndex:
    return RbacIndex(
        RbacState(
            tuple(item for item in items if isinstance(item, Role)),
            tuple(item for item in items if isinstance(item, Binding)),
        )
    )


def _asked(probes: tuple[Probe, ...], *, expected: bool) -> list[AccessRequest]:
    return [probe.request for probe in probes if probe.expected is expected]


U = Identity("u", (), "config-map")


def test_each_rule_at_each_scope_is_asked_for() -> None:
    rules = [
        rule("list", kind, group)
        for kind in ("pods", "secrets", "widgets")
        for group in ("core", "x.io", "y.io")
    ]
    index = _index(
        role("r", *rules),
        bind("a", "r", user("u"), namespace="dev"),
        bind("b", "r", user("u"), namespace="prod"),
    )
    asked = _asked(probes_for(U, index, limit=60), expected=True)
    for request_namespace in ("dev", "prod"):
        for wanted in rules:
            request = AccessRequest(
                "list", wanted.api_groups[0], wanted.resources[0], namespace=request_namespace
            )
            assert request in asked


def test_a_tight_limit_still_covers_every_scope_first() -> None:
    rules = [rule("list", f"kind{n}", "x.io") for n in range(40)]
    bindings = [bind(f"b{n}", "r", user("u"), namespace=f"ns{n}") for n in range(8)]
    probes = probes_for(U, _index(role("r", *rules), *bindings), limit=12)
    assert len(probes) == 12
    asked = _asked(probes, expected=True)
    assert {request.namespace for request in asked} == {f"ns{n}" for n in range(8)}
    assert len({request.resource for request in asked}) == len(
        asked
    )  # and a different rule each time


def test_a_wildcard_is_asked_for_what_matters_most() -> None:
    asked = _asked(probes_for(EVERYTHING), expected=True)
    for wanted in (
        AccessRequest("get", "", "secrets"),
        AccessRequest("create", "", "pods", "exec"),
        AccessRequest("impersonate", "", "users"),
        AccessRequest("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        AccessRequest("bind", "rbac.authorization.k8s.io", "clusterroles"),
        AccessRequest("list", "", "nodes"),
        AccessRequest("*", "*", "*"),
    ):
        assert wanted in asked
    assert any(request.path for request in asked)


def test_installed_custom_resources_are_asked_for_under_a_wildcard() -> None:
    asked = _asked(
        probes_for(EVERYTHING, custom_resources=[("cert-manager.io", "certificates")]),
        expected=True,
    )
    assert AccessRequest("list", "cert-manager.io", "certificates") in asked


def test_whoever_may_do_everything_has_no_negative_probe() -> None:
    assert _asked(probes_for(EVERYTHING), expected=False) == []


def test_inside_a_namespace_no_cluster_wide_kind_is_asked_for() -> None:
    login = Identity("u", (), "access-entry", (policy("AmazonEKSClusterAdminPolicy", "dev"),))
    asked = _asked(probes_for(login, _index()), expected=True)
    assert asked and not {"nodes", "users", "clusterroles", "namespaces"} & {
        request.resource for request in asked
    }
    assert {request.namespace for request in asked} == {"dev"}


def test_negative_probes_are_one_step_out() -> None:
    index = _index(
        role("r", rule("get list", "secrets", names="a")),
        bind("b", "r", user("u"), namespace="dev"),
    )
    asked = _asked(probes_for(U, index, namespaces=["dev", "prod"]), expected=False)
    inside = AccessRequest("get", "", "secrets", namespace="dev", name="a")
    for wanted in (
        AccessRequest("get", "", "secrets", namespace="prod", name="a"),
        AccessRequest("get", "", "secrets", name="a"),
        AccessRequest("delete", "", "secrets", namespace="dev", name="a"),
        AccessRequest("get", "", "secrets", namespace="dev", name="a-migrator-probe"),
        AccessRequest("create", "", "pods", "exec"),
    ):
        assert wanted in asked
    assert inside not in asked


def test_urls_are_asked_for_and_stepped_out_of() -> None:
    index = _index(
        role("r", rule("get", "", urls="/healthz/*"), rule("*", "", urls="/x")),
        bind("b", "r", user("u")),
    )
    probes = probes_for(U, index)
    assert {request.path for request in _asked(probes, expected=True)} == {
        "/healthz/migrator-probe",
        "/x",
    }
    assert AccessRequest("get", path="/healthz/migrator-probe") in _asked(probes, expected=True)
    assert AccessRequest("delete", path="/healthz/migrator-probe") in _asked(probes, expected=False)
    assert AccessRequest("get", path="/x-migrator-probe") in _asked(probes, expected=False)


def test_url_rules_inside_a_namespace_ask_nothing() -> None:
    index = _index(
        role("r", rule("get", "", urls="/healthz")), bind("b", "r", user("u"), namespace="dev")
    )
    assert _asked(probes_for(U, index), expected=True) == []


def test_a_wildcard_namespace_is_asked_by_one_that_exists() -> None:
    login = Identity("u", (), "access-entry", (policy("AmazonEKSSecretReaderPolicy", "dev-*"),))
    existing = _asked(
        probes_for(login, _index(), namespaces=["prod", "dev-b", "dev-a"]), expected=True
    )
    assert {request.namespace for request in existing} == {"dev-a"}
    made_up = _asked(probes_for(login, _index()), expected=True)
    assert {request.namespace for request in made_up} == {"dev-migrator-probe"}


def test_all_namespaces_leave_nothing_elsewhere_but_the_cluster() -> None:
    login = Identity("u", (), "access-entry", (policy("AmazonEKSSecretReaderPolicy", "*"),))
    denied = _asked(probes_for(login, _index()), expected=False)
    assert AccessRequest("get", "", "secrets") in denied


def test_nothing_is_expected_where_an_opaque_policy_could_decide() -> None:
    login = Identity("u", (), "access-entry", (policy("AmazonEKSNetworkingPolicy"),))
    index = _index(role("r", rule("get", "pods")), bind("b", "r", user("u"), namespace="dev"))
    probes = probes_for(login, index)
    assert _asked(probes, expected=True) and not _asked(probes, expected=False)
    assert probes_for(Identity("u", (), "config-map"), None) == ()


def test_whoever_may_do_nothing_is_asked_what_matters_most() -> None:
    for nobody in (NOTHING, NOBODY):
        probes = probes_for(nobody, _index(), limit=10)
        assert len(probes) == 10 and not any(probe.expected for probe in probes)


def test_a_template_is_asked_as_a_login_that_nobody_names() -> None:
    index = _index(
        role("r", rule("get", "pods")), bind("b", "r", user("dev:alice"), namespace="dev")
    )
    assert (
        _asked(probes_for(Identity("dev:{{SessionName}}", (), "config-map"), index), expected=True)
        == []
    )
    assert _asked(probes_for(Identity("dev:alice", (), "config-map"), index), expected=True)


def test_rules_that_match_no_request_are_not_asked_for() -> None:
    index = _index(role("r", rule("", "pods"), rule("get", "")), bind("b", "r", user("u")))
    assert _asked(probes_for(U, index), expected=True) == []


@pytest.mark.parametrize("limit", [0, 1, 4, 30])
def test_the_limit_holds_and_leaves_room_for_both_answers(limit: int) -> None:
    probes = probes_for(
        Identity("u2", ("g1",), "config-map"), RbacIndex(rbac_vectors.state()), limit=limit
    )
    assert len(probes) == limit
    if limit >= 4:
        assert {probe.expected for probe in probes} == {True, False}


@given(rbac_states, usernames, groups, st.integers(0, 40), st.booleans())
def test_expectations_are_what_the_authorizers_answer(
    state: RbacState, username: str, names: tuple[str, ...], limit: int, with_policy: bool
) -> None:
    policies = (policy("AmazonEKSEditPolicy", "dev-*", "prod"),) if with_policy else ()
    login, index = Identity(username, names, "config-map", policies), RbacIndex(state)
    probes = probes_for(login, index, limit=limit, namespaces=["dev", "dev-a", "other"])
    assert len(probes) <= limit and len(set(probes)) == len(probes)
    for probe in probes:
        assert authorize(index, username, names, policies, probe.request)[0] is probe.expected
    again = RbacIndex(RbacState(state.roles, state.bindings))
    assert probes_for(login, again, limit=limit, namespaces=["dev", "dev-a", "other"]) == probes
