"""ConfigMap, RBAC, group references and logins over the wire, against the lab's API server."""

from collections.abc import Callable
from typing import Any

import pytest

from migrator.adapters.eks_token import TokenMint
from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import open_wire
from migrator.adapters.reviewers import RealReviewers
from migrator.adapters.tasks_threads import Threads
from migrator.errors import Changed, MigratorError
from migrator.model.decision import AssumeAs
from migrator.model.rbac import AccessRequest
from tests.support.scripted_api import Asked, Reply, scripted_api
from tests.support.small_lab import (
    ACCOUNT,
    ALICE,
    CLOSED,
    CLUSTER,
    MAP_ROLES,
    MAP_USERS,
    OPERATOR,
    PARTNER,
    RUNNER,
    SmallLab,
)
from tests.support.stubbed_aws import answering, identity, stubbed_session

Start = Callable[..., SmallLab]
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {
        "name": "migrator-bridge-1",
        "labels": {"app.kubernetes.io/managed-by": "eks-access-migrator"},
    },
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    },
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "bridge-1"}],
}
MAY_READ_AWS_AUTH: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reads-some"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["configmaps", "namespaces"],
                "verbs": ["get", "list"],
            },
            {
                "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["rolebindings"],
                "verbs": ["list"],
            },
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "reads-some"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "reads-some",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "team-a"}],
    },
)


def as_alice(lab: SmallLab) -> KubernetesClient:
    session = lab.session.with_profile(lab.profile(ALICE))
    return KubernetesClient(lab.wire, MintedLogin(TokenMint(session, CLUSTER)))


def reviewers(lab: SmallLab, ways: dict[str, AssumeAs] | None = None) -> RealReviewers:
    return RealReviewers(lab.session, lab.wire, CLUSTER, ways=ways)


def test_aws_auth_is_read_as_it_is(lab: SmallLab) -> None:
    raw = lab.config_maps.read()
    assert raw is not None
    assert raw["data"] == {"mapRoles": MAP_ROLES, "mapUsers": MAP_USERS}


def test_data_is_replaced_and_nothing_else(lab: SmallLab) -> None:
    raw = lab.config_maps.read()
    assert raw is not None
    version = raw["metadata"]["resourceVersion"]
    written = lab.config_maps.write_data({"mapRoles": "[]\n"}, resource_version=version)
    assert written["data"] == {"mapRoles": "[]\n"}
    assert written["metadata"]["labels"] == {"team": "a"}
    assert lab.config_maps.read() == written
    managers = {field["manager"] for field in written["metadata"].get("managedFields", [])}
    assert not managers or "eks-access-migrator" in managers


def test_another_writer_is_never_overwritten(lab: SmallLab) -> None:
    raw = lab.config_maps.read()
    assert raw is not None
    version = raw["metadata"]["resourceVersion"]
    lab.config_maps.write_data({"mapRoles": MAP_ROLES}, resource_version=version)
    for stale in (
        lambda: lab.config_maps.write_data({}, resource_version=version),
        lambda: lab.config_maps.delete(resource_version=version),
    ):
        with pytest.raises(Changed) as caught:
            stale()
        assert caught.value.code == "aws-auth-changed"


def test_a_deleted_aws_auth_is_absent_and_can_be_made_again(lab: SmallLab) -> None:
    raw = lab.config_maps.read()
    assert raw is not None
    version = raw["metadata"]["resourceVersion"]
    lab.config_maps.delete(resource_version=version)
    assert lab.config_maps.read() is None
    with pytest.raises(Changed):
        lab.config_maps.write_data({}, resource_version=version)
    with pytest.raises(Changed):
        lab.config_maps.delete(resource_version=version)
    made = lab.config_maps.create(raw)
    assert (made["data"], made["metadata"]["labels"]) == (raw["data"], {"team": "a"})
    with pytest.raises(Changed):
        lab.config_maps.create(raw)


def test_our_bindings_are_applied_read_and_deleted(lab: SmallLab) -> None:
    assert lab.rbac.read_binding("migrator-bridge-1", None) is None
    lab.rbac.apply_binding(BINDING)
    lab.rbac.apply_binding(BINDING)
    found = lab.rbac.read_binding("migrator-bridge-1", None)
    assert found is not None
    assert found["subjects"][0]["name"] == "bridge-1"
    lab.rbac.delete_binding("migrator-bridge-1", None)
    lab.rbac.delete_binding("migrator-bridge-1", None)
    assert lab.rbac.read_binding("migrator-bridge-1", None) is None


def test_binding_is_deleted_only_as_it_was_read(lab: SmallLab) -> None:
    lab.rbac.apply_binding(BINDING)
    seen = lab.rbac.read_binding("migrator-bridge-1", None)
    assert seen is not None
    other = {"kind": "Group", "name": "other", "apiGroup": "rbac.authorization.k8s.io"}
    lab.rbac.apply_binding({**BINDING, "subjects": [*BINDING["subjects"], other]})
    with pytest.raises(MigratorError) as caught:
        lab.rbac.delete_binding("migrator-bridge-1", None, seen=seen)
    assert caught.value.code == "kubernetes-conflict"
    now = lab.rbac.read_binding("migrator-bridge-1", None)
    assert now is not None
    # One that was deleted and made again is another object.
    lab.rbac.delete_binding("migrator-bridge-1", None)
    lab.rbac.apply_binding(BINDING)
    with pytest.raises(MigratorError) as caught:
        lab.rbac.delete_binding("migrator-bridge-1", None, seen=now)
    assert caught.value.code == "kubernetes-conflict"
    seen = lab.rbac.read_binding("migrator-bridge-1", None)
    lab.rbac.delete_binding("migrator-bridge-1", None, seen=seen)
    lab.rbac.delete_binding("migrator-bridge-1", None, seen=seen)
    assert lab.rbac.read_binding("migrator-bridge-1", None) is None


def test_bindings_in_namespaces_have_their_own_path(lab: SmallLab) -> None:
    binding = {
        **BINDING,
        "kind": "RoleBinding",
        "metadata": {"name": "a:b", "namespace": "default"},
    }
    lab.rbac.apply_binding(binding)
    assert lab.rbac.read_binding("a:b", "default") is not None
    assert lab.rbac.read_binding("a:b", None) is None
    lab.rbac.delete_binding("a:b", "default")
    assert lab.rbac.read_binding("a:b", "default") is None


@pytest.mark.parametrize("name", ["../../secrets", "a/b", "..", "a?b", "a%2fb", ""])
def test_names_cannot_leave_their_path(name: str, lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        lab.rbac.read_binding(name, None)
    assert caught.value.code == "name-invalid"


def test_listings_cover_more_than_one_page(start_lab: Start) -> None:
    names = [f"team-{number:04}" for number in range(1100)]
    objects = tuple(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names
    )
    lab = start_lab(objects=objects)
    assert set(names) <= set(lab.rbac.list_namespaces())


def test_nodes_are_cut_to_what_is_needed(lab: SmallLab) -> None:
    (node,) = lab.rbac.list_nodes()
    assert set(node) == {"name", "labels", "providerID"}
    assert node["labels"] == {"kubernetes.io/os": "linux"}


def test_rbac_is_read_whole(lab: SmallLab) -> None:
    rbac = lab.rbac.read_rbac()
    assert set(rbac) == {"roles", "roleBindings", "clusterRoles", "clusterRoleBindings"}
    assert "cluster-admin" in {role["metadata"]["name"] for role in rbac["clusterRoles"]}
    assert {role["kind"] for role in rbac["clusterRoles"]} == {"ClusterRole"}


def test_rbac_lists_that_may_not_be_read_are_left_out_and_told(start_lab: Start) -> None:
    lab = start_lab(objects=MAY_READ_AWS_AUTH)
    rbac = KubernetesRbac(as_alice(lab), lab.tasks).read_rbac()
    assert set(rbac) == {"roleBindings", "unread"}
    assert set(rbac["unread"]) == {"roles", "clusterRoles", "clusterRoleBindings"}
    assert "list clusterroles" in rbac["unread"]["clusterRoles"]["message"]


def test_a_caller_who_may_read_no_rbac_is_told(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        KubernetesRbac(as_alice(lab), lab.tasks).read_rbac()
    assert caught.value.code == "kubernetes-denied"


def test_a_caller_without_access_is_told_which_read(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        KubernetesConfigMaps(as_alice(lab)).read()
    assert caught.value.code == "kubernetes-denied"
    assert "get configmaps aws-auth" in caught.value.message


def test_a_caller_who_cannot_log_in_is_told(lab: SmallLab) -> None:
    session = lab.session.with_profile(lab.profile(CLOSED))
    client = KubernetesClient(lab.wire, MintedLogin(TokenMint(session, CLUSTER)))
    with pytest.raises(MigratorError) as caught:
        KubernetesConfigMaps(client).read()
    assert caught.value.code == "not-authenticated"


def test_objects_that_may_name_groups_are_read_where_the_cluster_serves_them(
    start_lab: Start,
) -> None:
    flow = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "team-a"},
        "spec": {"priorityLevelConfiguration": {"name": "exempt"}, "rules": []},
    }
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-exec"},
        "spec": {"validations": [{"expression": "'team-a' in request.userInfo.groups"}]},
    }
    argo = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-rbac-cm", "namespace": "gitops"},
        "data": {"policy.csv": "g, team-a, role:admin"},
    }
    lab = start_lab(objects=(flow, policy, argo))
    found = {
        (raw["kind"], raw["metadata"]["name"]) for raw in lab.rbac.list_group_reference_objects()
    }
    assert {
        ("FlowSchema", "team-a"),
        ("ValidatingAdmissionPolicy", "no-exec"),
        ("ConfigMap", "argocd-rbac-cm"),
    } <= found
    assert ("ConfigMap", "aws-auth") not in found


def test_a_served_kind_that_may_not_be_read_is_an_error_and_not_an_empty_list(
    start_lab: Start,
) -> None:
    lab = start_lab(objects=MAY_READ_AWS_AUTH)
    with pytest.raises(MigratorError) as caught:
        KubernetesRbac(as_alice(lab), lab.tasks).list_group_reference_objects()
    assert caught.value.code == "kubernetes-denied"


def test_kinds_are_found_by_discovery_in_whatever_version_serves_them() -> None:
    served = {
        "/apis": {
            "groups": [
                {
                    "name": "admissionregistration.k8s.io",
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                    "preferredVersion": {"version": "v1"},
                },
                {"name": "constraints.gatekeeper.sh", "versions": [{"version": "v1beta1"}]},
                {"name": "apps", "versions": [{"version": "v1"}]},
            ]
        },
        "/apis/admissionregistration.k8s.io/v1": {
            "resources": [{"name": "mutatingwebhookconfigurations", "verbs": ["get", "list"]}]
        },
        "/apis/admissionregistration.k8s.io/v1beta1": {
            "resources": [
                {"name": "mutatingwebhookconfigurations", "verbs": ["list"]},
                {"name": "validatingadmissionpolicies", "verbs": ["list"]},
                {"name": "validatingadmissionpolicies/status", "verbs": ["get"]},
            ]
        },
        "/apis/constraints.gatekeeper.sh/v1beta1": {
            "resources": [
                {"name": "k8sallowedgroups", "verbs": ["list"]},
                {"name": "writeonly", "verbs": ["create"]},
            ]
        },
    }

    def script(asked: Asked) -> Reply:
        path, _, query = asked.path.partition("?")
        if path in served:
            return 200, served[path]
        if path == "/api/v1/configmaps":
            assert "fieldSelector=metadata.name%3Dargocd-rbac-cm" in query
            return 200, {"kind": "ConfigMapList", "apiVersion": "v1", "items": []}
        return 200, {
            "kind": "ThingList",
            "apiVersion": "x/v1",
            "items": [{"metadata": {"name": path}}],
        }

    with scripted_api(script) as api:
        client = KubernetesClient(
            open_wire(Endpoint(server=api.url)), MintedLogin(TokenMint(stubbed_session(), "c"))
        )
        found = [
            raw["metadata"]["name"]
            for raw in KubernetesRbac(client, Threads(1)).list_group_reference_objects()
        ]
    assert found == [
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1beta1/validatingadmissionpolicies",
        "/apis/constraints.gatekeeper.sh/v1beta1/k8sallowedgroups",
    ]


def test_a_role_is_become_by_assuming_it(lab: SmallLab) -> None:
    reviewer = reviewers(lab).as_principal(RUNNER)
    subject = reviewer.who_am_i()
    assert subject is not None
    assert (subject.username, subject.groups) == ("ci", ("system:masters", "system:authenticated"))
    assert subject.extra["sessionName"] == ("migrate-r1",)
    assert reviewer.can(AccessRequest(verb="delete", resource="nodes"))[0] is True
    assert reviewer.can(AccessRequest(verb="get", path="/metrics"))[0] is True


def test_a_user_is_become_by_a_profile_with_its_keys(lab: SmallLab) -> None:
    reviewer = reviewers(lab, {ALICE: AssumeAs(profile=lab.profile(ALICE))}).as_principal(ALICE)
    subject = reviewer.who_am_i()
    assert subject is not None
    assert subject.username == "alice"
    allowed, _ = reviewer.can(AccessRequest(verb="get", resource="secrets", namespace="default"))
    assert allowed is False


def test_the_caller_is_itself_without_assuming_anything(lab: SmallLab) -> None:
    operator = reviewers(lab).as_principal(OPERATOR)
    assert operator.who_am_i() is not None
    assert all(effect.operation != "sts:AssumeRole" for effect in lab.lab.world.effects.all(0))


def test_reviewer_knows_the_name_of_its_session_before_any_login(lab: SmallLab) -> None:
    """The authenticator looks at it, and SelfSubjectReview tells nothing of a login that was
    refused.
    """
    ways = {ALICE: AssumeAs(profile=lab.profile(ALICE))}
    everyone = reviewers(lab, ways)
    assert everyone.as_principal(RUNNER).session_name() == "migrate-r1"
    assert everyone.as_principal(ALICE).session_name() == ""
    by_profile = reviewers(lab, {RUNNER: AssumeAs(profile=lab.profile(RUNNER))}).as_principal(
        RUNNER
    )
    for reviewer in (by_profile, everyone.as_principal(OPERATOR)):
        subject = reviewer.who_am_i()
        assert subject is not None
        assert (reviewer.session_name(),) == subject.extra["sessionName"]


def test_a_role_can_be_reached_through_another_one(start_lab: Start) -> None:
    lab = start_lab()
    subject = (
        reviewers(lab, {RUNNER: AssumeAs(assume_role=OPERATOR)}).as_principal(RUNNER).who_am_i()
    )
    assert subject is not None
    assert subject.username == "ci"


@pytest.mark.parametrize(
    "spelling", [f"arn:aws:iam::{ACCOUNT}:role/RUNNER", f"arn:aws:iam::{ACCOUNT}:role/runner"]
)
def test_ways_are_found_however_the_role_is_spelled(spelling: str, lab: SmallLab) -> None:
    found = reviewers(lab, {spelling: AssumeAs(profile=lab.profile(RUNNER))}).as_principal(RUNNER)
    assert found.who_am_i() is not None


def test_a_role_that_trusts_somebody_else_says_whom(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        reviewers(lab).as_principal(CLOSED)
    assert caught.value.code == "cannot-become"
    assert "admits: service ec2.amazonaws.com" in caught.value.why
    assert f"arn:aws:iam::{ACCOUNT}:role/operator" in caught.value.remedy
    assert "--as" in caught.value.remedy


def test_a_foreign_role_whose_trust_cannot_be_read_says_so(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        reviewers(lab).as_principal(PARTNER)
    assert caught.value.code == "cannot-become"
    assert "trust policy" in caught.value.why


@pytest.mark.parametrize(
    "arn",
    [ALICE, f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:sts::{ACCOUNT}:federated-user/x", "nonsense"],
)
def test_principals_that_nobody_can_assume_say_what_would_do(arn: str, lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        reviewers(lab).as_principal(arn)
    assert caught.value.code == "cannot-become"
    assert caught.value.why
    assert caught.value.remedy


def test_a_profile_of_somebody_else_is_refused(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        reviewers(lab, {RUNNER: AssumeAs(profile=lab.profile(ALICE))}).as_principal(RUNNER)
    assert caught.value.code == "cannot-become"
    assert ALICE in caught.value.why


def test_a_missing_profile_is_a_reason(lab: SmallLab) -> None:
    with pytest.raises(MigratorError) as caught:
        reviewers(lab, {RUNNER: AssumeAs(profile="nobody")}).as_principal(RUNNER)
    assert caught.value.code == "cannot-become"
    assert "no such AWS profile" in caught.value.why


def test_a_refused_login_is_none_and_the_next_reviewer_begins_anew(lab: SmallLab) -> None:
    everybody = reviewers(lab)
    reviewer = everybody.as_principal(RUNNER)
    assert everybody.as_principal(RUNNER) is reviewer
    raw = lab.config_maps.read()
    assert raw is not None
    lab.config_maps.write_data({}, resource_version=raw["metadata"]["resourceVersion"])
    assert reviewer.who_am_i() is None
    with pytest.raises(MigratorError) as caught:
        reviewer.can(AccessRequest(verb="get", resource="pods"))
    assert caught.value.code == "not-authenticated"
    assert everybody.as_principal(RUNNER) is not reviewer


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (
            'selfsubjectreviews.authentication.k8s.io is forbidden: User "ci" cannot create '
            "resource",
            "ci",
        ),
        ('admission webhook "policy.example.com" denied the request: not now', None),
        ("", None),
    ],
)
def test_a_login_that_may_not_ask_who_it_is_is_known_by_the_refusal_of_an_authorizer_alone(
    message: str, name: str | None
) -> None:
    session = stubbed_session()
    with (
        scripted_api(lambda _: (403, {"kind": "Status", "message": message})) as api,
        answering(session, "sts") as sts,
    ):
        sts.add_response("get_caller_identity", identity(RUNNER))
        reviewer = RealReviewers(session, open_wire(Endpoint(server=api.url)), "c").as_principal(
            RUNNER
        )
        if name is not None:
            found = reviewer.who_am_i()
            assert found is not None
            assert (found.username, found.may_ask) == (name, False)
            return
        with pytest.raises(MigratorError) as caught:
            reviewer.who_am_i()
        assert caught.value.code == "kubernetes-denied"


def test_each_login_has_a_token_of_its_own_and_its_questions_share_it() -> None:
    def script(asked: Asked) -> Reply:
        if "selfsubjectreviews" in asked.path:
            return 201, {
                "status": {"userInfo": {"username": "ci", "groups": ["a"], "extra": {"k": ["v"]}}}
            }
        return 201, {"status": {"allowed": True, "reason": "because"}}

    session = stubbed_session()
    with scripted_api(script) as api, answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(RUNNER))
        reviewer = RealReviewers(session, open_wire(Endpoint(server=api.url)), "c").as_principal(
            RUNNER
        )
        for _ in range(2):
            assert reviewer.who_am_i() is not None
            assert reviewer.can(AccessRequest("get", "", "pods", "exec", "ns", "web")) == (
                True,
                "because",
            )
    tokens = [asked.token for asked in api.asked]
    assert tokens[0] == tokens[1]
    assert tokens[2] == tokens[3]
    assert tokens[0] != tokens[2]
    assert api.asked[1].body["spec"] == {
        "resourceAttributes": {
            "verb": "get",
            "resource": "pods",
            "subresource": "exec",
            "namespace": "ns",
            "name": "web",
        }
    }


@pytest.mark.parametrize(("served", "asked_for"), [("v1", 1), ("v1beta1", 2), ("v1alpha1", 3)])
def test_older_clusters_are_asked_in_their_own_version(served: str, asked_for: int) -> None:
    def script(asked: Asked) -> Reply:
        if f"/{served}/" not in asked.path:
            return 404, {"message": "the server could not find the requested resource"}
        assert asked.body["apiVersion"] == f"authentication.k8s.io/{served}"
        return 201, {"status": {"userInfo": {"username": "ci"}}}

    session = stubbed_session()
    with scripted_api(script) as api, answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(RUNNER))
        reviewer = RealReviewers(session, open_wire(Endpoint(server=api.url)), "c").as_principal(
            RUNNER
        )
        for _ in range(2):
            subject = reviewer.who_am_i()
            assert subject is not None
            assert (subject.username, subject.groups, subject.extra) == ("ci", (), {})
    assert len(api.asked) == asked_for + 1


def test_a_cluster_without_self_reviews_is_told() -> None:
    session = stubbed_session()
    with scripted_api(lambda _: (404, {})) as api, answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(RUNNER))
        reviewer = RealReviewers(session, open_wire(Endpoint(server=api.url)), "c").as_principal(
            RUNNER
        )
        with pytest.raises(MigratorError) as caught:
            reviewer.who_am_i()
    assert caught.value.code == "self-review-missing"


def test_a_denied_answer_beats_an_allowed_one() -> None:
    answer = {"status": {"allowed": True, "denied": True, "reason": "no"}}
    session = stubbed_session()
    with scripted_api(lambda _: (201, answer)) as api, answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(RUNNER))
        reviewer = RealReviewers(session, open_wire(Endpoint(server=api.url)), "c").as_principal(
            RUNNER
        )
        assert reviewer.can(AccessRequest("get", "", "pods")) == (False, "no")
