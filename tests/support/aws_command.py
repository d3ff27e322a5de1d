"""The AWS CLI, installed beside the tests, against a lab: scripts run as a person would run
them.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrator.lab.server import Lab
from migrator.lab.worlds.effects import KillPoint
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from tests.support.aws_lab import OPERATOR, REGION, Client, client
from tests.support.forked_programs import folder_of


def environment(lab: Lab, home: Path, principal: str = OPERATOR) -> dict[str, str]:
    """What the AWS CLI reads: a principal's keys, the lab's address, no retries, and no files of
    this machine.
    """
    keys = lab.world.credentials_of(principal)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": keys.session_token or "",
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_CONFIG_FILE": str(home / "no-config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


def run_script(
    lab: Lab,
    home: Path,
    script: str,
    principal: str = OPERATOR,
    *,
    forked: bool = True,
    kill: tuple[int, KillPoint] | None = None,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run a shell script in the folder ``home``; its calls of ``aws`` are forked, or processes of
    the program as it is installed. ``kill``: the script dies at this effect of its own.
    """
    home.mkdir(parents=True, exist_ok=True)
    given = environment(lab, home, principal)
    if forked:
        given["PATH"] = f"{folder_of('aws')}{os.pathsep}{given['PATH']}"
    (home / "script.sh").write_text(script, encoding="utf-8")
    command = ["bash", str(home / "script.sh")]
    with subprocess.Popen(
        command,
        cwd=home,
        env=given | changes,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if kill:
            lab.world.effects.order_kill(process.pid, len(lab.world.effects) + kill[0], kill[1])
        out, err = process.communicate(timeout=300)
    lab.world.effects.cancel_kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def entries(lab: Lab, cluster: str = "demo", *, eks: Client = None) -> dict[str, EntrySpec]:
    """Every entry of a cluster as the API shows it, groups and policies sorted; node types without
    their own names. ``eks``: a client that is there already.
    """
    eks = eks or client(lab, "eks", region=REGION)
    return {
        arn: _entry(eks.describe_access_entry, eks.list_associated_access_policies, cluster, arn)
        for arn in eks.list_access_entries(clusterName=cluster)["accessEntries"]
    }


def _entry(
    describe: Callable[..., dict[str, Any]],
    listed: Callable[..., dict[str, Any]],
    cluster: str,
    arn: str,
) -> EntrySpec:
    found = describe(clusterName=cluster, principalArn=arn)["accessEntry"]
    if found["type"] != "STANDARD":
        return EntrySpec(found["type"])
    policies = [
        AssociatedPolicy(
            each["policyArn"],
            AccessScope(
                each["accessScope"]["type"],
                tuple(sorted(each["accessScope"].get("namespaces", ()))),
            ),
        )
        for each in listed(clusterName=cluster, principalArn=arn)["associatedAccessPolicies"]
    ]
    return EntrySpec(
        "STANDARD",
        found["username"],
        tuple(sorted(found.get("kubernetesGroups", ()))),
        tuple(sorted(policies, key=lambda policy: policy.policy_arn)),
    )
