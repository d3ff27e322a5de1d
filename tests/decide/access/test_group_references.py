"""Objects that name groups and usernames: each kind, and hostile ones."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.access.group_references import matching, references_in
from migrator.model.snapshot import GroupReference


def _texts(*objects: dict[str, Any]) -> list[str]:
    return [reference.text for reference in references_in(objects)]


def _object(
    api_version: str, kind: str, namespace: str | None = None, **fields: object
) -> dict[str, Any]:
    metadata = {"name": "thing"} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"


def test_subjects_of_bindings() -> None:
    subjects = [
        {"kind": "User", "name": "alice"},
        {"kind": "Group", "name": "devs"},
        {"kind": "ServiceAccount", "name": "sa"},
        {"kind": "ServiceAccount", "name": "sb", "namespace": "ops"},
        {"kind": "User"},
        "User",
    ]
    found = references_in([_object(RBAC, "RoleBinding", "dev", subjects=subjects)])
    assert found[0] == GroupReference(
        RBAC, "RoleBinding", "dev", "thing", "subjects[0].name", "alice"
    )
    assert [reference.text for reference in found] == [
        "alice",
        "devs",
        "system:serviceaccount:dev:sa",
        "system:serviceaccount:ops:sb",
    ]
    assert _texts(_object(RBAC, "ClusterRoleBinding", subjects=subjects[2:3])) == [
        "system:serviceaccount:*:sa"
    ]


def test_impersonate_rules_with_names() -> None:
    rules = [
        {"verbs": ["impersonate"], "resources": ["users", "groups"], "resourceNames": ["alice"]},
        {"verbs": ["impersonate"], "resources": ["serviceaccounts"], "resourceNames": ["sa"]},
        {"verbs": ["impersonate:user-info"], "resources": ["users"], "resourceNames": ["bob"]},
        {"verbs": ["*"], "resources": ["userextras/scopes"], "resourceNames": ["view"]},
        {"verbs": ["get"], "resources": ["users"], "resourceNames": ["nobody"]},
        {"verbs": ["impersonate"], "resources": ["secrets"], "resourceNames": ["nobody"]},
        {"verbs": ["impersonate"], "resources": ["users"]},
    ]
    assert _texts(_object(RBAC, "ClusterRole", rules=rules)) == [
        "alice",
        "system:serviceaccount:*:sa",
        "bob",
        "view",
    ]
    assert _texts(_object(RBAC, "Role", "dev", rules=rules[1:2])) == [
        "system:serviceaccount:dev:sa"
    ]


def test_flow_schemas_name_subjects_and_a_star_is_everybody() -> None:
    subjects = [
        {"kind": "Group", "group": {"name": "system:masters"}},
        {"kind": "User", "user": {"name": "alice"}},
        {"kind": "User", "user": {"name": "*"}},
        {"kind": "ServiceAccount", "serviceAccount": {"namespace": "kube-system", "name": "*"}},
    ]
    spec = {"rules": [{"subjects": subjects}]}
    found = references_in([_object("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", spec=spec)])
    assert [(reference.path, reference.text) for reference in found] == [
        ("spec.rules[0].subjects[0].group.name", "system:masters"),
        ("spec.rules[0].subjects[1].user.name", "alice"),
        ("spec.rules[0].subjects[3].serviceAccount.name", "system:serviceaccount:kube-system:*"),
    ]


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"])
def test_admission_policies_name_users_in_cel(kind: str) -> None:
    spec = {
        "matchConditions": [
            {"name": "x", "expression": "!('system:masters' in request.userInfo.groups)"}
        ],
        "variables": [{"name": "admins", "expression": '["ops", "dev:alice"]'}],
        "validations": [
            {
                "expression": "request.userInfo.username.startsWith('dev:')",
                "message": "'ignored' is prose",
            },
            {"expression": "'team-' + object.metadata.namespace in request.userInfo.groups"},
        ],
    }
    assert _texts(_object(ADMISSION, kind, spec=spec)) == [
        "system:masters",
        "ops",
        "dev:alice",
        "dev:*",
        "team-*",
    ]


def test_admission_policies_that_do_not_look_at_users_name_nobody() -> None:
    spec = {"validations": [{"expression": "object.metadata.name.startsWith('dev:')"}]}
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec=spec)) == []


def test_parameters_of_a_policy_about_users_may_be_any_name() -> None:
    spec = {"validations": [{"expression": "request.userInfo.username in params.allowed"}]}
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec=spec)) == ["*"]


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_webhooks_exempt_users_by_match_conditions(kind: str) -> None:
    conditions = [{"name": "x", "expression": 'request.userInfo.username != "kubernetes-admin"'}]
    found = references_in([_object(ADMISSION, kind, webhooks=[{"matchConditions": conditions}])])
    assert [(reference.path, reference.text) for reference in found] == [
        ("webhooks[0].matchConditions[0].expression", "kubernetes-admin")
    ]


def test_kyverno_policies_name_subjects_and_compare_users() -> None:
    rule = {
        "match": {"any": [{"subjects": [{"kind": "Group", "name": "devs-?"}]}]},
        "exclude": {"subjects": [{"kind": "ServiceAccount", "namespace": "ops", "name": "sa"}]},
        "preconditions": {
            "all": [
                {
                    "key": "{{ request.userInfo.groups }}",
                    "operator": "AnyIn",
                    "value": ["system:masters", "ops-*"],
                },
                {"key": "alice", "operator": "Equals", "value": "{{ somebody }}"},
            ]
        },
        "validate": {
            "message": "it's {{ request.userInfo.groups.contains(@, 'auditors') }} for you"
        },
    }
    assert _texts(_object("kyverno.io/v1", "ClusterPolicy", spec={"rules": [rule]})) == [
        "devs-*",
        "system:serviceaccount:ops:sa",
        "system:masters",
        "ops-*",
        "alice",
        "*auditors*",
    ]


def test_kyverno_policies_that_do_not_look_at_users_name_subjects_only() -> None:
    condition = {
        "key": "{{ request.object.spec.serviceAccountName }}",
        "operator": "Equals",
        "value": "default",
    }
    rule = {
        "match": {"subjects": [{"kind": "User", "name": "alice"}]},
        "preconditions": {"all": [condition]},
    }
    assert _texts(_object("kyverno.io/v1", "Policy", "dev", spec={"rules": [rule]})) == ["alice"]
    by_account = {**condition, "key": "{{ serviceAccountName }}"}
    assert _texts(_object("kyverno.io/v1", "Policy", "dev", spec={"rules": [by_account]})) == [
        "default"
    ]


def test_kyverno_context_of_a_policy_about_users_may_hold_names() -> None:
    context = [
        {"name": "a", "variable": {"value": ["alice", "{{ x }}"]}},
        {"name": "b", "configMap": {"name": "m"}},
    ]
    about = {"context": context, "x": "{{ request.userInfo.username }}"}
    assert _texts(_object("kyverno.io/v2", "Policy", "dev", spec=about)) == ["alice", "*"]
    assert _texts(_object("kyverno.io/v2", "Policy", "dev", spec={"context": context})) == []


def test_kyverno_cel_policies_are_read_as_cel() -> None:
    spec = {"validations": [{"expression": "request.userInfo.username == 'alice'"}]}
    assert _texts(_object("policies.kyverno.io/v1alpha1", "ValidatingPolicy", spec=spec)) == [
        "alice"
    ]


REGO = """
package x
# don't stumble over apostrophes
violation[{"msg": msg}] {
  not startswith(input.review.userInfo.username, "system:serviceaccount:")
  not input.review.userInfo.groups[_] == `ops`
  re_match("^(dev|team)-.*", input.review.userInfo.username)
  msg := sprintf("user %v", [input.review.userInfo.username])
}
"""


def _template(rego: str, **target: object) -> dict[str, Any]:
    spec = {
        "crd": {"spec": {"names": {"kind": "K8sUsers"}}},
        "targets": [{"rego": rego, "libs": ['package lib\nadmins = {"root-admin"}'], **target}],
    }
    return _object("templates.gatekeeper.sh/v1", "ConstraintTemplate", spec=spec)


def test_gatekeeper_templates_are_read_as_rego() -> None:
    found = _texts(_template(REGO))
    assert {"system:serviceaccount:*", "ops", "*dev*", "*team*", "root-admin"} <= set(found)


def test_gatekeeper_templates_in_cel_are_read_as_cel() -> None:
    code = [
        {
            "engine": "K8sNativeValidation",
            "source": {"validations": [{"expression": "'ops' in request.userInfo.groups"}]},
        }
    ]
    assert "ops" in _texts(_template("package x", code=code))


def test_parameters_of_gatekeeper_constraints_are_names_where_the_template_looks_at_users() -> None:
    parameters = {"exempt": ["alice", "*"], "repos": {"deep": "docker.io"}}
    constraint = _object(
        "constraints.gatekeeper.sh/v1beta1", "K8sUsers", spec={"parameters": parameters}
    )
    assert _texts(constraint) == ["alice", "docker.io"]
    assert {"alice", "docker.io"} <= set(_texts(constraint, _template(REGO)))
    assert _texts(constraint, _template("package x")) == []


def test_argocd_policies_name_subjects() -> None:
    data = {
        "policy.csv": 'p, role:ops, applications, *, */*, allow\ng, "platform, admins", '
        "role:admin\n# comment\n"
        "g, dev:alice, role:readonly\np, proj:x:y, applications, get, x/*, allow\nnonsense\n",
        "policy.extra.csv": "g, auditors, role:readonly",
        "policy.default": "role:readonly",
        "policy.broken.csv": None,
    }
    raw = _object("v1", "ConfigMap", "argocd", data=data)
    raw["metadata"]["name"] = "argocd-rbac-cm"
    found = references_in([raw])
    assert [(reference.path, reference.text) for reference in found] == [
        ("data[policy.csv] line 2", "platform, admins"),
        ("data[policy.csv] line 4", "dev:alice"),
        ("data[policy.extra.csv] line 1", "auditors"),
    ]


def test_a_field_too_long_for_csv_is_still_read() -> None:
    raw = _object("v1", "ConfigMap", data={"policy.csv": 'g, long, "' + "x" * 200_000})
    raw["metadata"]["name"] = "argocd-rbac-cm"
    assert _texts(raw) == ["long"]


def test_objects_of_other_kinds_name_nobody() -> None:
    spec = {"expression": "request.userInfo.username == 'alice'"}
    assert (
        _texts(
            _object("v1", "ConfigMap", data={"policy.csv": "g, a, b"}),
            _object("apps/v1", "Deployment", spec=spec),
        )
        == []
    )
    assert references_in([{}, {"apiVersion": 1, "kind": None, "metadata": []}]) == ()


def test_the_same_name_counts_once_per_path() -> None:
    expression = "'ops' in request.userInfo.groups || 'ops' in request.userInfo.groups"
    spec = {"validations": [{"expression": expression}]}
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec=spec)) == ["ops"]


def test_an_object_with_too_many_names_says_that_any_name_may_follow() -> None:
    subjects = [{"kind": "User", "name": f"u{n}"} for n in range(3000)]
    found = references_in([_object(RBAC, "RoleBinding", "dev", subjects=subjects)])
    assert len(found) == 2001
    assert (found[-1].path, found[-1].text) == ("(more)", "*")


def test_an_object_with_too_many_fields_says_that_any_name_may_follow() -> None:
    raw = _object(ADMISSION, "ValidatingAdmissionPolicy", spec={"x": [[] for _ in range(250_000)]})
    assert _texts(raw) == ["*"]


def test_the_same_name_a_hundred_thousand_times_is_cut_with_a_mark() -> None:
    crowd = {"expression": "request.userInfo.username in [" + "'a'," * 40_000 + "]"}
    spec = {"validations": [crowd] * 4}
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec=spec)) == [
        "a",
        "a",
        "a",
        "*",
    ]


def test_names_and_templates_match_both_ways() -> None:
    def reference(text: str) -> GroupReference:
        return GroupReference("v1", "X", None, "x", "p", text)

    references = [
        reference(text) for text in ("dev:alice", "dev:*", "ops", "*", "{{SessionName}}", "dev:a b")
    ]
    assert [r.text for r in matching(references, "dev:{{SessionName}}")] == [
        "dev:alice",
        "dev:*",
        "*",
    ]
    assert [r.text for r in matching(references, "dev:alice")] == ["dev:alice", "dev:*", "*"]
    assert [r.text for r in matching(references, "ops")] == ["ops", "*", "{{SessionName}}"]


_KEYS = (
    *(
        "spec",
        "metadata",
        "name",
        "rules",
        "subjects",
        "key",
        "value",
        "operator",
        "expression",
        "rego",
        "data",
    ),
    *(
        "policy.csv",
        "verbs",
        "resources",
        "resourceNames",
        "webhooks",
        "parameters",
        "context",
        "variable",
        "user",
    ),
)
_VERSIONS = (
    *(
        RBAC,
        ADMISSION,
        "kyverno.io/v1",
        "templates.gatekeeper.sh/v1",
        "constraints.gatekeeper.sh/v1",
        "v1",
    ),
    "flowcontrol.apiserver.k8s.io/v1",
)
_json = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["'a' in request.userInfo.groups", "{{x}}", '"\\']),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(_VERSIONS),
    st.sampled_from(["RoleBinding", "Role", "FlowSchema", "Policy", "ConfigMap"]),
    st.dictionaries(st.sampled_from(["spec", "rules", "subjects", "data", "webhooks"]), _json),
)
def test_any_object_is_read_without_an_error(
    api_version: str, kind: str, fields: dict[str, Any]
) -> None:
    raw = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "argocd-rbac-cm"},
        **fields,
    }
    found = references_in([raw])
    assert len(set(found)) == len(found)
    assert all(reference.text and reference.name == "argocd-rbac-cm" for reference in found)


@pytest.mark.parametrize(
    "piece",
    [
        "'",
        '"',
        "`",
        '\\"',
        "'\\",
        "(",
        ")",
        "a.",
        "{{",
        "}}",
        "'a'+",
        "matches('",
        "^",
        "+ '",
        "a" * 100,
        "'a' ",
        "# ",
    ],
)
# A scan that looks back at each quote takes hours.
@pytest.mark.timeout(100)
def test_hostile_text_costs_its_length(piece: str) -> None:
    text = (piece * (190_000 // len(piece))) + " userInfo"
    spec: dict[str, Any] = {
        "validations": [{"expression": text}],
        "targets": [{"rego": text}],
        "x": "{{" + text,
    }
    for api_version in (ADMISSION, "templates.gatekeeper.sh/v1", "kyverno.io/v1"):
        references_in([_object(api_version, "X", spec=spec)])


def test_expressions_longer_than_anybody_writes_may_hold_any_name() -> None:
    text = "request.userInfo.username == 'alice' " + " " * 500_000
    spec: dict[str, Any] = {"validations": [{"expression": text}], "x": "{{" + text}
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec=spec)) == ["*"]
    assert _texts(_object("kyverno.io/v1", "Policy", spec={"x": "{{" + text})) == ["*"]


def test_deeply_nested_objects_are_read() -> None:
    deep: Any = "request.userInfo == 'alice'"
    for _ in range(50_000):
        deep = [deep]
    assert _texts(_object(ADMISSION, "ValidatingAdmissionPolicy", spec={"expression": deep})) == [
        "alice"
    ]


_NAME = st.from_regex(r"(eks|aws|dev):[A-Za-z]{1,6}", fullmatch=True)
# Each compares a group of the user in a way that holds for the name.
_UNDECIDED = (
    "g.lowerAscii() == '{lower}'",
    "g.upperAscii() == '{upper}'",
    "g.split(':')[0] == '{head}'",
    "g.substring(0,4) == '{head}:'",
    "g.replace('{head}:','') == '{tail}'",
    "g.matches('(?i)^{upper}$')",
    "g.matches('^({head}:nothing|.*)$')",
    "g.matches('{name}s?')",
    "g.matches('[a-zA-Z:]+')",
    "g in object.spec.allowed",
    "g == object.metadata.annotations['owner']",
    "object.spec.owner == g",
    "size(g) == {size}",
    "g.size() == {size}",
    "base64.decode('eA==') == bytes(g)",
)


@pytest.mark.parametrize("condition", _UNDECIDED)
@given(name=_NAME)
@settings(max_examples=10, deadline=None)
def test_comparison_that_literals_do_not_show_may_mean_the_name(condition: str, name: str) -> None:
    head, _, tail = name.partition(":")
    written = condition.format(
        name=name, head=head, tail=tail, lower=name.lower(), upper=name.upper(), size=len(name)
    )
    expression = f"request.userInfo.groups.exists(g, {written})"
    policy = _object(
        ADMISSION, "ValidatingAdmissionPolicy", spec={"validations": [{"expression": expression}]}
    )
    assert matching(references_in([policy]), name)


@pytest.mark.parametrize(
    "expression",
    [
        "'ops' in request.userInfo.groups",
        "request.userInfo.username == 'ops' && object.spec.a == oldObject.spec.a",
        "request.userInfo.username == 'ops' || object.metadata.name.split('-')[0] == 'x'",
        "request.userInfo.username == 'ops' || size(object.spec.containers) > 1",
        "request.userInfo.username == 'ops' || object.spec.replicas == 3",
        "request.userInfo.groups.exists(g, g.matches('^ops-.*$'))",
    ],
)
def test_comparison_that_is_decided_means_no_other_name(expression: str) -> None:
    policy = _object(
        ADMISSION, "ValidatingAdmissionPolicy", spec={"validations": [{"expression": expression}]}
    )
    assert matching(references_in([policy]), "eks:team") == ()
