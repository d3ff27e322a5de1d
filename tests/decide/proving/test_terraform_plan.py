"""What a Terraform plan would do to access is found, with the resource's address; a plan that does
nothing wrong is not refused.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.app.generate import CheckTerraformRequest, check_terraform
from migrator.errors import MigratorError
from migrator.model.access_entry import EntrySpec
from migrator.model.plan import Plan
from migrator.model.terraform_plan import TerraformVerdict
from tests.support.plans import CLUSTER_ADMIN, VIEW, cluster, plan, principal, role
from tests.support.terraform_documents import (
    ENTRY,
    NAMED_AWS_AUTH,
    POLICY,
    ROW,
    association,
    change,
    entry,
    faults,
    judged,
    of,
    planned,
    with_rows,
)

FOLDER = Path(__file__).parents[2] / "data" / "terraform_plans"
DEV = "aws_eks_access_entry.role_dev"
ADMIN = "aws_eks_access_policy_association.role_admin"
EKS = "module.eks.aws_eks_cluster.this[0]"
FOUND = {
    "association-destroyed": {(ADMIN, "association-destroyed")},
    "aws-auth-destroyed": {
        ("module.eks.kubernetes_config_map.aws_auth[0]", "aws-auth-destroyed"),
    },
    "clean-entry-made-as-planned": set(),
    "clean-import-and-forget": set(),
    "clean-no-change": set(),
    "cluster-replaced": {(EKS, "cluster-replaced")},
    "entry-destroyed": {(DEV, "entry-destroyed")},
    "groups-changed": {(DEV, "groups-dropped"), (DEV, "groups-added")},
    "mode-switched": {(EKS, "mode-changed")},
    "policy-narrowed": {(ADMIN, "association-replaced"), (ADMIN, "policy-narrowed")},
    "policy-widened": {("aws_eks_access_policy_association.role_view", "policy-widened")},
    "type-changed": {(DEV, "entry-replaced"), (DEV, "type-changed")},
    "username-dropped": {
        (f'module.eks_cluster.aws_eks_access_entry.map["{role("dev")}"]', "username-dropped"),
    },
}


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("name", sorted(FOUND))
def test_recorded_document_is_refused_for_what_it_does(name: str) -> None:
    verdict = judged(document(name))
    assert faults(verdict) == FOUND[name]
    assert verdict.judged >= 4


def test_each_recorded_document_is_judged_by_a_test() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(FOUND)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (change(ENTRY, None, entry("dev", user_name="dev")), "groups-dropped"),
        (change(ENTRY, None, entry("skipped")), "entry-not-planned"),
        (
            change(ENTRY, entry("dev", user_name="dev"), entry("dev", user_name="other")),
            "username-changed",
        ),
        (
            change(ENTRY, entry("dev"), entry("dev"), after_unknown={"user_name": True}),
            "value-unknown",
        ),
        (
            change(ENTRY, entry("other", user_name="x"), entry("other", user_name="y")),
            "username-changed",
        ),
        (change(ENTRY, entry("other"), None), "entry-destroyed"),
        (change(ENTRY, None, entry("unnamed", user_name="n")), "username-changed"),
        (change(POLICY, None, association("dev", "cluster")), "policy-widened"),
        (change(POLICY, None, association("view", "namespace", "a", "shop")), "policy-widened"),
        (change(POLICY, None, association("view", "namespace", "a")), "policy-changed"),
        (
            change(POLICY, None, {**association("view", "cluster"), "access_scope": None}),
            "value-unknown",
        ),
        (
            change(POLICY, association("other", "cluster"), association("other", "namespace", "a")),
            "policy-narrowed",
        ),
        (
            change(
                "kubernetes_config_map_v1",
                {"metadata": [{"name": "aws-auth", "namespace": "kube-system"}], "data": {"a": ""}},
                {"metadata": [{"name": "aws-auth", "namespace": "kube-system"}], "data": {}},
            ),
            "aws-auth-changed",
        ),
        (change("aws_eks_cluster", {"name": "prod"}, None), "cluster-destroyed"),
    ],
)
def test_change_is_named_by_its_fault(found: dict[str, Any], fault: str) -> None:
    assert fault in {each.fault for each in judged(found).problems}


@pytest.mark.parametrize(
    "found",
    [
        # A change that leads to what the plan has.
        change(
            ENTRY,
            entry("dev", user_name="old", kubernetes_groups=["old", "devs"]),
            entry("dev", user_name="dev", kubernetes_groups=["devs"]),
        ),
        # The name that EKS gives is the one that the plan leaves to it.
        change(
            ENTRY,
            None,
            entry("unnamed", kubernetes_groups=["devs"]),
            after_unknown={"user_name": True},
        ),
        # Principals that the plan does not have.
        change(ENTRY, None, entry("other", user_name="x")),
        change(POLICY, None, association("other", "cluster")),
        # EKS sets what node types are called.
        change(ENTRY, None, entry("other", type="EC2_LINUX")),
        change(ENTRY, entry("other", tags={"a": "b"}), entry("other", tags={})),
        # Resources that say nothing about access.
        change("aws_iam_role", {"name": "x"}, None),
        change("kubernetes_config_map", {"metadata": [{"name": "x", "namespace": "y"}]}, None),
    ],
)
def test_change_that_takes_nothing_is_not_refused(found: dict[str, Any]) -> None:
    assert judged(found).problems == ()


def test_entry_that_is_made_without_its_policy_is_named() -> None:
    found = change(ENTRY, None, entry("view", user_name="view"))
    [problem] = judged(found).problems
    assert (problem.fault, VIEW in problem.what) == ("policy-missing", True)


def test_resources_of_another_cluster_are_named_and_not_judged() -> None:
    found = change(ENTRY, {**entry("dev"), "cluster_name": "stage"}, None)
    assert judged(found) == TerraformVerdict((), 0, ("stage",), named=False)


def test_deposed_association_disassociates_the_policy_that_is_there() -> None:
    found = change(POLICY, association("view", "namespace", "shop"), None)
    found["resource_changes"][0]["deposed"] = "a1b2c3d4"
    assert {each.fault for each in judged(found).problems} == {"association-destroyed"}


@pytest.mark.parametrize(
    ("data", "unknown", "said"),
    [
        ({"mapRoles": "[]"}, {}, {"aws-auth-changed"}),
        ({"mapRoles": ROW + ROW.replace("/dev", "/x")}, {}, {"aws-auth-changed"}),
        ({"mapAccounts": "['999988887777']"}, {}, {"aws-auth-changed"}),
        ({}, {"data": True}, {"value-unknown"}),
        ({}, {"data": {"mapRoles": True}}, {"value-unknown"}),
        # The rows that are there, in another layout; and a section that is left as it is.
        ({"mapRoles": ROW + "# the same\n"}, {}, set()),
        ({"mapUsers": "[]"}, {}, set()),
    ],
)
def test_making_the_data_of_aws_auth_overwrites_the_rows_that_are_there(
    data: dict[str, str], unknown: dict[str, Any], said: set[str]
) -> None:
    after = {**NAMED_AWS_AUTH, "data": data, "force": True}
    found = change("kubernetes_config_map_v1_data", None, after, after_unknown=unknown)
    assert of(found, with_rows(mapRoles=ROW)) == said


def test_aws_auth_of_a_cluster_in_api_mode_gives_no_access() -> None:
    found = change("kubernetes_config_map", {**NAMED_AWS_AUTH, "data": {}}, None)
    assert of(found) == {"aws-auth-destroyed"}
    assert of(found, plan(cluster=cluster(authentication_mode="API"))) == set()


@pytest.mark.parametrize(
    ("kind", "side", "said"),
    [
        (ENTRY, entry("dev", user_name="nobody", kubernetes_groups=["devs"]), "username-changed"),
        (ENTRY, entry("skipped"), "entry-not-planned"),
        (POLICY, association("view", "cluster"), "policy-widened"),
    ],
)
def test_resource_that_is_moved_is_judged_on_both_clusters(
    kind: str, side: dict[str, Any], said: str
) -> None:
    there = {**side, "cluster_name": "stage"}
    replaced = {"actions": ["delete", "create"], "replace_paths": [["cluster_name"]]}
    comes = judged(change(kind, there, side, **replaced))
    assert {each.fault for each in comes.problems} == {said}
    assert comes.others == ("stage",)
    # What it becomes on the other cluster is that cluster's affair.
    goes = judged(change(kind, side, there, **replaced))
    assert [each.fault.rpartition("-")[2] for each in goes.problems] == ["destroyed"]


@pytest.mark.parametrize("name", ["cluster_name", "principal_arn", "policy_arn"])
@pytest.mark.parametrize("side", [entry("dev", user_name="root"), association("dev", "cluster")])
def test_resource_of_which_it_is_not_known_what_it_is_for_is_unknown(
    name: str, side: dict[str, Any]
) -> None:
    kind = POLICY if "policy_arn" in side else ENTRY
    known = {key: value for key, value in side.items() if key != name}
    if known != side:
        assert of(change(kind, None, known, after_unknown={name: True})) == {"value-unknown"}


@pytest.mark.parametrize("kind", [ENTRY, POLICY])
def test_resource_of_which_nothing_is_known_is_unknown(kind: str) -> None:
    found = change(kind, None, None, after_unknown=True)
    found["resource_changes"] += change("aws_eks_cluster", {"name": "prod"}, {"name": "prod"})[
        "resource_changes"
    ]
    assert of(found) == {"value-unknown"}


def with_code(found: dict[str, Any], **expressions: Any) -> dict[str, Any]:  # noqa: ANN401
    """The document with the code of its resource, in a module that is called by key."""
    [resource] = found["resource_changes"]
    resource["address"] = f'module.a["x.y]"].{resource["type"]}.this[0]'
    code = {"address": f"{resource['type']}.this", "expressions": expressions}
    called = {"a": {"module": {"resources": [code]}}}
    return {**found, "configuration": {"root_module": {"module_calls": called}}}


@pytest.mark.parametrize(
    ("expressions", "unknown", "said"),
    [
        ({}, {"user_name": True}, set()),
        ({"user_name": {"constant_value": None}}, {"user_name": True}, set()),
        ({"user_name": {"references": ["x.y"]}}, {"user_name": True}, {"value-unknown"}),
        ({}, {"kubernetes_groups": [True]}, {"value-unknown"}),
        ({"kubernetes_groups": {"references": ["x"]}}, {"kubernetes_groups": [False]}, set()),
    ],
)
def test_value_of_an_entry_that_is_made_is_unknown_where_the_code_gives_it(
    expressions: dict[str, Any], unknown: dict[str, Any], said: set[str]
) -> None:
    made = entry("unnamed", kubernetes_groups=["devs"])
    found = with_code(change(ENTRY, None, made, after_unknown=unknown), **expressions)
    assert of(found) == said
    # EKS sets both for nodes, and takes them from no caller.
    nodes = plan(principal(role("unnamed"), entry=EntrySpec("EC2_LINUX")))
    node = with_code(
        change(ENTRY, None, {**made, "type": "EC2_LINUX"}, after_unknown=unknown), **expressions
    )
    assert of(node, nodes) == set()


@pytest.mark.parametrize("kind", ["aws_iam_role", "aws_iam_user", "awscc_iam_role"])
def test_principal_behind_an_entry_may_not_be_destroyed(kind: str) -> None:
    before, after = {"arn": role("dev")}, {"name": "dev"}
    assert of(change(kind, before, None)) == {"principal-destroyed"}
    replaced = change(kind, before, after, actions=["delete", "create"])
    assert of(replaced) == {"principal-replaced"}
    assert of(change(kind, before, before)) == set()
    # Without an entry in the plan or in the state, no access depends on it.
    for name in ("skipped", "other"):
        assert of(change(kind, {"arn": role(name)}, None)) == set()
    known = change(kind, {"arn": role("other")}, None)
    known["resource_changes"] += change(ENTRY, entry("other"), entry("other"))["resource_changes"]
    assert of(known) == {"principal-destroyed"}


def subjects(*names: str) -> dict[str, Any]:
    return {"subject": [{"kind": "Group", "name": name, "api_group": "rbac"} for name in names]}


@pytest.mark.parametrize(
    ("name", "path", "fault"),
    [
        ("dev", "/", set()),
        ("developer", "/", {"principal-renamed"}),
        ("dev", "/teams/", {"principal-renamed"}),
        (None, "/", {"principal-renamed"}),
    ],
)
def test_user_that_gets_another_name_or_path_loses_its_entry(
    name: str | None, path: str, fault: set[str]
) -> None:
    """Its ARN in the document is the one before: the provider computes it."""
    arn = "arn:aws:iam::111122223333:user/dev"
    before = {"arn": arn, "name": "dev", "path": "/"}
    found = change(
        "aws_iam_user",
        before,
        {"arn": arn, "name": name, "path": path},
        after_unknown={"name": name is None},
    )
    assert of(found, plan(principal(arn))) == fault
    assert of(found, plan(principal(arn.replace("dev", "other")))) == set()


@pytest.mark.parametrize("kind", ["kubernetes_cluster_role_binding", "kubernetes_role_binding_v1"])
def test_binding_of_a_group_of_the_plan_may_not_lose_it(kind: str) -> None:
    both = subjects("devs", "x")
    assert of(change(kind, both, None)) == {"binding-destroyed"}
    assert of(change(kind, both, both, actions=["create", "delete"])) == {"binding-replaced"}
    assert of(change(kind, both, subjects("x"))) == {"binding-changed"}
    assert of(change(kind, both, subjects("devs"))) == set()
    assert of(change(kind, subjects("x"), None)) == set()
    assert of(change(kind, None, both)) == {"binding-added"}


@pytest.mark.parametrize(
    ("groups", "unknown", "made"),
    [([None, "devs"], [True, False], False), ([None], [True], True)],
)
def test_element_that_is_known_later_is_unknown_and_not_malformed(
    groups: list[str | None], unknown: list[bool], made: bool
) -> None:
    after = entry("dev", user_name="dev", kubernetes_groups=groups)
    before = None if made else entry("dev", user_name="dev", kubernetes_groups=["devs"])
    found = change(ENTRY, before, after, after_unknown={"kubernetes_groups": unknown})
    assert of(found) == {"value-unknown"}
    scope = [{"type": "namespace", "namespaces": [None]}]
    part = {"access_scope": [{"namespaces": [True]}]}
    scoped = {**association("view", "namespace"), "access_scope": scope}
    assert of(change(POLICY, None, scoped, after_unknown=part)) == {"value-unknown"}


CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "aws-auth", "namespace": "kube-system"},
    "data": {"mapRoles": ROW},
}
ROLE_BINDING = {
    "kind": "RoleBinding",
    "metadata": {"name": "x"},
    "subjects": [{"kind": "Group", "name": "devs"}],
}


def as_manifest(found: dict[str, Any] | None) -> dict[str, Any] | None:
    return found and {"manifest": found}


def as_yaml(found: dict[str, Any] | None) -> dict[str, Any] | None:
    return found and {"yaml_body": json.dumps(found)}


@pytest.mark.parametrize(
    ("kind", "form"), [("kubernetes_manifest", as_manifest), ("kubectl_manifest", as_yaml)]
)
def test_manifest_is_the_object_that_it_has(
    kind: str, form: Callable[[dict[str, Any] | None], dict[str, Any] | None]
) -> None:
    def said(before: dict[str, Any] | None, after: dict[str, Any] | None) -> set[str]:
        return of(change(kind, form(before), form(after)), with_rows(mapRoles=ROW))

    other = {**CONFIG_MAP, "data": {"mapRoles": "[]"}}
    assert said(CONFIG_MAP, None) == {"aws-auth-destroyed"}
    assert said(CONFIG_MAP, other) == said(None, other) == {"aws-auth-changed"}
    assert said(None, CONFIG_MAP) == said(CONFIG_MAP, CONFIG_MAP) == set()
    assert said(ROLE_BINDING, None) == {"binding-destroyed"}
    assert said({**ROLE_BINDING, "kind": "Deployment"}, None) == set()
    # Terraform makes texts of numbers, in a ConfigMap of another name as well.
    assert said({**CONFIG_MAP, "metadata": {"name": "aws-auth"}, "data": {"a": 1}}, None) == set()
    unknown = {"manifest": {"data": {"mapRoles": True}}, "yaml_body": True}
    later = change(kind, form(CONFIG_MAP), form(other), after_unknown=unknown)
    assert of(later) == {"value-unknown"}


@pytest.mark.parametrize("known", [{}, {"manifest": None, "yaml_body": None}, {"yaml_body": "["}])
@pytest.mark.parametrize(
    ("kind", "form"), [("kubernetes_manifest", as_manifest), ("kubectl_manifest", as_yaml)]
)
def test_manifest_that_cannot_be_read_does_not_stay_as_it_is(
    kind: str,
    form: Callable[[dict[str, Any] | None], dict[str, Any] | None],
    known: dict[str, Any],
) -> None:
    unknown = {"manifest": True, "yaml_body": True}
    assert of(change(kind, form(CONFIG_MAP), known, after_unknown=unknown)) == {"value-unknown"}
    assert of(change(kind, form(CONFIG_MAP), known)) == {"aws-auth-changed"}
    assert of(change(kind, form(ROLE_BINDING), known)) == {"binding-changed"}


@pytest.mark.parametrize(
    "before", [ROLE_BINDING, {**CONFIG_MAP, "metadata": {"name": "x", "namespace": "kube-system"}}]
)
def test_object_that_becomes_aws_auth_is_made(before: dict[str, Any]) -> None:
    after = {**CONFIG_MAP, "data": {"mapRoles": "[]"}}
    replaced = {"actions": ["delete", "create"]}
    value = with_rows(mapRoles=ROW)
    comes = change("kubernetes_manifest", as_manifest(before), as_manifest(after), **replaced)
    assert "aws-auth-changed" in of(comes, value)
    assert "aws-auth-replaced" not in of(comes, value)
    goes = change("kubernetes_manifest", as_manifest(after), as_manifest(before), **replaced)
    assert of(goes, value) & {"aws-auth-destroyed", "aws-auth-replaced"}


@pytest.mark.parametrize(
    ("inside", "override", "fault"),
    [
        ("kube-system", None, "aws-auth-changed"),
        (None, "kube-system", "aws-auth-changed"),
        ("other", "kube-system", "aws-auth-changed"),
        ("kube-system", "other", ""),
        (None, None, ""),
    ],
)
def test_manifest_is_in_the_namespace_that_its_resource_says(
    inside: str | None, override: str | None, fault: str
) -> None:
    metadata = {"name": "aws-auth", "namespace": inside}
    body = json.dumps({"kind": "ConfigMap", "metadata": metadata, "data": {"mapRoles": "[]"}})
    values = {"yaml_body": body, "override_namespace": override}
    assert of(change("kubectl_manifest", None, values), with_rows(mapRoles=ROW)) == {fault} - {""}


def test_manifest_of_which_the_namespace_comes_later_is_named() -> None:
    body = json.dumps({"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {}})
    later = {"override_namespace": True}
    found = change("kubectl_manifest", None, {"yaml_body": body}, after_unknown=later)
    [each] = judged(found).unjudged
    assert "may be aws-auth" in each.why


@pytest.mark.parametrize("text", ["aws-auth: [", "aws-auth", "a: aws-auth\n---\nb: 1\n", "- 1"])
def test_text_that_is_no_manifest_is_no_object_that_is_judged(text: str) -> None:
    assert judged(change("kubectl_manifest", {"yaml_body": text}, None)).judged == 0


CLOUD_ENTRY = "awscc_eks_access_entry"


def cloud_entry(policy: str | None = VIEW, **more: object) -> dict[str, Any]:
    scope = {"type": "namespace", "namespaces": ["shop"]}
    policies = [{"policy_arn": policy, "access_scope": scope}] if policy else None
    return {**entry("view"), "username": "view", "access_policies": policies, **more}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (cloud_entry(), None, {"entry-destroyed", "association-destroyed"}),
        (cloud_entry(), cloud_entry(), set()),
        (None, cloud_entry(), {"entry-before-policy"}),
        (None, cloud_entry(None), {"policy-missing"}),
        (None, cloud_entry(username="other"), {"entry-before-policy", "username-changed"}),
        (cloud_entry(), cloud_entry(None), {"association-destroyed"}),
        (cloud_entry(), cloud_entry(kubernetes_groups=["x"]), {"groups-added"}),
        (
            cloud_entry(),
            cloud_entry(CLUSTER_ADMIN),
            {"association-destroyed", "policy-widened"},
        ),
    ],
)
def test_entry_of_the_cloud_control_provider_is_judged_with_its_policies(
    before: dict[str, Any] | None, after: dict[str, Any] | None, said: set[str]
) -> None:
    assert of(change(CLOUD_ENTRY, before, after)) == said


@pytest.mark.parametrize("name", ["access_policies", "username"])
def test_what_the_cloud_control_provider_knows_later_is_unknown(name: str) -> None:
    found = change(CLOUD_ENTRY, cloud_entry(), cloud_entry(), after_unknown={name: True})
    assert of(found) == {"value-unknown"}
    made = plan(principal(role("view"), entry=EntrySpec()))
    code = {name: {"references": ["x"]}}
    later = change(CLOUD_ENTRY, None, entry("view"), after_unknown={name: True})
    assert of(with_code(later, **code), made) == {"value-unknown"}


def test_cluster_of_the_cloud_control_provider_is_judged() -> None:
    before = {"name": "prod", "access_config": {"authentication_mode": "API_AND_CONFIG_MAP"}}
    after = {"name": "prod", "access_config": {"authentication_mode": "API"}}
    kind = "awscc_eks_cluster"
    assert of(change(kind, before, after)) == {"mode-changed"}
    assert of(change(kind, before, before, actions=["delete", "create"])) == {"cluster-replaced"}
    assert of(change(kind, {"name": "prod"}, {"name": "prod"})) == set()


ELSEWHERE = "arn:aws:eks:us-east-1:999988887777"


@pytest.mark.parametrize(
    ("kind", "side"),
    [
        (ENTRY, entry("dev", access_entry_arn=f"{ELSEWHERE}:access-entry/prod/role/1/dev/2")),
        (ENTRY, entry("dev", region="us-east-1")),
        (POLICY, {**association("view", "cluster"), "region": "us-east-1"}),
        ("aws_eks_cluster", {"name": "prod", "arn": f"{ELSEWHERE}:cluster/prod"}),
        ("aws_eks_cluster", {"name": "prod", "arn": "arn:aws:eks:eu-west-1:1:cluster/prod"}),
    ],
)
def test_cluster_of_the_same_name_elsewhere_is_another_one(kind: str, side: dict[str, Any]) -> None:
    found = change(kind, side, None)
    verdict = judged(found)
    assert (verdict.problems, verdict.judged) == ((), 0)
    [other] = verdict.others
    assert other.startswith("prod in ")
    code, said = _code(json.dumps(found).encode())
    assert (code, other in said) == ("terraform-plan-other-cluster", True)


def test_association_beside_a_namesake_does_not_show_which_cluster_it_is_of() -> None:
    """The AWS provider says no ARN of an association, and no Region before its version 6."""
    side = association("view", "namespace", "shop")
    found = change(POLICY, side, side, actions=["no-op"])
    assert judged(found).named
    there = {"name": "prod", "arn": f"{ELSEWHERE}:cluster/prod"}
    here = {"name": "prod", "arn": planned().cluster.arn}
    found["resource_changes"] += change("aws_eks_cluster", there, there)["resource_changes"]
    assert _code(json.dumps(found).encode())[0] == "terraform-plan-other-cluster"
    found["resource_changes"] += change("aws_eks_cluster", here, here)["resource_changes"]
    assert judged(found).named


def test_aws_auth_alone_does_not_show_which_cluster_it_is_of() -> None:
    same = {**NAMED_AWS_AUTH, "data": {}}
    found = change("kubernetes_config_map", same, same, actions=["no-op"])
    code, said = _code(json.dumps(found).encode())
    assert (code, "kubernetes_config_map.x" in said) == ("terraform-plan-cluster-unknown", True)


@pytest.mark.parametrize("actions", [[], ["destroy"], ["delete", "recreate"]])
def test_action_that_is_not_known_is_malformed(actions: list[str]) -> None:
    found = change(ENTRY, entry("dev"), None, actions=actions)
    code, said = _code(json.dumps(found).encode())
    assert (code, f"{ENTRY}.x: actions that are not known" in said) == (
        "terraform-plan-malformed",
        True,
    )


def _code(content: bytes, value: Plan | None = None) -> tuple[str, str]:
    with pytest.raises(MigratorError) as caught:
        check_terraform(
            CheckTerraformRequest(plan=value or planned(), content=content, name="tfplan.json")
        )
    return caught.value.code, f"{caught.value.message} {caught.value.why}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"PK\x03\x04tfplan", "the plan file itself"),
        (b'{"@level":"info","type":"version"}\n{"@level":"info"}\n', "terraform plan -json"),
        (b"[]", "Expected `object`"),
        (b'{"format_version": "2.0", "resource_changes": []}', "format_version is 2.0"),
        (b'{"format_version": "1.0", "values": {}}', "It is a state"),
        (b'{"format_version": "1.0"}', "neither"),
        (b'{"format_version": 1, "resource_changes": []}', "format_version"),
        (b'{"format_version": "1.2", "resource_changes": [{"address": 1}]}', "address"),
        (b'{"format_version": "1.2", "resource_changes": {"a": 1}}', "resource_changes"),
        (b"[" * 100_000, "recursion"),
        (b"\xff\xfe\x00", "truncated data"),
    ],
)
def test_what_is_no_plan_of_terraform_is_said(content: bytes, words: str) -> None:
    code, said = _code(content)
    assert code == "terraform-plan-malformed"
    assert words in said


def test_plan_that_powershell_wrote_in_utf_16_is_read() -> None:
    content = json.dumps(document("entry-destroyed")).encode("utf-16")
    verdict = check_terraform(
        CheckTerraformRequest(plan=planned(), content=content, name="tfplan.json")
    )
    assert faults(verdict) == FOUND["entry-destroyed"]


@pytest.mark.parametrize("more", [{"errored": True}, {"complete": False}])
def test_plan_that_terraform_did_not_finish_is_not_judged(more: dict[str, bool]) -> None:
    content = json.dumps(document("clean-no-change") | more).encode()
    assert _code(content)[0] == "terraform-plan-incomplete"


def test_plan_without_a_resource_of_the_cluster_is_not_judged() -> None:
    code, said = _code(
        json.dumps(document("clean-no-change")).encode(), plan(cluster=cluster(name="stage"))
    )
    assert code == "terraform-plan-other-cluster"
    assert "prod" in said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "namespaces", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FOUND)), st.data())
def test_any_value_anywhere_is_judged_or_refused_by_name(name: str, data: st.DataObject) -> None:
    found = document(name)
    place: Any = data.draw(st.sampled_from(found["resource_changes"]))
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [each for each in place.values() if isinstance(each, dict) and each]
        place = data.draw(st.sampled_from(inner)) if inner else place
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    kept = copy.deepcopy(found)
    try:
        judged(found)
    except MigratorError as error:
        assert error.code == "terraform-plan-malformed"
    assert found == kept


OTHER_KINDS = ["kubernetes_manifest", "kubectl_manifest", CLOUD_ENTRY, "awscc_eks_cluster"]
ATTRIBUTES = ["manifest", "yaml_body", "access_policies", "access_config", "name", "username"]
MANIFESTS = [CONFIG_MAP, ROLE_BINDING, {**ROLE_BINDING, "subjects": 1}, json.dumps(CONFIG_MAP)]


@given(
    st.sampled_from(OTHER_KINDS),
    *[
        st.dictionaries(
            st.sampled_from(ATTRIBUTES), json_values | st.sampled_from(MANIFESTS), max_size=4
        )
        for _ in range(3)
    ],
)
def test_any_value_in_another_kind_is_judged_or_refused_by_name(
    kind: str, before: dict[str, Any], after: dict[str, Any], unknown: dict[str, Any]
) -> None:
    found = change(kind, before, after, after_unknown=unknown)
    try:
        judged(found)
    except MigratorError as error:
        assert error.code == "terraform-plan-malformed"
