"""A plan file with steps that its principals do not have, its digest computed again: refused by
every command.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.model.files.plan import plan_digest
from tests.support.cli_lab import WAIVERS, WORLD, CliLab, running

CONTRACTOR = "arn:aws:iam::111122223333:role/ext/contractor"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
# A role's ARN with its path matches no login: the principal is skipped.
_ROW = (
    '            - {rolearn: "'
    + CONTRACTOR
    + '", username: contractor, groups: ["system:masters"]}\n'
)
_WORLD = WORLD.replace(
    "      - {name: nobody", "      - {name: contractor, path: /ext/}\n      - {name: nobody", 1
).replace("  - {name: empty", _ROW + "  - {name: empty", 1)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path, _WORLD) as found:
        (found.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        ran = found.run("plan", "small", "--out", "plan.json")
        assert ran.code == 0, ran.err
        yield found


def _write(lab: CliLab, document: dict[str, Any]) -> None:
    document["planDigest"] = plan_digest(document)
    (lab.work / "changed.json").write_text(json.dumps(document), encoding="utf-8")


def _with_two_more_steps(lab: CliLab) -> dict[str, Any]:
    """An administrator's entry for a principal that the plan skips."""
    document = lab.document("plan.json")
    entry: dict[str, Any] = {
        "type": "STANDARD",
        "username": "contractor",
        "kubernetesGroups": [],
        "accessPolicies": [],
    }
    policy = {"policyArn": ADMIN, "accessScope": {"type": "cluster", "namespaces": []}}
    made: dict[str, Any] = {
        "principalArn": CONTRACTOR,
        "type": "STANDARD",
        "username": "contractor",
        "kubernetesGroups": [],
        "accessPolicies": [],
        "createdAt": None,
        "modifiedAt": None,
        "entryArn": "",
        "tags": {},
    }
    common: dict[str, Any] = {"principalArn": CONTRACTOR, "because_of": ["mapRoles[3]"]}
    document["steps"] += [
        common
        | {
            "id": "s98",
            "kind": "create-entry",
            "requires": ["s01"],
            "preconditions": {"entry": "absent"},
            "payload": {"entry": entry},
            "undo": {
                "kind": "delete-entry",
                "principalArn": CONTRACTOR,
                "payload": {"before": made},
            },
        },
        common
        | {
            "id": "s99",
            "kind": "associate-policy",
            "requires": ["s98"],
            "preconditions": {"entry": "present"},
            "payload": {"policy": policy, "before": None},
            "undo": {
                "kind": "disassociate-policy",
                "principalArn": CONTRACTOR,
                "payload": {"policy": policy},
            },
        },
    ]
    return document


def test_plan_with_two_more_steps_for_a_skipped_principal_is_refused_by_every_command(
    lab: CliLab,
) -> None:
    document = _with_two_more_steps(lab)
    assert {p["action"] for p in document["principals"] if p["principalArn"] == CONTRACTOR} == {
        "skip"
    }
    _write(lab, document)
    for arguments in (
        ("show", "changed.json"),
        ("explain", "changed.json", CONTRACTOR),
        ("apply", "changed.json", "--yes"),
        ("verify", "changed.json"),
        ("rehearse", "changed.json", "--image", "registry.k8s.io/pause:3.10"),
        ("cutover", "changed.json", "--confirm", "small", "--decisions", "decisions.yaml"),
        ("rollback", "changed.json"),
        ("retire", "changed.json", "--yes"),
        ("status", "changed.json"),
        ("report", "changed.json", "--html", "report.html"),
        ("generate", "terraform", "changed.json", "--out", "-"),
    ):
        ran = lab.run(*arguments)
        assert (ran.code, ran.error_code) == (1, "plan-inconsistent"), (arguments, ran.out, ran.err)
        assert "s98" in ran.err
        assert CONTRACTOR in ran.err
        assert "migrate plan" in ran.err
    assert lab.effects() == []


def test_plan_in_the_state_folder_that_was_changed_is_refused_by_status(lab: CliLab) -> None:
    assert lab.run("apply", "plan.json", "--yes").code == 0
    kept = next(lab.work.rglob(".migrate/**/plan.json"))
    document = _with_two_more_steps(lab)
    document["planDigest"] = plan_digest(document)
    kept.write_text(json.dumps(document), encoding="utf-8")
    ran = lab.run("status", "small")
    assert (ran.code, ran.error_code) == (1, "plan-inconsistent"), ran.err
