"""A cluster with one administrator: a break-glass principal of IAM stands for the second one, once
IAM lets it in.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_lab import ACCOUNT, WAIVERS, WORLD, CliLab, running

SECOND = (
    f'            - {{rolearn: "arn:aws:iam::{ACCOUNT}:role/second-admin", '
    'username: second, groups: ["system:masters"]}\n'
)
DECISIONS = f"""\
{WAIVERS}
break_glass: "arn:aws:iam::{ACCOUNT}:role/GLASS"
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    """The operator administers; the creator, too, but nobody may assume that role."""
    world = WORLD.replace(SECOND, "").replace(
        "      - {name: creator}\n",
        "      - {name: creator, trust: {services: [ec2.amazonaws.com]}}\n"
        "      - {name: glass, path: /emergency/}\n"
        '      - {name: broken-glass, deniedActions: ["eks:AssociateAccessPolicy"]}\n',
    )
    assert len(world) < len(WORLD) + 200 and SECOND not in world
    with running(tmp_path, world) as found:
        yield found


def plan_and_apply(lab: CliLab, glass: str) -> tuple[int, str]:
    (lab.work / "decisions.yaml").write_text(DECISIONS.replace("GLASS", glass), encoding="utf-8")
    planned = lab.run("plan", "small", "--out", "plan.json", "--decisions", "decisions.yaml")
    assert planned.code == 0, planned.out + planned.err
    applied = lab.run("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
    return applied.code, applied.err


def gate(lab: CliLab) -> dict[str, str]:
    shown = lab.run(
        "cutover", "plan.json", "--gates", "--decisions", "decisions.yaml", "--output", "json"
    )
    found: dict[str, str] = {each["name"]: each for each in json.loads(shown.out)["gates"]}[
        "second-admin"
    ]
    return found


def test_who_iam_would_let_in_stands_for_the_second_admin(lab: CliLab) -> None:
    code, said = plan_and_apply(lab, "emergency/glass")
    assert code == 0, said
    assert "role/emergency/glass (break-glass: IAM would let it" in said
    found = gate(lab)
    assert (found["state"], "break-glass" in found["detail"]) == ("pass", True), found


def test_who_iam_would_refuse_does_not(lab: CliLab) -> None:
    code, said = plan_and_apply(lab, "broken-glass")
    assert code == 6, said
    assert "IAM would refuse it eks:AssociateAccessPolicy" in said
    found = gate(lab)
    assert (found["state"], "AssociateAccessPolicy" in found["detail"]) == ("fail", True), found
