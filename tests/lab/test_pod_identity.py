"""Pod Identity: the Job of `examples/in-cluster-job.yaml` completes with exactly its rights, and
what lacks one of them does not.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ruamel.yaml import YAML

from migrator.decide.reach.required_permissions import actions_of
from migrator.decide.reach.required_requests import conditional_requests_of, kubernetes_needs_of
from migrator.lab.aws.call import Call
from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.worlds.principals import Permissions
from migrator.lab.worlds.world_files import load_world
from migrator.model.rbac import AccessRequest
from tests.support.example_snapshots import EXAMPLES
from tests.support.lab_session import LabSession, lab_session
from tests.support.private_world import POD_ROLE, PRIVATE_WORLD
from tests.support.stated_permissions import stated_as

ACCOUNT = "111122223333"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{POD_ROLE}"
USER = "system:serviceaccount:migrate:migrate"
ACTIONS = {action for action, _ in actions_of("plan")}
PATIENCE = 90  # seconds


@dataclass
class InCluster:
    """A cluster, its Job's role, and what the Job asked for."""

    session: LabSession
    requests: set[AccessRequest] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)

    def eks(self) -> Any:  # noqa: ANN401 - boto3's client
        given = self.session.environment()
        return boto3.client(
            "eks",
            endpoint_url=self.session.lab.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
        )

    def associate(self) -> None:
        self.eks().create_pod_identity_association(
            clusterName="small",
            namespace="migrate",
            serviceAccount="migrate",
            roleArn=ROLE_ARN,
        )

    def run(self, without: str = "") -> tuple[str, str]:
        """Make the objects of the example; how its Job ended, and its log. ``without``: a kind
        that is left out.
        """
        text = (EXAMPLES / "in-cluster-job.yaml").read_text().replace("my-cluster]", "small]")
        api = kubernetes_api(self.session.world, self.session.world.cluster("small"))
        for each in YAML(typ="safe", pure=True).load_all(text):
            if each["kind"] != without:
                change = {"cluster": "small", "object": each}
                self.session.world.controls["putObject"](change)
        store, deadline = api.registry.store, time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < deadline
            job = store.get(("batch", "jobs"), "migrate", "migrate-plan")
            ended = (job or {}).get("status", {}).get("conditions") or []
            if ended:
                (pod,) = (p for p in store.items(("", "pods"))[0] if "labels" in p["metadata"])
                return str(ended[0]["type"]), (api.jobs.log_of(pod) or b"").decode()
            time.sleep(0.05)


@contextmanager
def in_cluster(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[InCluster]:
    (folder / "world.yaml").write_text(PRIVATE_WORLD, encoding="utf-8")
    world = load_world(folder / "world.yaml")
    with lab_session(folder, world) as session:
        found = InCluster(session)
        world.endpoint_of(world.cluster("small"))
        world.accounts[ACCOUNT].roles[POD_ROLE].permissions = Permissions(
            allowed=tuple(sorted(ACTIONS))
        )
        decide, require = Authorizer.decide, Call.require

        def decided(self: Authorizer, user: Any, request: AccessRequest, **more: Any) -> Any:  # noqa: ANN401 - as it is
            if user.username == USER:
                found.requests.add(request)
            return decide(self, user, request, **more)

        def required(call: Call, action: str, resource: str) -> None:
            if call.caller.principal_arn == ROLE_ARN:
                found.actions.add(action)
            require(call, action, resource)

        patch.setattr(Authorizer, "decide", decided)
        patch.setattr(Call, "require", required)
        yield found


def test_the_job_completes_with_exactly_what_its_example_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_cluster(tmp_path, monkeypatch) as cluster:
        cluster.associate()
        ended, log = cluster.run()
        assert ended == "Complete", log
        assert "Traceback" not in log
        needs = set(kubernetes_needs_of("plan"))
        where = {each.request for each in conditional_requests_of("plan")}
        resources = {r for r in cluster.requests if r.resource}
        assert not [r for r in resources if not stated_as(r, needs | where)]
        used = set[AccessRequest]().union(*(stated_as(r, needs | where) for r in resources))
        assert needs <= used
        assert cluster.actions <= ACTIONS


@pytest.mark.parametrize(
    ("without", "wanted", "said"),
    [
        ("RoleBinding", "Failed", "[kubernetes-denied]"),
        ("ClusterRoleBinding", "Complete", "`rbac` was not read"),
        ("association", "Failed", "[no-region]"),
    ],
)
def test_each_right_of_the_example_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str, wanted: str, said: str
) -> None:
    with in_cluster(tmp_path, monkeypatch) as cluster:
        if without != "association":
            cluster.associate()
        ended, log = cluster.run(without)
        assert (ended, said in log) == (wanted, True), log
        assert "Traceback" not in log


def test_associations_are_listed_refused_twice_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_cluster(tmp_path, monkeypatch) as cluster:
        cluster.associate()
        eks = cluster.eks()
        with pytest.raises(ClientError, match="ResourceInUseException"):
            cluster.associate()
        (found,) = eks.list_pod_identity_associations(clusterName="small")["associations"]
        assert (found["namespace"], found["serviceAccount"]) == ("migrate", "migrate")
        eks.delete_pod_identity_association(
            clusterName="small", associationId=found["associationId"]
        )
        assert eks.list_pod_identity_associations(clusterName="small")["associations"] == []
