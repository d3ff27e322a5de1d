"""Commands run with exactly the permissions that are stated for them, and what they ask for.

The demo world, whose operator is an administrator by a binding. In front of the lab's own answers
stands what is stated: before each command the operator gets the IAM actions and the Kubernetes
requests of that command, and a request that is not among them is refused. Reviews (``can-i``) are
answered by the cluster's own RBAC, so that proofs of the operator see an administrator.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.lab.aws.call import Call
from migrator.lab.cli.credentials import ways_to_log_in
from migrator.lab.kubernetes.authorizer import Authorizer, Decision
from migrator.lab.kubernetes.user import User
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.worlds.effects import Effect
from migrator.lab.worlds.principals import Permissions
from migrator.lab.worlds.world_files import demo_world_path, load_world
from migrator.model.rbac import AccessRequest, PolicyRule
from tests.support.lab_session import LabSession, lab_session

ACCOUNT, CLUSTER = "111122223333", "demo"
OPERATOR, GROUP = "migration-operator", "migration-operators"
_ADMIN_ROW = f"username: {OPERATOR}\n              groups:\n                - system:masters\n"
_PLAIN_ROW = _ADMIN_ROW.replace("system:masters", GROUP)
# What the demo world lacks, each after a line of it: a capability, an identity provider, a group
# that no entry may have, so that its bindings get a parallel one, and the operator's binding. EKS
# would make an entry for the capability's role at the mode step, which the plan does not know.
_MORE = (
    (
        "        description: Data analysts\n",
        "      - name: auditor\n"
        "      - name: kro\n"
        "        trust: {services: [capabilities.eks.amazonaws.com]}\n",
    ),
    (
        "    tags: {team: platform, stage: production}\n",
        "    capabilities:\n"
        "      - capabilityName: kro\n"
        f"        roleArn: arn:aws:iam::{ACCOUNT}:role/kro\n"
        "        type: KRO\n"
        "        status: ACTIVE\n"
        "    identityProviderConfigs:\n"
        "      - {identityProviderConfigName: sso, issuerUrl: 'https://example.com', clientId: k}\n"
        "    automatic: [creator, nodegroups, fargate, service-linked]\n",
    ),
    (
        "            # pipelines\n",
        f"            - rolearn: arn:aws:iam::{ACCOUNT}:role/auditor\n"
        "              username: auditor\n"
        "              groups: ['aws:auditors']\n",
    ),
    (
        "      - {apiVersion: v1, kind: Namespace, metadata: {name: monitoring}}\n",
        "      - apiVersion: rbac.authorization.k8s.io/v1\n"
        "        kind: RoleBinding\n"
        "        metadata: {name: auditors, namespace: payments}\n"
        "        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\n"
        "        subjects:\n"
        "          - apiGroup: rbac.authorization.k8s.io\n"
        "            kind: Group\n"
        "            name: 'aws:auditors'\n"
        "      - apiVersion: rbac.authorization.k8s.io/v1\n"
        "        kind: ClusterRoleBinding\n"
        f"        metadata: {{name: {GROUP}}}\n"
        "        roleRef:\n"
        "          apiGroup: rbac.authorization.k8s.io\n"
        "          kind: ClusterRole\n"
        "          name: cluster-admin\n"
        "        subjects:\n"
        "          - apiGroup: rbac.authorization.k8s.io\n"
        "            kind: Group\n"
        f"            name: {GROUP}\n",
    ),
)
# Asked while a role or a binding is made: where they are refused, the caller must hold the rules.
_OR_HELD = frozenset({"bind", "escalate"})


@dataclass
class Asked:
    """What a command asked for as the operator, what of it was refused, and what it changed."""

    code: int = 0
    said: str = ""
    actions: set[str] = field(default_factory=set)
    requests: set[AccessRequest] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    effects: list[Effect] = field(default_factory=list)


@dataclass
class Operator:
    """An operator who may do what is given and nothing else, in a lab that runs."""

    session: LabSession
    stated: frozenset[AccessRequest] = frozenset()
    asked: Asked = field(default_factory=Asked)

    def give(self, actions: Iterable[str], requests: Iterable[AccessRequest]) -> None:
        """From now on the operator may do this."""
        role = self.session.world.accounts[ACCOUNT].roles[OPERATOR]
        role.permissions = Permissions(allowed=tuple(sorted(actions)))
        self.stated = frozenset(requests)

    def run(self, *arguments: str) -> Asked:
        """Run a command."""
        self.asked = asked = Asked()
        before = len(self.session.effects())
        done = self.session.migrate(*arguments)
        asked.effects = self.session.effects()[before:]
        asked.code, asked.said = done.returncode, done.stdout + done.stderr
        return asked

    def asks_for_action(self, call: Call, action: str) -> None:
        """The lab is about to authorise an action of this or another caller."""
        if not call.caller.principal_arn.endswith(f"/{OPERATOR}"):
            return
        self.asked.actions.add(action)
        if not call.caller.permissions.allows(action):
            self.asked.refused.add(action)

    def may(self, request: AccessRequest) -> bool:
        """Whether the request is stated."""
        self.asked.requests.add(request)
        if stated_as(request, self.stated):
            return True
        if request.verb not in _OR_HELD:
            self.asked.refused.add(str(request))
        return False


class StatedAuthorizer(Authorizer):
    """The cluster's authorizer, but that the operator may do only what is stated."""

    def __init__(self, real: Authorizer, operator: Operator) -> None:
        super().__init__(real._in_force, real._store)
        self._operator = operator

    def decide(
        self,
        user: User,
        request: AccessRequest,
        *,
        moment: datetime | None = None,
        rbac: RbacIndex | None = None,
    ) -> Decision:
        """What every login may do, and what is stated for the operator."""
        if user.username != OPERATOR:
            return super().decide(user, request, moment=moment, rbac=rbac)
        found = super().decide(_plain(user), request, moment=moment, rbac=rbac)
        if found.allowed or not self._operator.may(request):
            return found
        return Decision(True, "stated")

    def rules_held(self, user: User, namespace: str) -> list[PolicyRule]:
        """The stated requests as the rules that would allow them."""
        if user.username != OPERATOR:
            return super().rules_held(user, namespace)
        stated = self._operator.stated
        return [_rule(request) for request in stated if request.namespace in (None, namespace)]


def stated_as(request: AccessRequest, stated: Iterable[AccessRequest]) -> set[AccessRequest]:
    """The stated requests that allow this one, as RBAC rules do."""
    return {
        each
        for each in stated
        if (each.verb, each.api_group, each.resource, each.subresource)
        == (request.verb, request.api_group, request.resource, request.subresource)
        and each.namespace in (None, request.namespace)
        and each.name in ("", request.name)
    }


def _plain(user: User) -> User:
    return replace(user, groups=tuple(group for group in user.groups if group != GROUP))


def _rule(request: AccessRequest) -> PolicyRule:
    return PolicyRule(
        verbs=(request.verb,),
        api_groups=(request.api_group,),
        resources=(request.resource,),
        resource_names=(request.name,) if request.name else (),
    )


@contextmanager
def operator_without_rights(folder: Path) -> Iterator[Operator]:
    """The demo world in a lab that runs, and its operator."""
    (folder / "world.yaml").write_text(_world(), encoding="utf-8")
    world = load_world(folder / "world.yaml")
    (cluster,) = world.clusters.values()
    # CloudTrail still has the event.
    cluster.created_at = world.clock.now() - timedelta(days=10)
    with (
        pytest.MonkeyPatch.context() as patch,
        lab_session(folder, world) as session,
    ):
        operator = Operator(session)
        api = kubernetes_api(world, cluster)
        api.authorizer = StatedAuthorizer(api.authorizer, operator)
        require, wait = Call.require, world.latency.wait

        def required(call: Call, action: str, resource: str) -> None:
            operator.asks_for_action(call, action)
            require(call, action, resource)

        def called(operation: str) -> None:
            # A trust policy authorises it, and the operator is its only caller.
            if operation == "sts:AssumeRole":
                operator.asked.actions.add(operation)
            wait(operation)

        patch.setattr(Call, "require", required)
        patch.setattr(world.latency, "wait", called)
        (folder / "decisions.yaml").write_text(_decisions(folder), encoding="utf-8")
        yield operator


def _world() -> str:
    document = demo_world_path().read_text(encoding="utf-8").replace(_ADMIN_ROW, _PLAIN_ROW)
    for line, more in _MORE:
        assert document.count(line) == 1, line
        document = document.replace(line, f"{line}{more}")
    return document


def _decisions(folder: Path) -> str:
    return (
        f"verify_as:\n{ways_to_log_in(folder / 'lab')}\n"
        "waive_gates:\n  code: {by: test, reason: a lab}\n"
        "groups:\n  'aws:auditors': {rename_to: auditors}\n"
    )
