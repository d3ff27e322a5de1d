"""What a Terraform plan may change of access and is not judged is named; new access that a binding
gives, and access that is missing for a time, is refused.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.planning.proof.basis import basis_of
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec, Identity
from migrator.model.plan import Plan
from migrator.model.rbac import Binding, Subject
from migrator.model.step import CreateBinding, Step
from tests.support.plans import CLUSTER_ADMIN, VIEW, plan, principal, role
from tests.support.terraform_documents import (
    ENTRY,
    NAMED_AWS_AUTH,
    POLICY,
    change,
    entry,
    judged,
    of,
    planned,
)
from tests.support.worlds import rbac, world

CLUSTER_ROLE = {"metadata": [{"name": "x"}], "rule": [{"verbs": ["get"]}]}
MANIFEST_OF = {"kubernetes_manifest": "manifest", "kubectl_manifest": "yaml_body"}


def manifest(kind: str, found: object) -> dict[str, Any]:
    """The values of a resource with this object."""
    return {MANIFEST_OF[kind]: found if kind == "kubernetes_manifest" else json.dumps(found)}


def left(found: dict[str, Any], value: Plan | None = None) -> list[str]:
    """Why what is not judged is not."""
    return [each.why for each in judged(found, value).unjudged]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("kubernetes_cluster_role", "what a role permits"),
        ("kubernetes_role_v1", "what a role permits"),
        ("kubernetes_validating_webhook_configuration_v1", "admission"),
        ("aws_ssoadmin_account_assignment", "IAM Identity Center"),
        ("aws_ssoadmin_permission_set", "IAM Identity Center"),
        ("aws_identitystore_group_membership", "IAM Identity Center"),
        ("aws_iam_access_key", "credentials"),
        ("aws_eks_identity_provider_config", "OpenID Connect"),
        ("aws_eks_node_group", "entries and rows of roles with it"),
        ("awscc_eks_nodegroup", "entries and rows of roles with it"),
        ("aws_eks_fargate_profile", "entries and rows of roles with it"),
        ("aws_eks_capability", "entries and rows of roles with it"),
        ("helm_release", "objects are not in it"),
        ("argocd_application", "objects are not in it"),
        ("aws_cloudformation_stack", "objects are not in it"),
        ("aws_servicecatalog_provisioned_product", "objects are not in it"),
        ("aws_cloudcontrolapi_resource", "objects are not in it"),
        ("aws_emrcontainers_virtual_cluster", "entries and rows of roles with it"),
    ],
)
def test_change_that_may_matter_is_named(kind: str, words: str) -> None:
    other = {**CLUSTER_ROLE, "rule": [], "aggregation_rule": [{}]}
    sides: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
        (None, CLUSTER_ROLE),
        (CLUSTER_ROLE, None),
    ]
    # EKS takes no other role for a node group that it keeps.
    sides += [] if "roles with it" in words else [(CLUSTER_ROLE, other)]
    for before, after in sides:
        [why] = left(change(kind, before, after))
        assert why.startswith(f"{kind}: ")
        assert words in why
    for actions in (["no-op"], ["forget"], ["read"]):
        assert left(change(kind, CLUSTER_ROLE, CLUSTER_ROLE, actions=actions)) == []


@pytest.mark.parametrize(
    "kind", ["kubernetes_cluster_role_v1", "aws_eks_node_group", "aws_eks_fargate_profile"]
)
def test_update_of_what_gives_no_access_is_not_named(kind: str) -> None:
    labelled = {**CLUSTER_ROLE, "metadata": [{"name": "x", "labels": {"a": "b"}}]}
    assert left(change(kind, CLUSTER_ROLE, labelled)) == []


@pytest.mark.parametrize(
    ("kind", "computed"),
    [
        ("kubernetes_config_map_v1", {"metadata": [{"generation": True, "uid": True}]}),
        (
            "kubernetes_role_binding",
            {"metadata": [{"uid": True}], "subject": [{"api_group": True}]},
        ),
    ],
)
def test_object_that_says_its_name_and_subjects_is_not_named(
    kind: str, computed: dict[str, Any]
) -> None:
    """What the provider computes of everything that it makes."""
    made = {"metadata": [{"name": "app"}], "subject": [{"kind": "ServiceAccount", "name": "a"}]}
    assert left(change(kind, None, made, after_unknown={"id": True, **computed})) == []


@pytest.mark.parametrize("kind", ["aws_s3_bucket", "kubernetes_deployment", "kubernetes_secret"])
def test_change_that_cannot_matter_is_not_named(kind: str) -> None:
    assert left(change(kind, None, {"name": "x"})) == []


@pytest.mark.parametrize("kind", MANIFEST_OF)
@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"kind": "ClusterRole"}, "what a role permits"),
        ({"kind": "FlowSchema"}, "may name users"),
        ({"kind": "ValidatingAdmissionPolicy"}, "may name users"),
        ({"kind": "HelmRelease"}, "objects are not in it"),
        ({"kind": "Application"}, "objects are not in it"),
        ({"kind": "AccessEntry"}, "are not read"),
        ({"kind": "Deployment"}, ""),
        ({"kind": "ServiceAccount", "metadata": {"name": "Role"}}, ""),
        ("aws-auth", "cannot be read"),
        ([{"kind": "Role"}], "cannot be read"),
    ],
)
def test_object_of_a_manifest_is_named_by_its_kind(kind: str, found: object, words: str) -> None:
    whys = left(change(kind, None, manifest(kind, found)))
    assert len(whys) == bool(words)
    assert words in "".join(whys)


@pytest.mark.parametrize("text", ["a: aws-auth\n---\nkind: Role", "kind: [Role", '"\\x52ole": ['])
def test_text_that_is_no_single_object_is_named(text: str) -> None:
    [why] = left(change("kubectl_manifest", None, {"yaml_body": text}))
    assert "cannot be read" in why


@pytest.mark.parametrize("kind", MANIFEST_OF)
def test_manifest_that_is_known_later_is_named(kind: str) -> None:
    unknown = {"manifest": True, "yaml_body": True}
    [why] = left(change(kind, None, {}, after_unknown=unknown))
    assert "known after Terraform's apply only" in why
    [why] = left(change(kind, None, None, after_unknown=True))
    assert "known after Terraform's apply only" in why


@pytest.mark.parametrize(
    ("kind", "field", "words"),
    [
        ("kubernetes_config_map", "metadata", "may be aws-auth"),
        ("kubernetes_cluster_role_binding", "subject", "whom the binding names"),
    ],
)
def test_object_of_which_the_name_or_the_subjects_come_later_is_named(
    kind: str, field: str, words: str
) -> None:
    for unknown in ({field: True}, {field: [{"name": True}]}, True):
        [why] = left(change(kind, None, {}, after_unknown=unknown))
        assert words in why


@pytest.mark.parametrize(
    ("found", "later", "words"),
    [
        ({"kind": "ConfigMap"}, {"metadata": {"name": True}}, "may be aws-auth"),
        ({"kind": "RoleBinding"}, {"subjects": True}, "whom the binding names"),
    ],
)
def test_manifest_of_which_a_part_comes_later_is_named(
    found: dict[str, Any], later: dict[str, Any], words: str
) -> None:
    document = change(
        "kubernetes_manifest", None, {"manifest": found}, after_unknown={"manifest": later}
    )
    [why] = left(document)
    assert words in why


def test_resource_that_runs_a_program_is_named() -> None:
    found = change("terraform_data", None, {"input": "x"})
    code = {"address": "terraform_data.x", "provisioners": [{"type": "local-exec"}]}
    assert left(found) == []
    found["configuration"] = {"root_module": {"resources": [code]}}
    [why] = left(found)
    assert "runs a program" in why


def test_node_group_of_another_cluster_is_not_named() -> None:
    assert left(change("aws_eks_node_group", {"cluster_name": "stage"}, None)) == []
    assert len(left(change("aws_eks_node_group", {"cluster_name": "prod"}, None))) == 1


# The same attribute, as each provider calls it.
TRUST = {
    "aws_iam_role": "assume_role_policy",
    "awscc_iam_role": "assume_role_policy_document",
}


@pytest.mark.parametrize("kind", TRUST)
@pytest.mark.parametrize(
    ("after", "later", "named"), [("b", False, True), ("a", False, False), (None, True, True)]
)
def test_other_trust_policy_of_a_principal_is_named(
    kind: str, after: str | None, later: bool, named: bool
) -> None:
    def sides(name: str) -> dict[str, Any]:
        before = {"arn": role(name), TRUST[kind]: "a"}
        return change(
            kind, before, {**before, TRUST[kind]: after}, after_unknown={TRUST[kind]: later}
        )

    assert bool(left(sides("dev"))) is named
    assert left(sides("other")) == []


@pytest.mark.parametrize(
    "kind", ["aws_iam_openid_connect_provider", "aws_iam_saml_provider", "awscc_iam_oidc_provider"]
)
def test_provider_that_roles_trust_is_named_where_it_exists(kind: str) -> None:
    there = {"arn": "x"}
    for after in (None, {"arn": "y"}):
        [why] = left(change(kind, there, after))
        assert "roles that trust it" in why
    # No trust policy names it yet; each cluster has one for its pods.
    assert left(change(kind, None, there)) == []


@pytest.mark.parametrize("kind", ["aws_eks_cluster", "awscc_eks_cluster"])
@pytest.mark.parametrize(
    ("before", "after", "later", "named"),
    [
        ([{"enabled": True}], [{"enabled": False}], {}, True),
        (None, [{"enabled": True}], {}, True),
        ([], None, {}, False),
        ([{"enabled": True}], [{"enabled": True}], {}, False),
        ([{"enabled": True}], None, {"compute_config": True}, True),
    ],
)
def test_auto_mode_that_changes_is_named(
    kind: str, before: object, after: object, later: dict[str, bool], named: bool
) -> None:
    for name, ours in (("prod", True), ("stage", False)):
        sides = ({"name": name, "compute_config": each} for each in (before, after))
        found = [why for why in left(change(kind, *sides, after_unknown=later)) if "roles" in why]
        assert bool(found) is (named and ours)


def test_action_that_terraform_invokes_is_named() -> None:
    found = change("aws_s3_bucket", None, {})
    found["action_invocations"] = [{"address": "action.aws_lambda_invoke.x", "type": "x"}]
    [each] = judged(found).unjudged
    assert (each.address, "runs a program" in each.why) == ("action.aws_lambda_invoke.x", True)


NEW = "arn:aws:iam::444455556666:role/new"


def policy_of(arn: str, scope: str, *namespaces: str) -> dict[str, Any]:
    found = {"cluster_name": "prod", "principal_arn": arn, "policy_arn": CLUSTER_ADMIN}
    return {**found, "access_scope": [{"type": scope, "namespaces": list(namespaces)}]}


@pytest.mark.parametrize(
    ("kind", "after", "words"),
    [
        (POLICY, policy_of(NEW, "cluster"), f"{CLUSTER_ADMIN} on the whole cluster"),
        (POLICY, policy_of(NEW, "namespace", "a", "b"), f"{CLUSTER_ADMIN} on a, b"),
        (ENTRY, entry("x"), "an entry without groups"),
        (ENTRY, entry("x", type="EC2_LINUX"), "an entry of type EC2_LINUX"),
        (ENTRY, entry("x", user_name="me"), "the username me"),
        (ENTRY, entry("x", user_name="dev"), "the username dev (which the plan has, too)"),
        (
            ENTRY,
            entry("x", kubernetes_groups=["devs", "new"]),
            "the group devs (which the plan has, too), the group new",
        ),
    ],
)
def test_access_of_a_principal_that_the_plan_does_not_have_is_named(
    kind: str, after: dict[str, Any], words: str
) -> None:
    after = {**after, "principal_arn": NEW}
    verdict = judged(change(kind, None, after))
    assert [each.why for each in verdict.unjudged] == [f"{NEW} is not in the plan: it gets {words}"]
    assert (verdict.problems, verdict.judged) == ((), 0)
    # What exists already, and only gets other tags, is as it was.
    assert left(change(kind, after, after)) == []
    assert left(change(kind, after, {**after, "tags": {"a": "b"}})) == []


def test_entry_of_the_cloud_control_provider_that_the_plan_does_not_have_is_named() -> None:
    policy = {"policy_arn": CLUSTER_ADMIN, "access_scope": {"type": "cluster", "namespaces": None}}
    after = {"cluster_name": "prod", "principal_arn": NEW, "access_policies": [policy]}
    whys = left(change("awscc_eks_access_entry", None, after))
    assert [CLUSTER_ADMIN in why for why in whys] == [False, True]


def test_what_is_not_judged_is_no_problem() -> None:
    assert judged(change("helm_release", None, {})).problems == ()


def binding(role_name: str, *subjects: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": [{"name": "x"}],
        "role_ref": [{"kind": "ClusterRole", "name": role_name, "api_group": "rbac"}],
        "subject": [
            {"kind": kind, "name": name, "namespace": "default"} for kind, name in subjects
        ],
    }


DEVS = ("Group", "devs")
KIND = "kubernetes_cluster_role_binding"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, binding("edit", DEVS), {"binding-added"}),
        (None, binding("edit", ("User", "dev")), {"binding-added"}),
        # A name that a template of the plan can become.
        (None, binding("edit", ("User", "admin:alice")), {"binding-added"}),
        (None, binding("edit", ("Group", "system:authenticated")), {"binding-added"}),
        (None, binding("edit", ("User", "alice")), set()),
        (None, binding("edit", ("Group", "dev")), set()),
        (None, binding("edit", ("ServiceAccount", "devs")), set()),
        (binding("edit"), binding("edit", DEVS), {"binding-added"}),
        (binding("edit", DEVS), binding("edit", DEVS), set()),
        (binding("view", DEVS), binding("edit", DEVS), {"binding-replaced", "binding-added"}),
    ],
)
def test_binding_that_gives_a_role_which_the_plan_does_not_know_is_refused(
    before: dict[str, Any] | None, after: dict[str, Any], said: set[str]
) -> None:
    replaced = {"actions": ["delete", "create"]} if "binding-replaced" in said else {}
    assert of(change(KIND, before, after, **replaced)) == said


@pytest.mark.parametrize("kind", MANIFEST_OF)
def test_binding_in_a_manifest_is_judged_as_one(kind: str) -> None:
    found = {
        "kind": "RoleBinding",
        "metadata": {"name": "x", "namespace": "shop"},
        "roleRef": {"kind": "Role", "name": "edit"},
        "subjects": [{"kind": "Group", "name": "devs"}],
    }
    [problem] = judged(change(kind, None, manifest(kind, found))).problems
    assert problem.fault == "binding-added"
    said = "the group devs gets Role edit, which the plan does not know of"
    assert problem.what.partition(";")[0] == said


def test_binding_that_the_plan_was_made_with_gives_nothing_new() -> None:
    there = Binding("x", None, "ClusterRole", "edit", (Subject("Group", "devs"),), {})
    basis = {"rbac": basis_rbac(there)}
    value = replace(planned(), basis=basis)
    assert of(change(KIND, None, binding("edit", DEVS)), value) == set()
    assert of(change(KIND, None, binding("admin", DEVS)), value) == {"binding-added"}
    both = binding("edit", DEVS, ("User", "dev"))
    assert of(change(KIND, None, both), value) == {"binding-added"}


def basis_rbac(*bindings: Binding) -> object:
    """RBAC as a plan's basis has it."""
    return basis_of(world([], rbac=rbac(*bindings)))["rbac"]


MASTERS = Identity("admin", ("system:masters",), "config-map")
ADMIN = EntrySpec("STANDARD", "admin", (), (AssociatedPolicy(CLUSTER_ADMIN, AccessScope()),))


def made(arn: str) -> dict[str, Any]:
    """The entry of an administrator and then its policy are made."""
    found = change(ENTRY, None, {**entry("x"), "principal_arn": arn, "user_name": "admin"})
    named = {"cluster_name": "prod", "principal_arn": arn, "policy_arn": CLUSTER_ADMIN}
    scope = [{"type": "cluster", "namespaces": None}]
    more = change(POLICY, None, {**named, "access_scope": scope})
    found["resource_changes"] += more["resource_changes"]
    return found


@pytest.mark.parametrize(
    ("before", "spec", "said"),
    [
        (MASTERS, ADMIN, {"entry-before-policy"}),
        # A break-glass role that may do nothing today, and the hidden creator: no row to shadow.
        (Identity("", (), "none"), ADMIN, set()),
        (Identity("kubernetes-admin", ("system:masters",), "automatic"), ADMIN, set()),
        # What the row gives, the entry gives by itself; the policy adds to it.
        (Identity("admin", (), "config-map"), ADMIN, set()),
        (Identity("admin", ("system:authenticated",), "config-map"), ADMIN, set()),
        (Identity("root", (), "config-map"), ADMIN, {"entry-before-policy"}),
    ],
)
def test_entry_that_takes_the_place_of_a_row_before_its_policy_is_refused(
    before: Identity, spec: EntrySpec, said: set[str]
) -> None:
    arn = role("admin")
    value = plan(principal(arn, before=before, entry=spec))
    verdict = judged(made(arn), value)
    assert {each.fault for each in verdict.problems} == said
    for each in verdict.problems:
        assert (each.address, "migrate apply" in each.what) == (f"{ENTRY}.x", True)
    # Imported, as the generated code has it, it is not made.
    imported = made(arn)
    for each in imported["resource_changes"]:
        each["change"] |= {"actions": ["no-op"], "before": each["change"]["after"]}
    assert judged(imported, value).problems == ()
    # Who made the plan has agreed to the gap.
    agreed = judged(made(arn), replace(value, findings=(make_finding("gap-accepted", ""),)))
    assert agreed.problems == ()
    assert {each.fault for each in agreed.accepted} == said


@pytest.mark.parametrize("accepted", [(), (f"{KIND}.x",), (f"{KIND}.y",)])
def test_more_access_is_accepted_by_its_address(accepted: tuple[str, ...]) -> None:
    verdict = judged(change(KIND, None, binding("edit", DEVS)), accepted=accepted)
    agreed = accepted == (f"{KIND}.x",)
    assert [each.fault for each in verdict.accepted] == ["binding-added"] * agreed
    assert [each.fault for each in verdict.problems] == ["binding-added"] * (not agreed)


@pytest.mark.parametrize(
    "found",
    [
        change(ENTRY, entry("dev"), None),
        change(KIND, binding("edit", DEVS), None),
        change("aws_eks_cluster", {"name": "prod"}, None),
    ],
)
def test_what_takes_access_away_cannot_be_accepted(found: dict[str, Any]) -> None:
    address = found["resource_changes"][0]["address"]
    assert len(judged(found, accepted=(address,)).problems) == 1


@pytest.mark.parametrize(
    ("role_name", "group", "said"),
    [
        ("edit", "devs", set()),
        ("admin", "devs", {"binding-added"}),
        ("edit", "admins", {"binding-added"}),
    ],
)
def test_binding_that_a_step_of_the_plan_makes_is_not_added(
    role_name: str, group: str, said: set[str]
) -> None:
    made = CreateBinding("of-the-run", None, "ClusterRole", "edit", "devs")
    spec = EntrySpec("STANDARD", "x", ("admins",))
    value = plan(principal(role("dev")), principal(role("admin"), entry=spec))
    value = replace(value, steps=(Step("s01", made),))
    assert of(change(KIND, None, binding(role_name, ("Group", group))), value) == said


@pytest.mark.parametrize(
    ("policy", "said"), [(VIEW, set()), (CLUSTER_ADMIN, {"association-destroyed"})]
)
def test_association_that_the_plan_does_not_have_may_go(policy: str, said: set[str]) -> None:
    there = {**policy_of(role("admin"), "cluster"), "policy_arn": policy}
    assert of(change(POLICY, there, None)) == said
    # Of a principal that the plan does not have, nothing shows that it is too much.
    other = {**there, "principal_arn": NEW}
    assert of(change(POLICY, other, None)) == {"association-destroyed"}


@pytest.mark.parametrize(
    ("mode", "said"), [("API", set()), ("API_AND_CONFIG_MAP", {"aws-auth-destroyed"})]
)
def test_aws_auth_may_go_where_the_cluster_says_that_it_is_in_api_mode(
    mode: str, said: set[str]
) -> None:
    found = change("kubernetes_config_map", {**NAMED_AWS_AUTH, "data": {}}, None)
    there = {
        "name": "prod",
        "arn": planned().cluster.arn,
        "access_config": [{"authentication_mode": mode}],
    }
    [more] = change("aws_eks_cluster", there, there, actions=["no-op"])["resource_changes"]
    found["resource_changes"].append(more)
    assert of(found) == said


def test_binding_that_is_updated_to_subjects_of_later_is_named() -> None:
    before = binding("edit", ("Group", "others"))
    later = {"subject": [{"name": True}]}
    [why] = left(change(KIND, before, {**before, "subject": [{}]}, after_unknown=later))
    assert "whom the binding names" in why


@pytest.mark.parametrize(
    ("other", "said"),
    [(role("dev"), {"entry-twice"}), (role("view"), set()), (NEW, set())],
)
def test_entry_that_two_resources_have_is_refused(other: str, said: set[str]) -> None:
    """A module makes one of its own beside the one that is imported."""
    there = entry("dev", user_name="dev", kubernetes_groups=["devs"])
    found = change(ENTRY, there, there, actions=["no-op"])
    [more] = change(ENTRY, None, {**there, "principal_arn": other})["resource_changes"]
    found["resource_changes"].append({**more, "address": f"module.nodes.{ENTRY}.this[0]"})
    problems = [each for each in judged(found).problems if each.fault == "entry-twice"]
    assert {each.fault for each in problems} == said
    assert {each.address for each in problems} <= {f"module.nodes.{ENTRY}.this[0]"}


@pytest.mark.parametrize(("keeps", "said"), [(True, set()), (False, {"aws-auth-destroyed"})])
def test_manifest_that_its_provider_only_applies_stays(keeps: bool, said: set[str]) -> None:
    body = json.dumps({"kind": "ConfigMap", "metadata": NAMED_AWS_AUTH["metadata"][0], "data": {}})
    there = {"yaml_body": body, "apply_only": keeps}
    assert of(change("kubectl_manifest", there, None)) == said


@pytest.mark.parametrize(
    ("after", "association", "in_basis", "said"),
    [
        ({"kubernetes_groups": []}, "", False, {"policy-missing"}),
        ({"kubernetes_groups": []}, "create", False, {"entry-before-policy"}),
        ({"kubernetes_groups": []}, "no-op", False, set()),
        ({"kubernetes_groups": []}, "", True, set()),
        ({"kubernetes_groups": ["dev"], "tags": {"a": "b"}}, "", False, set()),
    ],
)
def test_entry_that_loses_a_group_before_its_policy_is_there_is_refused(
    after: dict[str, Any], association: str, in_basis: bool, said: set[str]
) -> None:
    arn = role("devs")
    spec = EntrySpec("STANDARD", "devs", (), (AssociatedPolicy(CLUSTER_ADMIN, AccessScope()),))
    policies = [[CLUSTER_ADMIN, "cluster", []]] if in_basis else []
    basis = {"accessEntries": {arn: {"policies": policies}}}
    before = Identity("devs", ("dev",), "access-entry")
    value = replace(plan(principal(arn, "update", before=before, entry=spec)), basis=basis)
    there = entry("devs", user_name="devs", kubernetes_groups=["dev"])
    found = change(ENTRY, there, {**there, **after})
    policy = policy_of(arn, "cluster")
    if association:
        sides = {"create": None, "no-op": policy}
        more = change(POLICY, sides[association], policy, actions=[association])
        found["resource_changes"] += more["resource_changes"]
    assert of(found, value) == said
