"""Which admission webhooks see what a migration writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reach.webhooks import webhooks_check

CONFIG_MAPS = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["UPDATE"],
    "resources": ["configmaps"],
}
JOBS = {
    "apiGroups": ["batch"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["jobs"],
}
ALL = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
BINDINGS = {
    "apiGroups": ["rbac.authorization.k8s.io"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["clusterrolebindings"],
}
NAME_LABEL = "kubernetes.io/metadata.name"


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    item = {"key": key, "operator": operator, **({"values": [*values]} if values else {})}
    return {"matchExpressions": [item]}


def configuration(
    *rules: dict[str, Any],
    kind: str = "Validating",
    **webhook: Any,  # noqa: ANN401
) -> dict[str, Any]:
    return {
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "policy"},
        "webhooks": [{"name": "a.example.com", "rules": [*rules], **webhook}],
    }


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (configuration(CONFIG_MAPS), "warn", "is asked about configmaps (UPDATE)"),
        (configuration(JOBS), "warn", "is asked about jobs (CREATE)"),
        (configuration(BINDINGS), "warn", "is asked about clusterrolebindings (CREATE)"),
        (configuration(ALL), "warn", "configmaps (CREATE, UPDATE, DELETE), leases"),
        (configuration(CONFIG_MAPS, failurePolicy="Ignore"), "ok", "(failurePolicy Ignore)"),
        (
            configuration(CONFIG_MAPS, kind="Mutating", failurePolicy="Ignore"),
            "warn",
            "mutating webhook may change what is written",
        ),
        (configuration(CONFIG_MAPS, kind="Mutating"), "warn", "(failurePolicy Fail)"),
        (configuration({**CONFIG_MAPS, "operations": ["CONNECT"]}), "ok", "No admission webhook"),
        (configuration({**CONFIG_MAPS, "apiGroups": ["apps"]}), "ok", "No admission webhook"),
        (configuration({**CONFIG_MAPS, "resources": ["pods"]}), "ok", "No admission webhook"),
        (configuration({**JOBS, "resources": ["jobs/status"]}), "ok", "No admission webhook"),
        (configuration({**JOBS, "resources": ["*"]}), "warn", "jobs (CREATE)"),
        (configuration({**JOBS, "scope": "Cluster"}), "ok", "No admission webhook"),
        (configuration({**JOBS, "scope": "Namespaced"}), "warn", "jobs (CREATE)"),
        (configuration({**BINDINGS, "scope": "Namespaced"}), "ok", "No admission webhook"),
        (configuration({**JOBS, "apiVersions": ["v1beta1"]}), "warn", "jobs (CREATE)"),
        (
            configuration({**JOBS, "apiVersions": ["v1beta1"]}, matchPolicy="Exact"),
            "ok",
            "No admission webhook",
        ),
        (
            configuration(ALL, namespaceSelector=expression(NAME_LABEL, "NotIn", "kube-system")),
            "warn",
            "is asked about clusterrolebindings (CREATE, DELETE)",
        ),
        (
            configuration(JOBS, namespaceSelector=expression(NAME_LABEL, "NotIn", "kube-system")),
            "ok",
            "No admission webhook",
        ),
        (
            configuration(JOBS, namespaceSelector={"matchLabels": {NAME_LABEL: "payments"}}),
            "ok",
            "No admission webhook",
        ),
        (
            configuration(JOBS, namespaceSelector={"matchLabels": {NAME_LABEL: "kube-system"}}),
            "warn",
            "is asked about jobs",
        ),
        (
            configuration(JOBS, namespaceSelector=expression("policy", "DoesNotExist")),
            "warn",
            "may be asked about jobs",
        ),
        (
            configuration(JOBS, objectSelector={"matchLabels": {"app": "x"}}),
            "warn",
            "may be asked about jobs",
        ),
        (
            configuration(JOBS, matchConditions=[{"name": "x", "expression": "true"}]),
            "warn",
            "may be asked about jobs",
        ),
    ],
)
def test_a_webhook_is_named_by_what_it_sees(found: dict[str, Any], state: str, said: str) -> None:
    check = webhooks_check([found])
    assert check.state == state
    assert said in check.said
    assert bool(check.remedy) == (state == "warn")


def test_many_webhooks_are_counted() -> None:
    many = configuration(JOBS)
    many["webhooks"] *= 30
    assert "and 20 more" in webhooks_check([many]).said


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=9) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "rules", "resources", "matchLabels", "key", "x"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_hostile_configurations_are_read(raw: Any) -> None:  # noqa: ANN401
    webhook = {"rules": raw, "namespaceSelector": raw, "objectSelector": raw, "matchPolicy": raw}
    for webhooks in (raw, [webhook], [{**webhook, "rules": [ALL]}]):
        kind = "MutatingWebhookConfiguration"
        check = webhooks_check([{"kind": kind, "webhooks": webhooks, "metadata": raw}])
        assert check.state != "fail"
