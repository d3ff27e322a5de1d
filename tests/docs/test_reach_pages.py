"""Pages for clusters that are hard to reach: every line of their blocks is run, in order, by a
shell, against a lab whose cluster has a private endpoint.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from migrator.lab.lab_client import control
from tests.run.test_network_policies_on_the_lab import LOCKED, SURROUNDINGS
from tests.support.cli_lab import CliLab, running
from tests.support.forked_programs import folder_of
from tests.support.private_world import NODE, PRIVATE_WORLD
from tests.support.way_servers import Proxy, listening

ROOT = Path(__file__).parents[2]
_PUT_IN = "sed 's/, my-cluster]/, small]/' examples/in-cluster-job.yaml > job.yaml"
FENCE = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.S | re.M)
# What the lab does not have: it has no images (tests/examples/test_in_cluster_job.py builds what is
# in one), and no security groups to change.
NOT_RUN = (
    "docker ",
    "aws ec2 authorize-security-group-ingress",
)
# Pages whose reader has a kubeconfig, and what the commands print.
SAID = {
    "inside-the-cluster": ("job.batch/migrate-plan condition met", "Principals: 3"),
    "calico-cluster": ("security.locked", "['ok']", "FELIX_DEFAULTENDPOINTTOHOSTACTION"),
}
# What a reader has done before.
LOG_IN = """\
aws eks update-kubeconfig --name small --kubeconfig kubeconfig > /dev/null
export KUBECONFIG=$PWD/kubeconfig
"""
IN_VPC = PRIVATE_WORLD.replace("settings: {", "settings: {callerInVpc: true, ")
_PRIVATE_ALONE = "{endpointPublicAccess: false, endpointPrivateAccess: true}"
PUBLIC = PRIVATE_WORLD.replace(_PRIVATE_ALONE, "{endpointPublicAccess: true}")
FILTERED = PRIVATE_WORLD.replace(
    _PRIVATE_ALONE, '{endpointPrivateAccess: true, publicAccessCidrs: ["198.51.100.0/24"]}'
)
_NODES = "arn:aws:iam::111122223333:role/nodes"
_NODE_ROW = f"""mapRoles: |
            - rolearn: "{_NODES}"
              username: "system:node:{{{{EC2PrivateDNSName}}}}"
              groups: ["system:bootstrappers", "system:nodes"]"""
TRAP = (
    PRIVATE_WORLD.replace(
        _PRIVATE_ALONE,
        '{endpointPrivateAccess: false, publicAccessCidrs: ["203.0.113.0/24"]}\n'
        f'    nodegroups: [{{nodegroupName: workers, nodeRole: "{_NODES}"}}]',
    )
    .replace(
        "- {name: creator}",
        "- {name: creator}\n      - {name: nodes, trust: {services: [ec2.amazonaws.com]}}",
    )
    .replace("mapRoles: |", _NODE_ROW)
)
# As the page: a tier that lets kube-system reach DNS alone.
_CALICO_OBJECTS = "".join(f"      - {json.dumps(each)}\n" for each in (*SURROUNDINGS, LOCKED))
CALICO = IN_VPC + _CALICO_OBJECTS
# As the Terraform module lays it out: the minimum, and not what is recommended.
GROUPS = IN_VPC.replace(
    "    kubernetes:\n",
    f"""\
    network: terraform
    kubernetes:
      - apiVersion: v1
        kind: Node
        metadata: {{name: ip-10-0-1-1.eu-central-1.compute.internal}}
        spec: {{providerID: "aws:///eu-central-1a/{NODE}"}}
""",
)
WORLDS = {
    "address-filter": FILTERED,
    "calico-cluster": CALICO,
    "session-manager": PRIVATE_WORLD,
    "privoxy": PRIVATE_WORLD,
    "in-vpc-host": IN_VPC,
    "inside-the-cluster": IN_VPC,
}


def script(page: str, *, without: str = "\0") -> str:
    """The lines of a page as one script. A session that stays open in another terminal is in the
    background, and the next line waits for its port. ``without``: the number of a section that is
    another way to the same end.
    """
    sections = re.split(r"^## ", (ROOT / page).read_text(), flags=re.M)
    kept = "".join(each for each in sections if not each.startswith(f"{without}. "))
    text = "\n".join(FENCE.findall(kept))
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
    # "With the name of the cluster, the image and the two ranges put in."
    text = text.replace("examples/in-cluster-job.yaml", "job.yaml")
    return f"{_PUT_IN}\n{text}".replace("examples/", f"{ROOT}/examples/")


@pytest.mark.parametrize("page", sorted(WORLDS))
def test_every_line_of_a_page_works(page: str, tmp_path: Path) -> None:
    with running(tmp_path, WORLDS[page]) as lab:
        text = script(f"playbooks/how-to/{page}.md")
        if page in SAID:
            text = LOG_IN + text
        done = follow(text, lab, lab.environment())
        for said in SAID.get(page, ("aws-auth",) if "kubectl" in text else ()):
            assert said in done.stdout, done.stdout


def test_every_line_of_the_page_for_a_proxy_works(tmp_path: Path) -> None:
    proxy = Proxy(login="jane:s@cret")
    with running(tmp_path, PUBLIC) as lab, listening(proxy.serve) as port:
        text = script("playbooks/how-to/company-proxy.md").replace(
            "proxy.example:3128", f"127.0.0.1:{port}"
        )
        environment = lab.environment()
        del environment["no_proxy"]  # the page names its own exceptions
        done = follow(text, lab, environment)
        assert "s@cret" not in done.stdout + done.stderr
        assert "s%40cret" not in done.stdout + done.stderr
    assert all(b"Basic" in head for head in proxy.heads)
    assert proxy.tunnels


@pytest.mark.parametrize("without", ["2", "3"])
def test_each_way_of_the_page_for_nodes_lets_them_join(without: str, tmp_path: Path) -> None:
    with running(tmp_path, TRAP) as lab:
        text = script("playbooks/how-to/node-join.md", without=without)
        follow(text, lab, lab.environment())
        codes = [
            {each["code"] for each in lab.document(name)["findings"]}
            for name in ("plan.json", f"plan-{5 - int(without)}.json")
        ]
        assert ["nodes-join-by-address" in each for each in codes] == [True, False]


def test_commands_of_the_page_for_security_groups_add_what_is_missing(tmp_path: Path) -> None:
    with running(tmp_path, GROUPS) as lab:
        follow(script("playbooks/how-to/security-groups.md"), lab, lab.environment())
        before, after = (
            {row["name"]: row["state"] for row in lab.document(name)["securityGroups"]}
            for name in ("doctor.json", "after.json")
        )
    assert "warn" in before.values()
    assert set(after.values()) == {"ok"}


def follow(
    text: str, lab: CliLab, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a page's lines as its reader does."""
    assert "my-cluster " not in text
    # A session in another terminal is ended by the script: that is the AWS CLI as it is installed.
    forked = ("migrate",) if "localPortNumber" in text else ("migrate", "aws")
    places = [*map(folder_of, forked), environment["PATH"], Path(sys.executable).parent]
    environment["PATH"] = os.pathsep.join(map(str, places))
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
    return done
