"""What the lab can do to a run, and what the tool says and does then: ``tests/lab/unkind.md``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest

from migrator.lab.lab_client import control
from tests.support.cli_lab import ACCOUNT, WORLD, CliLab, running
from tests.support.unkind import PAGE, assert_as_stated, rows

ROOT = Path(__file__).parents[2]
SCP: Final = "arn:aws:organizations::999988887777:policy/o-lab/service_control_policy/p-lab"
REVIEW: Final = "kubernetes:create selfsubjectaccessreviews"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role"
APPLY: Final = ("apply", "plan.json", "--yes")
VERIFY: Final = ("verify", "plan.json")
PLAN: Final = ("plan", "small", "--out", "plan.json")
NOTHING: Final[tuple[str, ...]] = ()


def of_cluster(*lines: str) -> str:
    """The small world, whose cluster has more keys."""
    header = f"    creator: {ROLE}/creator\n"
    return WORLD.replace(header, header + "".join(f"    {line}\n" for line in lines), 1)


def of_account(line: str, world: str = WORLD) -> str:
    """The same with one more key of the account."""
    return world.replace('  - id: "111122223333"\n', f'  - id: "111122223333"\n    {line}\n', 1)


def of_operator(keys: str) -> str:
    """The same with more keys of the operator."""
    return WORLD.replace("{name: operator}", f"{{name: operator, {keys}}}", 1)


@dataclass(frozen=True)
class Case:
    """A world, what is done before, the faults that begin then, and the command that meets them.

    ``effects``: what it may change at most, None: anything. ``again``: the command succeeds when
    the fault is over.
    """

    command: tuple[str, ...]
    world: str = WORLD
    before: tuple[tuple[str, ...], ...] = (PLAN,)
    faults: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[str, ...] | None = None
    again: bool = False


def in_mid_run(operation: str, kind: str = "denied", **more: object) -> Case:
    """An apply that meets a fault, and continues when it is over."""
    return Case(APPLY, faults=({"operation": operation, "kind": kind, **more},), again=True)


def while_proven(kind: str, command: tuple[str, ...] = VERIFY, **more: object) -> Case:
    """A command after an apply, whose reviews meet a fault."""
    fault = {"operation": REVIEW, "kind": kind, "skip": 1, **more}
    return Case(command, of_cluster("certificates: old"), (PLAN, APPLY), (fault,), NOTHING)


def in_bucket(keys: str, world: str = WORLD, effects: tuple[str, ...] | None = NOTHING) -> Case:
    """An apply whose state is in a bucket with these keys."""
    bucket = f"buckets: [{{name: team-state, {keys}}}]"
    return Case((*APPLY, *STATE), of_account(bucket, world), effects=effects)


KEY: Final = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b"
STATE: Final = ("--state-dir", "s3://team-state/eks")
AUTO_MODE = of_cluster(
    "authenticationMode: API_AND_CONFIG_MAP",
    f"describe: {{computeConfig: {{enabled: true, nodeRoleArn: '{ROLE}/auto-nodes'}}}}",
    f"capabilities: [{{capabilityName: argo, type: ARGOCD, roleArn: '{ROLE}/gitops'}}]",
).replace(
    "      - {name: developer}\n",
    "      - {name: developer}\n      - {name: eks-cluster-role}\n"
    "      - {name: auto-nodes}\n      - {name: gitops}\n",
)
FORTY = ", ".join(f"192.0.2.{number}/32" for number in range(40))
OUTPOST = f"arn:aws:outposts:eu-central-1:{ACCOUNT}:outpost/op-0123456789abcdef0"
SEEN = ("--source-address", "203.0.113.10")
OPEN = (*PLAN, "--open-endpoint-for-me", *SEEN, "--yes")
CASES: Mapping[str, Case] = {
    "a service control policy denies CreateAccessEntry": Case(
        APPLY,
        of_account(
            f'serviceControlPolicies: [{{arn: "{SCP}", deniedActions: ["eks:CreateAccess*"]}}]'
        ),
        effects=NOTHING,
    ),
    "a permissions boundary allows no UpdateClusterConfig": Case(
        APPLY,
        of_operator(
            'permissionsBoundary: {allowedActions: ["eks:*Access*", "eks:Describe*", "eks:List*", '
            '"iam:*", "sts:*"]}'
        ),
        effects=NOTHING,
    ),
    "a service control policy begins to deny in the middle of apply": in_mid_run(
        "eks:AssociateAccessPolicy", skip=1, policy=SCP
    ),
    "a permissions boundary begins to limit in the middle of apply": in_mid_run(
        "eks:UpdateAccessEntry", by="permissions-boundary"
    ),
    "a session policy does not allow a read in the middle of apply": in_mid_run(
        "eks:DescribeAccessEntry", by="session-policy", skip=3
    ),
    "the policy of a VPC endpoint does not allow a write in the middle of apply": in_mid_run(
        "eks:AssociateAccessPolicy", by="vpc-endpoint-policy"
    ),
    "the caller's own policy does not allow a write in the middle of apply": in_mid_run(
        "eks:AssociateAccessPolicy", by="identity-based-policy"
    ),
    "an admission webhook denies the binding of the bridge": in_mid_run(
        "kubernetes:patch clusterrolebindings"
    ),
    "the last access entry that EKS admits is made by another writer": Case(
        APPLY, WORLD.replace("updateSeconds: 2}", "updateSeconds: 2, accessEntriesPerCluster: 3}")
    ),
    "publicAccessCidrs has 40 ranges": Case(
        OPEN, of_cluster(f"resourcesVpcConfig: {{publicAccessCidrs: [{FORTY}]}}"), (), (), NOTHING
    ),
    "a local cluster on an Outpost": Case(
        PLAN, of_cluster(f'describe: {{outpostConfig: {{outpostArns: ["{OUTPOST}"]}}}}'), ()
    ),
    "a platform version from before access entries": Case(
        PLAN, of_cluster('version: "1.28"', "platformVersion: eks.5"), ()
    ),
    "a certificate authority from Kubernetes 1.16 or before": Case(
        APPLY, of_cluster("certificates: old")
    ),
    "two authorities of one subject, and the second one is served": Case(
        APPLY, of_cluster("certificates: rotating")
    ),
    "EKS activates another authority in the middle of apply": Case(
        APPLY,
        of_cluster("certificates: old"),
        faults=(
            {
                "operation": "kubernetes:patch clusterrolebindings",
                "kind": "ca-rotates",
                "times": 1,
                "cluster": "small",
            },
        ),
    ),
    "EKS activates another authority while principals are proven": while_proven(
        "ca-rotates", times=1, cluster="small"
    ),
    "an authorizer fails once": while_proven("undecided", times=1),
    "an authorizer keeps failing while principals are proven": while_proven("undecided"),
    "an authorizer fails while doctor asks": while_proven("undecided", ("doctor", "small")),
    "entries that EKS made for Auto Mode and for a capability": Case(PLAN, AUTO_MODE, ()),
    "CloudTrail may not be asked for the creator": Case(
        PLAN, of_operator('deniedActions: ["cloudtrail:LookupEvents"]'), (), effects=NOTHING
    ),
    "a boundary does not allow the key of the state bucket": in_bucket(
        f"kmsKey: '{KEY}'",
        of_operator(
            'permissionsBoundary: {allowedActions: ["eks:*", "iam:*", "sts:*", "ec2:*", "s3:*"]}'
        ),
    ),
    "the key of the state bucket is in another Region": in_bucket(
        f"kmsKey: '{KEY.replace('central', 'west')}'"
    ),
    "the policy of the state bucket denies a write": in_bucket("deniedActions: ['s3:Put*']"),
    "the caller may not list the state bucket": in_bucket(
        "region: eu-central-1", of_operator('deniedActions: ["s3:ListBucket"]')
    ),
    "there is no state bucket": Case((*APPLY, *STATE), effects=NOTHING),
    "the state bucket is in another Region": in_bucket("region: us-west-2", effects=None),
    "the store of the state refuses conditional writes": in_bucket("conditionalWrites: refused"),
    "the store of the state ignores conditions": in_bucket(
        "conditionalWrites: ignored", effects=("s3:PutObject", "s3:PutObject", "s3:DeleteObject")
    ),
    "the state bucket denies writes in the middle of apply": replace(
        in_bucket("region: eu-central-1", effects=None),
        faults=({"operation": "s3:PutObject", "kind": "denied", "skip": 14},),
        again=True,
    ),
    "a roll-back of the version runs while the cluster is ACTIVE, and ends": Case(
        APPLY, of_cluster("updates: [{id: u-1, type: VersionRollback, doneAt: SOON}]")
    ),
    "the state bucket denies to delete the lock": replace(
        in_bucket("deniedActions: ['s3:DeleteObject']", effects=None), again=True
    ),
}


def operations(lab: CliLab) -> tuple[str, ...]:
    return tuple(each["operation"] for each in lab.effects())


@pytest.mark.parametrize("fault", CASES)
def test_tool_says_and_does(fault: str, tmp_path: Path) -> None:
    case = CASES[fault]
    soon = datetime.now(timezone.utc) + timedelta(seconds=5)  # noqa: TID251 - the lab begins now
    with running(tmp_path, case.world.replace("SOON", f'"{soon.isoformat()}"')) as lab:
        # Lab time stands still until the command, whatever the machine is busy with.
        control(lab.directory, "POST", "clock", {"freeze": "SOON" in case.world})
        for command in case.before:
            assert lab.run(*command).code == 0
        control(lab.directory, "POST", "clock", {"thaw": True})
        before = operations(lab)
        for each in case.faults:
            control(lab.directory, "POST", "fault", dict(each))
        ran = lab.run(*case.command)
        assert_as_stated(fault, ran)
        found = control(lab.directory, "POST", "fault", {"clear": False})["faults"]
        assert all(each["struck"] for each in found)
        if case.effects is not None:
            assert operations(lab)[len(before) :] == case.effects
        if case.again:
            control(lab.directory, "POST", "fault", {"clear": True})
            assert lab.run(*case.command).code == 0


def test_each_row_of_the_table_has_its_test() -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert list(CASES) == [row.fault for row in rows().values() if row.test.startswith(here)]
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(lines) - 1 == len(rows())  # each line is a row that was understood
    for row in rows().values():
        path, _, function = row.test.partition("::")
        assert re.search(rf"^def {function}\(", (ROOT / path).read_text(), re.M), row.test
