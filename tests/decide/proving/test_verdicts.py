"""From evidence to verdicts: unknown is never ok, and a proof by the row proves nothing about the
entry.
"""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.proving.how_known import request_text
from migrator.decide.proving.verdicts import (
    cluster_verdict,
    counts,
    state_digest,
    still_shown_by_nodes,
    verdict_of,
)
from migrator.model.access_entry import AccessEntry, Identity
from migrator.model.canonical import canonical_bytes
from migrator.model.evidence import (
    PROOF_CLASSES,
    Attribution,
    Evidence,
    PrincipalVerdict,
    Probe,
    ProbeResult,
    SelfSubject,
    Verdict,
    evidence_from_document,
    evidence_in,
    evidence_to_document,
)
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest
from migrator.model.step import ProofClass
from tests.support.memory_runs import DEVS

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PRINCIPAL = PlannedPrincipal(
    DEVS, "create", Identity("dev", ("devs",), "config-map"), required_proof="live"
)
ENTRY = AccessEntry(DEVS, "STANDARD", "dev", ("devs",))
STATE = state_digest(ENTRY, "API_AND_CONFIG_MAP")
HELD = ProbeResult(Probe(AccessRequest("get", "", "pods"), expected=True), allowed=True)


def evidence(
    proof: ProofClass = "live", attribution: Attribution = "marker", minutes: int = 1
) -> Evidence:
    at = (NOW - timedelta(minutes=minutes)).isoformat()
    return Evidence(DEVS, proof, "after", at, STATE, attribution, probes=(HELD,), how="seen")


def judged(*found: Evidence, required: ProofClass | None = None) -> PrincipalVerdict:
    return verdict_of(PRINCIPAL, found, current=STATE, now=NOW, required=required)


def test_a_live_proof_by_the_entry_is_ok() -> None:
    assert judged(evidence()).verdict == "ok"


def test_nothing_shown_is_unknown() -> None:
    assert judged().verdict == "unknown"
    assert judged(replace(evidence(), principal_arn="somebody else")).verdict == "unknown"
    assert judged(replace(evidence(), phase="before")).verdict == "unknown"
    assert judged(evidence("unverified")).verdict == "unknown"


def test_what_is_too_old_or_of_another_state_is_unknown() -> None:
    assert judged(evidence(minutes=60 * 25)).verdict == "unknown"
    assert judged(replace(evidence(), state_digest=state_digest(ENTRY, "API"))).verdict == "unknown"
    assert (
        judged(replace(evidence(), state_digest=state_digest(None, "API_AND_CONFIG_MAP"))).verdict
        == "unknown"
    )


SEEN = evidence("observed", "node", minutes=30)
LATER = evidence("simulated", "none")


@pytest.mark.parametrize("after", [(), (LATER,), (LATER, LATER)])
def test_nodes_that_were_seen_still_show_an_entry_that_is_as_it_was(
    after: tuple[Evidence, ...],
) -> None:
    other = replace(SEEN, principal_arn="another", probes=())
    assert still_shown_by_nodes((SEEN, *after, other), DEVS, STATE, NOW) == SEEN


@pytest.mark.parametrize(
    "kept",
    [
        (),
        (LATER,),
        (evidence("live", "marker"),),
        (replace(SEEN, phase="before"),),
        (replace(SEEN, state_digest=state_digest(None, "API_AND_CONFIG_MAP")),),
        # The entry was another one in between.
        (SEEN, replace(LATER, state_digest=state_digest(None, "API_AND_CONFIG_MAP"))),
        (SEEN, replace(LATER, differences=("its node is not ready",))),
        (replace(SEEN, differences=("its node is not ready",)),),
        (evidence("observed", "node", minutes=60 * 25),),
    ],
)
def test_nodes_that_were_not_seen_by_the_entry_as_it_is_show_nothing(
    kept: tuple[Evidence, ...],
) -> None:
    assert still_shown_by_nodes(kept, DEVS, STATE, NOW) is None


def test_a_login_that_the_row_may_explain_is_partial() -> None:
    assert judged(evidence(attribution="none")).verdict == "partial"


def test_a_weaker_class_than_demanded_is_partial_and_enough_where_less_is_demanded() -> None:
    assert judged(evidence("simulated", "none")).verdict == "partial"
    assert judged(evidence("simulated", "none"), required="simulated").verdict == "ok"


def test_a_named_persons_word_is_enough() -> None:
    assert judged(evidence("attested", "none")).verdict == "ok"


def test_the_newest_evidence_decides_that_something_is_wrong() -> None:
    wrong = replace(evidence(), differences=("the group 'devs' is missing",))
    found = judged(evidence(minutes=9), wrong)
    assert found.verdict == "failed"
    assert "devs" in found.why
    assert judged(wrong, evidence()).verdict == "ok"


@pytest.mark.parametrize("expected", [True, False])
def test_a_probe_with_another_answer_is_a_failure_both_ways(expected: bool) -> None:
    result = ProbeResult(
        Probe(AccessRequest("get", "", "secrets"), expected=expected), allowed=not expected
    )
    assert judged(replace(evidence(), probes=(HELD, result))).verdict == "failed"


def test_failure_names_five_probes_and_counts_the_others() -> None:
    denied = [
        ProbeResult(Probe(AccessRequest(verb, "", "pods"), expected=True), allowed=False)
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete")
    ]
    why = judged(replace(evidence(), probes=tuple(denied))).why
    assert why.count("denied, and must be allowed") == 5
    assert why.endswith("and 2 more probes")


def test_evidence_of_a_role_that_was_created_again_does_not_count() -> None:
    def login(principal_id: str, attribution: Attribution) -> Evidence:
        subject = SelfSubject("dev", ("devs",), extra={"principalId": (principal_id,)})
        return replace(evidence(attribution=attribution), subject=subject)

    assert judged(login("AROA1", "marker"), login("AROA1", "none")).verdict == "ok"
    assert judged(login("AROA1", "marker"), login("AROA2", "none")).verdict == "partial"
    assert judged(evidence(), login("AROA2", "none")).verdict == "ok"


def test_the_strongest_evidence_that_holds_is_named() -> None:
    assert judged(evidence(), evidence("simulated", "none")).proof_class == "live"


def test_marker_and_bridge_groups_do_not_change_the_state() -> None:
    marked = replace(ENTRY, kubernetes_groups=("devs", "migrator-probe:0", "migrator-bridge:0"))
    assert state_digest(marked, "API_AND_CONFIG_MAP") == STATE
    assert (
        state_digest(replace(ENTRY, kubernetes_groups=("others",)), "API_AND_CONFIG_MAP") != STATE
    )


VERDICTS: tuple[Verdict, ...] = ("ok", "partial", "failed", "unknown")


@given(st.lists(st.sampled_from(VERDICTS)))
def test_the_clusters_verdict_is_the_worst_and_nothing_is_unknown(found: list[Verdict]) -> None:
    verdicts = [PrincipalVerdict(DEVS, each, "live", "live", "") for each in found]
    total = cluster_verdict(verdicts)
    assert (total == "ok") == (bool(found) and set(found) == {"ok"})
    assert ("failed" in found) == (total == "failed")
    assert sum(counts(verdicts).values()) == len(found)


@given(
    st.sampled_from(PROOF_CLASSES),
    st.sampled_from(["marker", "policy", "none"]),
    st.integers(0, 3000),
)
def test_unknown_is_never_ok(proof: ProofClass, attribution: Attribution, minutes: int) -> None:
    found = judged(evidence(proof, attribution, minutes))
    if found.verdict == "ok":
        assert minutes <= 24 * 60
        assert proof in ("live", "attested")
        assert attribution != "none" or proof == "attested"


def test_evidence_is_read_back_as_it_was_written_and_a_torn_line_is_left_out() -> None:
    one = replace(evidence(), probes=(HELD, HELD), differences=("x",))
    assert evidence_from_document(evidence_to_document(one)) == one
    line = canonical_bytes(evidence_to_document(one))
    assert evidence_in(line + b"\n" + line[:20]) == (one,)


def test_questions_are_named_as_kubectl_names_them() -> None:
    assert request_text(AccessRequest("get", path="/metrics")) == "get /metrics"
    scale = AccessRequest(
        "update", "apps", "deployments", subresource="scale", name="web", namespace="shop"
    )
    assert request_text(scale) == "update apps/deployments/scale web in shop"


def test_evidence_without_a_session_shows_no_unique_id_and_counts() -> None:
    shown = SelfSubject("dev", ("devs",), {"other": ("x",), "principalId": ()})
    newer = replace(evidence(minutes=1), subject=shown)
    older = replace(evidence(minutes=2), subject=None)
    assert judged(newer, older).verdict == "ok"


# Classes of a login, what ties it to the entry, whether it held the bridge, and how long after the
# last write of the entry it was.
LOGINS = st.tuples(
    st.sampled_from(("live", "observed")),
    st.sampled_from(("marker", "policy", "api-mode", "only-way", "none")),
    st.booleans(),
    st.integers(-60, 60),
)


def seen_login(found: tuple[ProofClass, Attribution, bool, int], written: datetime) -> Evidence:
    """A login of the principal that holds, as a piece of evidence."""
    proof, attribution, bridged, minutes = found
    groups = ("devs", "migrator-bridge:ad3e61072c9e75d1") if bridged else ("devs",)
    return replace(
        evidence(proof, attribution),
        at=(written + timedelta(minutes=minutes)).isoformat(),
        subject=SelfSubject("dev", groups),
    )


@given(st.lists(LOGINS, max_size=4))
def test_only_a_login_of_the_final_entry_without_the_bridge_proves_it(
    logins: list[tuple[ProofClass, Attribution, bool, int]],
) -> None:
    written = NOW - timedelta(hours=2)
    found = verdict_of(
        PRINCIPAL,
        [*(seen_login(each, written) for each in logins), evidence("simulated", "none")],
        current=STATE,
        now=NOW,
        written=written,
        required="observed",
    )
    counting = [
        attribution
        for proof, attribution, bridged, minutes in logins
        if attribution != "none"
        and not bridged
        and (proof == "live" or attribution == "marker" or minutes >= 0)
    ]
    assert (found.verdict == "ok") == bool(counting)


def test_a_login_that_held_the_bridge_is_named_as_one_that_does_not_count() -> None:
    bridged = seen_login(("observed", "marker", True, -1), NOW - timedelta(minutes=5))
    found = judged(bridged, evidence("simulated", "none"), required="observed")
    assert found.verdict == "partial"
    assert "bridge's cluster-admin" in found.why
