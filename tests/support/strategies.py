"""Hypothesis strategies for values of the model that several tests need."""

from datetime import datetime, timezone

from hypothesis import strategies as st

from migrator.model import step as steps
from migrator.model.access_entry import (
    AccessEntry,
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
    Identity,
)
from migrator.model.finding import Finding
from migrator.model.plan import AccessChange, ClusterRef, Plan, PlannedPrincipal
from migrator.model.rbac import PermissionRow, Witness

hostile_text = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "system:masters",
        "{{SessionName}}",
        "[red]x[/red]",
        "\x1b[31mred",
        "a\u202eb",
        "</script>",
        "${x}",
        "`id`",
    ]
)
texts = st.lists(hostile_text, max_size=3).map(tuple)
scopes = st.builds(AccessScope, st.sampled_from(["cluster", "namespace"]), texts)
policies = st.builds(AssociatedPolicy, hostile_text, scopes)
entry_types = st.sampled_from(
    ["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX"]
)
entries = st.builds(
    EntrySpec,
    type=entry_types,
    username=st.none() | hostile_text,
    kubernetes_groups=texts,
    access_policies=st.lists(policies, max_size=2).map(tuple),
)
moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=timezone.utc)
)
observed_entries = st.builds(
    AccessEntry,
    principal_arn=hostile_text,
    type=entry_types,
    username=hostile_text,
    kubernetes_groups=texts,
    access_policies=st.lists(policies, max_size=2).map(tuple),
    created_at=st.none() | moments,
    modified_at=st.none() | moments,
    entry_arn=hostile_text,
    tags=st.dictionaries(hostile_text, hostile_text, max_size=2),
)
effects: st.SearchStrategy[steps.Effect] = st.one_of(
    st.just(steps.EnableEntries()),
    st.builds(steps.AwaitEntry, hostile_text, entries),
    st.builds(steps.CreateBridge, hostile_text, hostile_text),
    st.builds(
        steps.CreateBinding,
        hostile_text,
        st.none() | hostile_text,
        st.sampled_from(["Role", "ClusterRole"]),
        hostile_text,
        hostile_text,
    ),
    st.builds(steps.CreateEntry, hostile_text, entries),
    st.builds(steps.UpdateEntry, hostile_text, entries, entries),
    st.builds(steps.DeleteEntry, hostile_text, observed_entries),
    st.builds(steps.AssociatePolicy, hostile_text, policies, st.none() | policies),
    st.builds(steps.DisassociatePolicy, hostile_text, policies),
    st.builds(
        steps.Prove,
        hostile_text,
        hostile_text,
        texts,
        st.sampled_from(["live", "observed", "simulated", "attested", "unverified"]),
        st.sampled_from(["marker", "policy", "node", "rehearsal"]),
    ),
    st.builds(steps.RemoveBridge, hostile_text, hostile_text),
)
identities = st.builds(
    Identity,
    username=hostile_text,
    groups=texts,
    via=st.sampled_from(["config-map", "access-entry", "automatic", "none"]),
    policies=st.lists(policies, max_size=1).map(tuple),
)
witnesses = st.builds(
    Witness,
    hostile_text,
    hostile_text,
    hostile_text,
    hostile_text,
    hostile_text,
    st.none() | hostile_text,
    st.none() | hostile_text,
    texts,
)
permission_rows = st.builds(
    PermissionRow, hostile_text, texts, texts, texts, texts, texts, st.none() | witnesses
)
findings = st.builds(
    Finding,
    code=st.from_regex(r"[a-z]+(-[a-z]+){0,3}", fullmatch=True),
    severity=st.sampled_from(["block", "warn", "info"]),
    message=hostile_text,
    remedy=hostile_text,
    reference=st.just("https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html"),
    source=st.none() | st.sampled_from(["mapRoles[0]", "mapUsers[3]"]),
    line=st.none() | st.integers(1, 1000),
    principal_arn=st.none() | hostile_text,
)
principals = st.builds(
    PlannedPrincipal,
    principal_arn=hostile_text,
    action=st.sampled_from(["create", "update", "recreate", "keep", "await", "skip", "block"]),
    before=identities,
    sources=texts,
    principal_id=st.none() | hostile_text,
    entry=st.none() | entries,
    proposed=st.none() | entries,
    required_proof=st.sampled_from(["live", "observed", "simulated"]),
    access=st.builds(AccessChange, st.lists(permission_rows, max_size=2).map(tuple), st.just(())),
    findings=texts,
)
clusters = st.builds(
    ClusterRef,
    name=hostile_text,
    arn=hostile_text,
    account_id=st.just("111122223333"),
    region=st.just("eu-central-1"),
    partition=st.just("aws"),
    authentication_mode=st.sampled_from(["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]),
)
plans = st.builds(
    Plan,
    created_at=st.just("2026-11-22T00:00:00Z"),
    cluster=clusters,
    basis=st.dictionaries(hostile_text, hostile_text, max_size=2),
    snapshot_digest=st.just("sha256:0"),
    strategy=st.sampled_from(["preserve", "policies"]),
    target=st.sampled_from(["API", "API_AND_CONFIG_MAP"]),
    principals=st.lists(principals, max_size=3).map(tuple),
    findings=st.lists(findings, max_size=3).map(tuple),
    steps=st.lists(
        st.builds(
            steps.Step, st.sampled_from(["s01", "s02"]), effects, texts, texts, st.none() | effects
        ),
        max_size=3,
    ).map(tuple),
    break_glass=st.none() | st.just("arn:aws:iam::111122223333:role/break-glass"),
)
