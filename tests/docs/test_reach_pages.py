"""Pages for clusters that are hard to reach: every line of their blocks is run, in order, by a
shell, against a lab whose cluster has a private endpoint.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from migrator.lab.lab_client import control
from tests.support.cli_lab import running
from tests.support.private_world import PRIVATE_WORLD

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.S | re.M)
# What the lab does not have: it has no images (tests/examples/test_in_cluster_job.py builds what is
# in one), no security groups to change, and no Pod Identity, without which the Job has no role.
NOT_RUN = (
    "docker ",
    "aws ec2 authorize-security-group-ingress",
    "aws eks create-pod-identity-association",
    "kubectl wait ",
    "kubectl logs ",
)
# What a reader has done before.
LOG_IN = """\
aws eks update-kubeconfig --name small --kubeconfig kubeconfig > /dev/null
export KUBECONFIG=$PWD/kubeconfig
"""
IN_VPC = PRIVATE_WORLD.replace("settings: {", "settings: {callerInVpc: true, ")
WORLDS = {
    "session-manager": PRIVATE_WORLD,
    "privoxy": PRIVATE_WORLD,
    "in-vpc-host": IN_VPC,
    "inside-the-cluster": IN_VPC,
}


def script(page: str) -> str:
    """The lines of a page as one script. A session that stays open in another terminal is in the
    background, and the next line waits for its port.
    """
    text = "\n".join(FENCE.findall((ROOT / page).read_text()))
    lines = [line.removeprefix("$ ") for line in text.splitlines() if line.strip()]
    done = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for line in lines:
        if line.startswith(NOT_RUN):
            continue
        found = re.search(r"localPortNumber=(\d+)", line)
        done.append(f"{line} > /dev/null 2>&1 &" if found else line)
        if found:
            opened = f"(exec 3<>/dev/tcp/127.0.0.1/{found[1]}) 2>/dev/null"
            done.append(f"until {opened}; do sleep 0.1; done")
    return as_here("\n".join(done))


def as_here(text: str) -> str:
    """The cluster's name, and its port: endpoints of EKS have 443, those of the lab another."""
    text = text.replace("my-cluster --", "small --").replace("cluster/my-cluster", "cluster/small")
    text = re.sub(r"\bmy-cluster$", "small", text, flags=re.M)
    text = text.replace("HOST=${ENDPOINT#https://}", "HOST=127.0.0.1; PORT=${ENDPOINT##*:}")
    text = text.replace("portNumber=443", "portNumber=$PORT")
    return text.replace("examples/", f"{ROOT}/examples/")


@pytest.mark.parametrize("page", sorted(WORLDS))
def test_every_line_of_a_page_works(page: str, tmp_path: Path) -> None:
    with running(tmp_path, WORLDS[page]) as lab:
        text = script(f"playbooks/{page}.md")
        if page == "inside-the-cluster":
            text = LOG_IN + text
        assert "my-cluster " not in text
        environment = lab.environment()
        programs = Path(sys.executable).parent
        environment["PATH"] = f"{environment['PATH']}{os.pathsep}{programs}"
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=lab.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        control(lab.directory, "POST", "world", {"endSessions": {}})
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        if "kubectl" in text:
            assert "aws-auth" in done.stdout or "job.batch/migrate-plan" in done.stdout
