"""A lab whose clusters drift: each change is made by another writer, through the APIs that people
use, and what ``migrate drift`` prints is run as it is printed.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from tests.support.aws_command import run_script
from tests.support.aws_lab import client
from tests.support.cli_lab import Ran
from tests.support.forked_cli import forked_clis
from tests.support.remedy_lab import ACCOUNT, FOREIGN, OPERATOR, REGION, ROLE, RemedyLab, row

POLICY = "arn:aws:eks::aws:cluster-access-policy"
ADMIN, VIEW, EDIT = (f"{POLICY}/AmazonEKS{name}Policy" for name in ("ClusterAdmin", "View", "Edit"))
SSO_PATH = "/aws-reserved/sso.amazonaws.com/eu-central-1/"
READER = f"arn:aws:iam::{FOREIGN}:role/reader"
PARTNER = f"arn:aws:iam::{FOREIGN}:role/partner"
WHOLE = {"type": "cluster"}


@dataclass(frozen=True)
class DriftLab(RemedyLab):
    """One cluster of the lab. Its own roles are named after it, so that tests share no
    principal.
    """

    def role(self, name: str) -> str:
        """The ARN of one of the cluster's own roles."""
        return f"{ROLE}/{self.name}-{name}"

    @property
    def sso(self) -> tuple[str, str]:
        """The cluster's Identity Center role, and the one that replaces it."""
        old, new = (f"{ROLE}{SSO_PATH}{name}" for name in self.sso_names)
        return old, new

    @property
    def sso_names(self) -> tuple[str, str]:
        """Their names."""
        return f"AWSReservedSSO_{self.name}_{'a' * 16}", f"AWSReservedSSO_{self.name}_{'b' * 16}"

    def eks(self, operation: str, arn: str, **more: Any) -> None:  # noqa: ANN401 - parameters
        """Another writer's call of EKS about an entry."""
        api = client(self.lab, "eks", region=REGION)
        getattr(api, operation)(clusterName=self.name, principalArn=arn, **more)

    def iam(self, operation: str, **more: Any) -> None:  # noqa: ANN401 - parameters
        """Another writer's call of IAM."""
        getattr(client(self.lab, "iam"), operation)(**more)

    def new_role(self, name: str, path: str = "/") -> None:
        """A role that is there from now on."""
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        self.iam(
            "create_role", RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust)
        )

    def make_again(self, name: str) -> None:
        """Delete a role and make one of the same name."""
        self.iam("delete_role", RoleName=name)
        self.world.clock.advance(timedelta(seconds=5))
        self.new_role(name)

    def drift(self, *more: str) -> tuple[Ran, Mapping[str, Any]]:
        """What drift says of the cluster, as JSON."""
        ran = self.run("drift", self.name, "--detailed-exitcode", "--output", "json", *more)
        return ran, json.loads(ran.out or "{}")

    def follow(self, commands: Sequence[str]) -> None:
        """Run printed lines: those of the AWS CLI as a shell does, those of this program here."""
        for line in commands:
            words = shlex.split(line)
            if words[0] == "migrate":
                done = self.run(*words[1:], *["--yes"] * (words[1] in ("apply", "retire")))
                # Of a run of one principal, the others are left.
                assert done.code in ((0, 7) if words[1] == "apply" else (0, 3)), (
                    f"{line}: {done.out}{done.err}"
                )
                continue
            assert words[:2] == ["aws", "eks"], line
            called = run_script(self.lab, self.work / "home", f"{line}\n", OPERATOR)
            assert called.returncode == 0, f"{line}: {called.stderr}"


def _roles(names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    yield from ({"name": name} for name in ("operator", "second-admin", "creator"))
    for name in names:
        yield from ({"name": f"{name}-{role}"} for role in ("dev", "ci", "new"))
        yield {"name": f"AWSReservedSSO_{name}_{'a' * 16}", "path": SSO_PATH}


def _entry(arn: str, policy: str, *namespaces: str, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - fields
    policies = [{"policyArn": policy, "namespaces": [*namespaces]}]
    return {"principalArn": arn, "policies": policies, **more}


def _cluster(name: str, mode: str) -> Mapping[str, Any]:
    entries = [
        _entry(OPERATOR, ADMIN),
        {"principalArn": f"{ROLE}/{name}-dev", "username": "dev", "kubernetesGroups": ["devs"]},
        _entry(f"{ROLE}/{name}-ci", EDIT, "shop", username="ci:{{SessionName}}"),
        _entry(f"{ROLE}{SSO_PATH}AWSReservedSSO_{name}_{'a' * 16}", VIEW),
    ]
    data = {"mapRoles": row(f"{ROLE}/{name}-row", "row", "rows")}
    return {
        "name": name,
        "account": ACCOUNT,
        "region": REGION,
        "authenticationMode": mode,
        "creator": f"{ROLE}/creator",
        "accessEntries": [] if mode == "CONFIG_MAP" else entries,
        "kubernetes": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                "data": data,
            }
        ],
    }


@contextmanager
def drift_lab(place: Path, modes: Mapping[str, str]) -> Iterator[DriftLab]:
    """A lab with a cluster in each mode, by its name; its first one is named by the value."""
    names = [*modes]
    roles = [*_roles(names), *({"name": f"{name}-row"} for name in names)]
    foreign = [{"name": "reader", "trust": {"aws": [OPERATOR]}}, {"name": "partner"}]
    world = {
        "format": "migrator/world/v1",
        "name": "drift",
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 0, "updateSeconds": 0},
        "accounts": [{"id": ACCOUNT, "roles": roles}, {"id": FOREIGN, "roles": foreign}],
        "clusters": [_cluster(name, mode) for name, mode in modes.items()],
    }
    lab = Lab(build_world(world), place / "lab")
    lab.start()
    try:
        yield DriftLab(lab, forked_clis(), names[0], place)
    finally:
        lab.stop()
