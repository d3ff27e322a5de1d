"""Log-ins that are refused today stay refused: tried for real, with the lab's authenticator
refusing them.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrator.decide.proving.announced import unannounced_changes
from migrator.model.canonical import pretty_bytes
from migrator.model.evidence import LogInAttempt
from migrator.model.files.plan import decode_plan_with_digest, plan_to_document
from migrator.model.plan import AccessChange, Plan
from tests.support.proof_lab import (
    MAP_ROLES,
    OPERATOR,
    REGION,
    ZONE,
    ProofLab,
    is_done_as_asked,
    proof_lab,
    role,
    world_document,
)

JENKINS, SPARE = role("jenkins"), role("spare")
INSTANCE = "i-0123456789abcdef9"
ACCEPTED = {"by": "Ana", "reason": "the trust policy is narrowed in change 4711"}
GAIN = {
    "principals": {
        JENKINS: {"action": "create", "username": "jenkins", "reason": "a name of its own"}
    },
    "accept_gain": {JENKINS: ACCEPTED},
}
ROWS = f"""\
- {{rolearn: "{JENKINS}", username: "jenkins-{{{{EC2PrivateDNSName}}}}", groups: [devs]}}
- rolearn: {SPARE}
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
"""


def world() -> dict[str, Any]:
    """Two roles that EC2 and the operator may assume, whose rows admit sessions of EC2 instances
    only.
    """
    document = world_document()
    account, cluster = document["accounts"][0], document["clusters"][0]
    trust = {"services": ["ec2.amazonaws.com"], "aws": [OPERATOR]}
    account["roles"] += [{"name": "jenkins", "trust": trust}, {"name": "spare", "trust": trust}]
    account["instanceProfiles"].append({"name": "jenkins", "role": "jenkins"})
    name = f"ip-10-0-0-9.{ZONE}"
    account["instances"].append(
        {"id": INSTANCE, "region": REGION, "privateDnsName": name, "instanceProfile": "jenkins"}
    )
    config_map = next(each for each in cluster["kubernetes"] if each["kind"] == "ConfigMap")
    config_map["data"]["mapRoles"] = MAP_ROLES + ROWS
    return document


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch, world()) as found:
        yield found


def unannounced(plan: Plan) -> tuple[Plan, str]:
    """The same entry, as a plan from before log-ins were compared has it: nothing is gained, and no
    finding tells.
    """
    silent = {"gain-accepted", "log-in-population-gained"}
    principals = tuple(
        replace(p, access=AccessChange(), findings=tuple(f for f in p.findings if f not in silent))
        if p.principal_arn == JENKINS
        else p
        for p in plan.principals
    )
    findings = tuple(each for each in plan.findings if each.code not in silent)
    document = plan_to_document(replace(plan, principals=principals, findings=findings))
    return decode_plan_with_digest(pretty_bytes(document))


def made_by_hand(lab: ProofLab, username: str = "jenkins") -> None:
    lab.eks(
        "create_access_entry", principalArn=JENKINS, username=username, kubernetesGroups=["devs"]
    )
    lab.pass_time(60)


def test_baseline_records_the_refused_log_in_and_holds(lab: ProofLab) -> None:
    plan, _ = lab.plan(GAIN)
    outcome = lab.verify(plan, JENKINS, SPARE, baseline=True)
    assert outcome.exit_code == 0
    for evidence in outcome.evidence:
        assert evidence.log_ins == (LogInAttempt("other", admitted=False),)
        assert evidence.differences == ()
        assert (
            evidence.proof_class == "simulated"
        )  # that one session is refused shows nothing of the others
        assert "was refused, as it must be" in evidence.how


def test_entry_that_admits_more_without_announcement_fails_verify_by_name(lab: ProofLab) -> None:
    plan, digest = unannounced(lab.plan(GAIN)[0])
    assert lab.verify(plan, JENKINS, baseline=True).exit_code == 0
    made_by_hand(lab)
    outcome = lab.verify(plan, JENKINS)
    assert outcome.exit_code == 6
    (verdict,) = outcome.verdicts
    assert (verdict.principal_arn, verdict.verdict) == (JENKINS, "failed")
    assert "the login works, as 'jenkins', and did not before" in verdict.why
    assert "sessions that are not an EC2 instance's" in verdict.why
    snapshot = lab.ports(plan).read_snapshot()
    told = unannounced_changes(plan, snapshot, digest)
    assert any(JENKINS in line and "log-ins that were refused before" in line for line in told)


def test_entry_of_a_plan_without_announcement_is_taken_back_by_apply(lab: ProofLab) -> None:
    plan, digest = unannounced(lab.plan(GAIN)[0])
    outcome = lab.apply(plan, digest, JENKINS)
    assert outcome.exit_code == 6
    assert JENKINS not in lab.eks("list_access_entries")["accessEntries"]


def test_gain_that_a_person_accepted_is_applied_and_verified(lab: ProofLab) -> None:
    plan, digest = lab.plan(GAIN)
    assert lab.verify(plan, JENKINS, baseline=True).exit_code == 0
    assert is_done_as_asked(lab.apply(plan, digest, JENKINS))
    verdict = lab.verdict(plan, JENKINS)
    assert verdict.verdict == "ok"
    assert verdict.evidence is not None
    assert verdict.evidence.log_ins == (LogInAttempt("other", admitted=True),)


def test_node_role_that_migrate_can_assume_is_not_failed_by_its_own_plain_session(
    lab: ProofLab,
) -> None:
    """An entry of type EC2_LINUX refuses the session that migrate has, as the row did: no proof,
    and no failure.
    """
    plan, digest = lab.plan(GAIN)
    outcome = lab.apply(plan, digest, SPARE)
    assert SPARE in lab.eks("list_access_entries")["accessEntries"]
    assert outcome.exit_code != 6
    verdict = lab.verdict(plan, SPARE)
    assert verdict.verdict == "partial"
    assert "was refused, as it must be" in verdict.why


def test_log_in_that_the_baseline_saw_refused_must_stay_refused(lab: ProofLab) -> None:
    """The plan reads a row as one that admits every session; the cluster refused it, and admits it
    by an entry.
    """
    plan, _ = lab.plan(GAIN)
    lying = replace(
        plan,
        principals=tuple(
            replace(p, before=replace(p.before, username="jenkins"), access=AccessChange())
            if p.principal_arn == JENKINS
            else p
            for p in plan.principals
        ),
    )
    assert lab.verify(lying, JENKINS, baseline=True).exit_code == 6
    made_by_hand(lab)
    outcome = lab.verify(lying, JENKINS)
    assert outcome.exit_code == 6
    assert "did not before" in outcome.verdicts[0].why
