"""A row that names ``system:unauthenticated``: its login may not ask who it is, which is an answer.

Source: apiserver ``pkg/authentication/group/authenticated_group_adder.go``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.proof_lab import (
    DEVS,
    MAP_ROLES,
    ProofLab,
    is_done_as_asked,
    proof_lab,
    world_document,
)

ACCEPTED = {"by": "Ana", "reason": "reviewed in change 4711"}
ANSWERS = {
    "groups": {"system:unauthenticated": {"rename_to": "outside"}},
    "accept_gain": {DEVS: ACCEPTED},
}


def world() -> dict[str, Any]:
    """The cluster of the proofs, with the row of the developers outside of every login's group."""
    document = world_document()
    objects = document["clusters"][0]["kubernetes"]
    config_map = next(each for each in objects if each["kind"] == "ConfigMap")
    row = 'username: "dev:{{SessionName}}", groups: [devs]'
    assert row in MAP_ROLES
    config_map["data"]["mapRoles"] = MAP_ROLES.replace(
        row, row.replace("[devs]", '[devs, "system:unauthenticated"]')
    )
    return document


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProofLab]:
    with proof_lab(tmp_path, monkeypatch, world()) as found:
        yield found


def test_login_that_may_not_ask_is_a_baseline_and_its_entry_is_proven(lab: ProofLab) -> None:
    plan, digest = lab.plan(ANSWERS)
    before = lab.verify(plan, DEVS, baseline=True)
    assert before.exit_code == 0
    (evidence,) = before.evidence
    assert evidence.subject is not None
    assert (evidence.subject.may_ask, evidence.subject.username) == (False, "dev:migrate-run")
    assert evidence.differences == ()
    assert "may not ask about itself" in evidence.how
    assert is_done_as_asked(lab.apply(plan, digest, DEVS))
    verdict = lab.verdict(plan, DEVS)
    assert verdict.verdict == "ok"
    assert verdict.evidence is not None
    assert verdict.evidence.subject is not None
    assert verdict.evidence.subject.may_ask
