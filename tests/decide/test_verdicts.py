"""Verdicts: evidence ages, is void on another state, and counts in full only where it is tied to the entry."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from migrator.decide.verdicts import EVIDENCE_AGE, attributable, cluster_verdict, counts, state_digest, verdict_of
from migrator.model.access_entry import AccessEntry, AccessScope, AssociatedPolicy, Identity
from migrator.model.evidence import (
    Evidence,
    PrincipalVerdict,
    Probe,
    ProbeResult,
    SelfSubject,
    Verdict,
    evidence_from_document,
    evidence_to_document,
)
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest

ARN = "arn:aws:iam::111122223333:role/sre"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
STATE = "sha256:now"
DEV = PlannedPrincipal(ARN, "create", Identity("sre", ("oncall",), "config-map"), required_proof="observed")
SECRETS = AccessRequest("get", "", "secrets", "", "shop")


def evidence(**changes: object) -> Evidence:
    base = Evidence(ARN, "live", "after", NOW.isoformat(), STATE, "marker", SelfSubject("sre", ("oncall",)), how="x")
    return replace(base, **changes)  # type: ignore[arg-type]


def verdict(*found: Evidence, **options: object) -> PrincipalVerdict:
    return verdict_of(DEV, found, current=STATE, now=NOW, **options)  # type: ignore[arg-type]


def test_live_attributable_proof_is_ok() -> None:
    assert verdict(evidence()).verdict == "ok"


def test_nothing_shown_is_unknown_and_unknown_is_never_ok() -> None:
    found = verdict()
    assert (found.verdict, found.proof_class, found.why) == ("unknown", "unverified", "nothing was shown yet")
    assert cluster_verdict([found, verdict(evidence())]) == "unknown"
    assert verdict(evidence(proof_class="unverified")).verdict == "unknown"


def test_evidence_ages() -> None:
    just = evidence(at=(NOW - EVIDENCE_AGE).isoformat())
    old = evidence(at=(NOW - EVIDENCE_AGE - timedelta(seconds=1)).isoformat())
    assert verdict(just).verdict == "ok"
    assert (verdict(old).verdict, verdict(old).why) == ("unknown", "what was shown is too old or of another state")
    assert verdict(old, max_age=timedelta(days=2)).verdict == "ok"


def test_evidence_of_another_state_is_void() -> None:
    assert verdict(evidence(state_digest="sha256:then")).verdict == "unknown"


def test_evidence_of_before_or_of_others_does_not_count() -> None:
    assert verdict(evidence(phase="before")).verdict == "unknown"
    assert verdict(evidence(principal_arn=f"{ARN}2")).verdict == "unknown"


def test_a_login_that_may_have_gone_through_the_row_is_partial() -> None:
    found = verdict(evidence(attribution="none"))
    assert found.verdict == "partial"
    assert "attributable to the entry" in found.why
    assert attributable(evidence(attribution="only-way"))


def test_the_newest_evidence_decides_that_something_is_wrong() -> None:
    wrong = evidence(differences=("the username is 'x', not 'sre'",))
    assert verdict(evidence(), wrong).verdict == "failed"
    assert verdict(wrong, evidence()).verdict == "ok"


def test_a_verdict_names_the_probe_that_shows_it() -> None:
    denied = evidence(probes=(ProbeResult(Probe(SECRETS, expected=True), allowed=False),))
    gained = evidence(probes=(ProbeResult(Probe(SECRETS, expected=False), allowed=True),))
    assert verdict(denied).why == "get secrets in shop: denied, and must be allowed"
    assert verdict(gained).why == "get secrets in shop: allowed, and must be denied"


def test_an_earlier_marker_ties_a_later_login_of_the_same_principal_to_the_entry() -> None:
    earlier = evidence(at=(NOW - timedelta(hours=1)).isoformat(), how="earlier")
    later = evidence(attribution="none", how="logged in; 30 of 30 probes as they must be")
    found = verdict(earlier, later)
    assert (found.verdict, found.evidence) == ("ok", later)
    assert (
        found.why
        == "logged in; 30 of 30 probes as they must be; tied to the entry at 2026-11-22T11:00:00+00:00 (marker)"
    )


def test_what_was_shown_of_a_role_says_nothing_of_one_made_anew_under_its_name() -> None:
    def of(unique_id: str, **changes: object) -> Evidence:
        return evidence(subject=SelfSubject("sre", ("oncall",), {"principalId": (unique_id,)}), **changes)

    assert verdict(of("AROAOLD"), of("AROANEW", attribution="none")).verdict == "partial"
    assert verdict(of("AROAOLD"), of("AROAOLD", attribution="none")).verdict == "ok"


@pytest.mark.parametrize(
    ("demanded", "shown", "result"),
    [
        ("live", "observed", "partial"),
        ("observed", "live", "ok"),
        ("observed", "observed", "ok"),
        ("observed", "simulated", "partial"),
        ("simulated", "simulated", "ok"),
        ("live", "attested", "ok"),
    ],
)
def test_the_class_must_be_as_strong_as_the_policy_wants(demanded: str, shown: str, result: Verdict) -> None:
    found = verdict(evidence(proof_class=shown), required=demanded)
    assert (found.verdict, found.required) == (result, demanded)


def test_the_cluster_is_as_good_as_its_worst_principal() -> None:
    def of(*found: Verdict) -> Verdict:
        return cluster_verdict(PrincipalVerdict(ARN, each, "live", "live", "") for each in found)

    assert of("ok", "partial", "failed", "unknown") == "failed"
    assert of("ok", "partial", "unknown") == "unknown"
    assert of("ok", "partial") == "partial"
    assert of("ok", "ok") == "ok"
    assert of() == "unknown"
    assert counts([PrincipalVerdict(ARN, "ok", "live", "live", "")]) == {
        "ok": 1,
        "partial": 0,
        "failed": 0,
        "unknown": 0,
    }


def test_the_state_is_entry_policies_and_mode_without_what_a_run_adds_for_itself() -> None:
    policy = AssociatedPolicy(
        "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy", AccessScope("namespace", ("b", "a"))
    )
    entry = AccessEntry(ARN, "STANDARD", "sre", ("oncall",), (policy,))
    marked = replace(entry, kubernetes_groups=("migrator-probe:1", "oncall", "migrator-bridge:1"))
    same = replace(entry, access_policies=(replace(policy, scope=AccessScope("namespace", ("a", "b"))),))
    digest = state_digest(entry, "API")
    assert {state_digest(each, "API") for each in (marked, same)} == {digest}
    others = [
        state_digest(entry, "API_AND_CONFIG_MAP"),
        state_digest(None, "API"),
        state_digest(replace(entry, username="x"), "API"),
        state_digest(replace(entry, kubernetes_groups=()), "API"),
        state_digest(replace(entry, access_policies=()), "API"),
        state_digest(replace(entry, access_policies=(replace(policy, scope=AccessScope()),)), "API"),
    ]
    assert len({digest, *others}) == 7


def test_stored_evidence_holds_no_access_key_id() -> None:
    subject = SelfSubject("sre", ("oncall",), {"accessKeyId": ("ASIAEXAMPLE",), "principalId": ("AROA",)})
    stored = evidence(subject=subject, probes=(ProbeResult(Probe(SECRETS, expected=True), allowed=True),))
    document = evidence_to_document(stored)
    assert "ASIAEXAMPLE" not in repr(document)
    back = evidence_from_document(document)
    assert back == replace(stored, subject=SelfSubject("sre", ("oncall",), {"principalId": ("AROA",)}))
