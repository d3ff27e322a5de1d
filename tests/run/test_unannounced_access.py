"""An entry that gives more than before, though the plan's own entry and steps say so: only
``access`` announces a gain.

The plan is taken as it is, past the reader that refuses it, as a planner with a defect would make
it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import migrator.run.apply_plan as apply_plan_module
from migrator.decide.running.gates import end_state_changes
from migrator.errors import Failed
from migrator.model.canonical import canonical_bytes
from migrator.model.files.plan import decode_plan_with_digest, encode_plan, plan_digest
from migrator.model.plan import Plan
from migrator.run.begin_run import progress_in
from tests.support.changed_plans import with_group
from tests.support.proof_lab import CLOSED, DEVS, ProofLab, proof_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch) as found:
        yield found


def widened(plan: Plan, *arns: str) -> tuple[Plan, str]:
    """The plan with a group that a binding names in the entry and in every step of these
    principals.
    """
    document = json.loads(encode_plan(plan))
    for principal in document["principals"]:
        if principal["principalArn"] in arns:
            with_group(document, principal, "wide")
    document["planDigest"] = plan_digest(document)
    return decode_plan_with_digest(canonical_bytes(document))


def apply_past_its_check(
    lab: ProofLab, plan: Plan, digest: str, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apply as if the cluster's RBAC had not been compared first: RBAC can change after a plan is
    applied.
    """
    with monkeypatch.context() as patched:
        patched.setattr(apply_plan_module, "refuse_unannounced", lambda plan, snapshot: None)
        assert lab.apply(plan, digest, arn).exit_code in (0, 7)


def test_apply_refuses_an_entry_that_gives_more_than_before_before_anything_is_sent(
    lab: ProofLab,
) -> None:
    honest, _ = lab.plan()
    plan, digest = widened(honest, DEVS)
    with pytest.raises(Failed) as refused:
        lab.apply(plan, digest, DEVS)
    assert refused.value.code == "plan-inconsistent"
    assert DEVS in refused.value.why
    assert lab.ports(plan).store.journal() == ()


@pytest.mark.parametrize("arn", [DEVS, CLOSED])
def test_entry_that_gives_more_than_before_fails_verification_although_the_plan_says_so(
    lab: ProofLab, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One principal is verified by login, the other, which nobody can log in as, by the rules."""
    honest, _ = lab.plan()
    plan, digest = widened(honest, arn)
    apply_past_its_check(lab, plan, digest, arn, monkeypatch)
    outcome = lab.verify(plan, arn)
    assert outcome.exit_code == 6
    (verdict,) = outcome.verdicts
    assert verdict.verdict == "failed"
    assert "gains what the plan does not announce" in verdict.why


def test_entry_that_gives_more_than_before_keeps_the_end_state_gate_closed(
    lab: ProofLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, _ = lab.plan()
    plan, digest = widened(honest, DEVS)
    apply_past_its_check(lab, plan, digest, DEVS, monkeypatch)
    ports = lab.ports(plan)
    snapshot = ports.read_snapshot()
    progress = progress_in(ports.store.journal(), plan, digest)
    told = end_state_changes(plan, progress, snapshot, digest, plan.basis)
    assert any(DEVS in line and "gains what the plan does not announce" in line for line in told)
    assert not any("announce" in line and DEVS not in line for line in told)
