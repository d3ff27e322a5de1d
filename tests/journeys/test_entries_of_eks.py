"""Auto Mode and EKS capabilities: EKS makes entries for roles that no person can assume."""

import re
from pathlib import Path

from tests.journeys.test_unkind_lab import AUTO_MODE, ROLE
from tests.support.cli_lab import WAIVERS, running

SERVICES = {"auto-nodes": "ec2", "gitops": "capabilities.eks", "eks-cluster-role": "eks"}
ANSWERS = ("--decisions", "decisions.yaml")


def world() -> str:
    """The roles trust what AWS has them trust: a service alone."""
    text = AUTO_MODE
    for name, service in SERVICES.items():
        trust = f"{{services: [{service}.amazonaws.com]}}"
        text = text.replace(f"{{name: {name}}}", f"{{name: {name}, trust: {trust}}}")
    return text


def test_entries_that_eks_made_and_the_plan_keeps_need_no_login(tmp_path: Path) -> None:
    """Without logs of the control plane nothing shows a login as these roles. No waiver of a proof
    is in the answers.
    """
    with running(tmp_path, world()) as lab:
        (lab.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        assert lab.run("plan", "small", "--out", "plan.json", *ANSWERS).code == 0
        assert lab.run("apply", "plan.json", "--yes").code == 0
        verified = lab.run("verify", "plan.json")
        assert verified.code == 0, verified.out
        gates = lab.run("cutover", "plan.json", "--confirm", "small", "--gates", *ANSWERS)
        assert gates.code == 0, gates.out + gates.err
        own = re.sub(r"\s+", "", gates.out).partition("EKSmadetheseentriesforitsownroles")[2]
        assert all(f"{ROLE}/{name}" in own for name in SERVICES), gates.out
