"""Whoever nobody can be is proven by what it does itself: its logins in the control-plane logs, or
in a usage file.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migrator.adapters.eks_token import TokenMint
from migrator.model.decision import Acceptance
from migrator.model.evidence import Evidence, evidence_in
from migrator.model.files.snapshot import decode_usage
from migrator.model.plan import Plan
from migrator.render.usage import usage_document
from migrator.run.observe import ObserveOptions, ObservePorts, observe
from tests.support.proof_lab import CLOSED, CLUSTER, ProofLab, is_done_as_asked, proof_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch) as found:
        yield found


def log_in(lab: ProofLab) -> None:
    """The closed role does something by itself, as a service with its credentials would."""
    session = lab.session.with_profile(lab.profile(CLOSED))
    token = TokenMint(session, CLUSTER).mint()
    wire = lab.connect().wire
    headers = {"Authorization": f"Bearer {token.reveal()}", "User-Agent": "deployer/1.0"}
    answer = wire._pool.request(
        "GET", f"{wire.endpoint.server}/api/v1/namespaces/shop/pods", headers=headers
    )
    assert answer.status == 200


def newest(lab: ProofLab, plan: Plan) -> Evidence:
    found = evidence_in(lab.ports(plan).store.read("evidence.jsonl") or b"")
    return [each for each in found if each.principal_arn == CLOSED][-1]


def marked(lab: ProofLab, plan: Plan) -> bool:
    entry = lab.ports(plan).entries.describe(CLOSED)
    assert entry is not None
    return any(group.startswith("migrator-probe:") for group in entry.kubernetes_groups)


def test_the_marker_stays_until_a_login_is_seen_and_that_proves_the_entry(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    first = lab.apply(plan, digest, CLOSED)
    assert (first.exit_code, [arn for arn, _ in first.outstanding]) == (7, [CLOSED])
    assert marked(lab, plan)
    assert lab.verdict(plan, CLOSED).verdict == "partial"
    lab.pass_time(120)
    log_in(lab)
    again = lab.apply(plan, digest, CLOSED)
    assert is_done_as_asked(again), again
    seen = newest(lab, plan)
    assert (seen.proof_class, seen.attribution, seen.holds) == ("observed", "marker", True)
    assert "seen once in the authenticator's log" in seen.how
    assert not marked(lab, plan)
    found = lab.verdict(plan, CLOSED)
    assert (found.verdict, found.proof_class) == ("ok", "observed")


def test_the_audit_log_shows_it_too(lab: ProofLab) -> None:
    setup = {"clusterLogging": [{"types": ["authenticator"], "enabled": False}]}
    lab.session.call("eks", "update_cluster_config", name=CLUSTER, logging=setup)
    lab.pass_time(5)
    plan, digest = lab.plan()
    lab.apply(plan, digest, CLOSED)
    lab.pass_time(120)
    log_in(lab)
    assert lab.apply(plan, digest, CLOSED).outstanding == ()
    assert "in the audit log" in newest(lab, plan).how


def test_a_login_through_the_row_shows_a_dead_entry_and_it_is_taken_back(lab: ProofLab) -> None:
    (cluster,) = lab.lab.world.clusters.values()

    def changed() -> None:
        versions = cluster.history.get(CLOSED, [])
        if versions and versions[-1].entry is not None:
            dead = replace(versions[-1].entry, principal_id="AROAGONEGONEGONEGONE")
            versions[-1] = replace(versions[-1], entry=dead)

    cluster.listeners.append(changed)
    plan, digest = lab.plan()
    lab.apply(plan, digest, CLOSED)
    lab.pass_time(120)
    log_in(lab)
    outcome = lab.apply(plan, digest, CLOSED)
    assert outcome.exit_code == 6
    seen = newest(lab, plan)
    assert seen.proof_class == "observed"
    assert "is missing" in seen.differences[0]
    assert lab.ports(plan).entries.describe(CLOSED) is None


def test_a_usage_file_is_as_good_as_the_logs(lab: ProofLab) -> None:
    plan, digest = lab.plan()
    lab.apply(plan, digest, CLOSED)
    lab.pass_time(120)
    log_in(lab)
    ports = lab.ports(plan)
    assert ports.logs is not None
    observing = ObservePorts(
        ports.logs,
        ports.reader,
        ports.config_maps,
        ports.store,
        ports.clock,
        ports.approver,
        ports.events,
    )
    document = json.loads(
        json.dumps(usage_document(observe(observing, ObserveOptions()), cluster="x"))
    )
    assert CLOSED in {each["arn"] for each in document["logins"]}
    found = lab.verdict(plan, CLOSED, usage=decode_usage(document))
    assert (found.verdict, found.proof_class) == ("ok", "observed")
    stranger = {
        **document,
        "logins": [each for each in document["logins"] if each["arn"] != CLOSED],
    }
    lab.ports(plan).store.write("evidence.jsonl", b"")
    missing = lab.verdict(plan, CLOSED, usage=decode_usage(stranger))
    assert (missing.verdict, missing.proof_class) == ("partial", "simulated")
    assert "not in the usage file" in missing.why


def test_without_logs_it_is_simulated_and_says_why_or_a_person_answers(lab: ProofLab) -> None:
    lab.control(
        "world", permissions={lab.lab.world.settings.operator: {"deniedActions": ["logs:*"]}}
    )
    plan, digest = lab.plan()
    lab.apply(plan, digest, CLOSED)
    found = lab.verdict(plan, CLOSED)
    assert (found.verdict, found.proof_class) == ("partial", "simulated")
    assert "logs:FilterLogEvents" in found.why
    waived = {CLOSED: Acceptance("Jo", "looked at the pipeline")}
    answered = lab.verdict(plan, CLOSED, waive_verification=waived)
    assert (answered.verdict, answered.proof_class) == ("ok", "attested")
    assert answered.why.startswith("attested by Jo: looked at the pipeline")
