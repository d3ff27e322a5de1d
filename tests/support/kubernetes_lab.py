"""A small world with one cluster, asked in process or over the wire, for tests of the lab's
Kubernetes side.
"""

import base64
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from migrator.lab.http_wire import Request
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes_api import kubernetes_api, start_cluster_server
from migrator.lab.worlds.clock import LabClock
from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry, LabPolicy, LabUpdate
from migrator.lab.worlds.principals import Account, IamRole, IamUser
from migrator.lab.worlds.world import World
from migrator.model.access_entry import AccessScope, AuthenticationMode
from migrator.model.principal import parse_arn

Json = dict[str, Any]
ACCOUNT = "111122223333"
ALWAYS = timedelta(0)
STS = "http://127.0.0.1:4566"
LONG_AGO = datetime(2024, 1, 1, tzinfo=timezone.utc)
POLICY = "arn:aws:eks::aws:cluster-access-policy/"


def role_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:role{path}{name}"


def user_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:user{path}{name}"


@dataclass
class Answer:
    code: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return str(self.body["message"])


@dataclass
class KubernetesLab:
    world: World
    cluster: LabCluster
    api: KubernetesApi

    # principals

    def add_role(self, name: str, path: str = "/", account: str = ACCOUNT, id: str = "") -> str:
        owner = self.world.accounts.setdefault(account, Account(account))
        arn = f"arn:aws:iam::{account}:role{path}{name}"
        owner.roles[name.lower()] = IamRole(
            arn, name, path, id or f"AROA{name.upper():X<17}"[:21], LONG_AGO, {}
        )
        return arn

    def add_user(self, name: str, path: str = "/", id: str = "") -> str:
        arn = user_arn(name, path)
        self.world.accounts[ACCOUNT].users[name.lower()] = IamUser(
            arn, name, path, id or f"AIDA{name.upper():X<17}"[:21], LONG_AGO
        )
        return arn

    def token(self, arn: str, session: str = "s1", endpoint: str = STS, expires: int = 60) -> str:
        """A token as ``aws eks get-token`` makes it, for the principal under this ARN."""
        return token_of(
            self.world, arn, session, cluster=self.cluster.name, endpoint=endpoint, expires=expires
        )

    # entries

    def add_entry(
        self,
        arn: str,
        username: str,
        groups: Iterable[str] = (),
        policies: Iterable[tuple[str, AccessScope]] = (),
        *,
        pinned: str | None = None,
        delay: timedelta = ALWAYS,
    ) -> None:
        principal = self.world.principal(arn)
        now = self.world.now()
        entry = LabEntry(
            arn,
            pinned or (principal.id if principal else "AROAGONE"),
            "STANDARD",
            username,
            tuple(groups),
            f"arn:aws:eks:eu-central-1:{ACCOUNT}:access-entry/demo/role/{ACCOUNT}/x/1",
            now,
            now,
            tuple(LabPolicy(POLICY + name, scope, now, now) for name, scope in policies),
        )
        self.cluster.write_entry(arn, entry, now, delay=delay)

    def remove_entry(self, arn: str) -> None:
        self.cluster.write_entry(arn, None, self.world.now(), delay=ALWAYS)

    def set_mode(self, mode: AuthenticationMode) -> None:
        now = self.world.now()
        self.cluster.add_update(LabUpdate("u", "AccessConfigUpdate", (), now, now, mode=mode))

    def set_aws_auth(self, **data: str) -> None:
        self.api.registry.load(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                "data": data,
            }
        )

    def load(self, kind: str, name: str, namespace: str | None = None, **fields: object) -> Json:
        group = "rbac.authorization.k8s.io/v1" if "Role" in kind else "v1"
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        return self.api.registry.load(
            {"apiVersion": group, "kind": kind, "metadata": metadata, **fields}
        )

    def bind(
        self,
        role: str,
        *subjects: str,
        namespace: str | None = None,
        role_kind: str = "ClusterRole",
    ) -> None:
        """Bind a role to ``User:x``, ``Group:y`` or ``ServiceAccount:ns/z``."""
        shown = []
        for subject in subjects:
            kind, _, name = subject.partition(":")
            place, _, account = name.partition("/")
            if kind == "ServiceAccount":
                shown.append({"kind": kind, "namespace": place, "name": account})
            else:
                shown.append({"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role}
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        self.load(
            kind,
            f"{role}-{len(shown)}-{abs(hash(subjects))}",
            namespace,
            roleRef=reference,
            subjects=shown,
        )

    # asking in process

    def admin(self) -> str:
        """A token of a service account that is bound to cluster-admin."""
        self.load("ServiceAccount", "admin", "kube-system")
        self.bind("cluster-admin", "ServiceAccount:kube-system/admin")
        return self.api.service_accounts.make("kube-system", "admin")[0]

    def ask(
        self,
        token: str,
        method: str,
        target: str,
        body: object = None,
        content_type: str = "application/json",
        headers: Mapping[str, list[str]] | None = None,
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {"authorization": [f"Bearer {token}"], "user-agent": ["tests/1"], **(headers or {})}
        if body is not None:
            sent["content-type"] = [content_type]
        raw = (
            body
            if isinstance(body, bytes)
            else json.dumps(body).encode()
            if body is not None
            else b""
        )
        response = self.api.handle(Request(method, path, query, sent, raw, "127.0.0.1:1"))
        content = response.body
        shown = (
            json.loads(content)
            if response.content_type == "application/json" and content
            else content
        )
        return Answer(response.status, shown, response.headers)

    def can(
        self,
        token: str,
        verb: str,
        resource: str,
        namespace: str = "",
        group: str = "",
        name: str = "",
    ) -> Json:
        attributes = {
            "verb": verb,
            "resource": resource,
            "namespace": namespace,
            "group": group,
            "name": name,
        }
        answer = self.ask(
            token,
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {"spec": {"resourceAttributes": attributes}},
        )
        assert answer.code == 201, answer
        status: Json = answer.body["status"]
        return status

    def who(self, token: str) -> Json | None:
        """The caller's UserInfo, None for 401."""
        answer = self.ask(token, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
        if answer.code == 401:
            return None
        assert answer.code == 201, answer
        user: Json = answer.body["status"]["userInfo"]
        return user


def kubernetes_lab(
    mode: AuthenticationMode = "CONFIG_MAP",
    creator: str | None = None,
    objects: list[Json] | None = None,
) -> KubernetesLab:
    world = World(clock=LabClock())
    world.endpoint = STS
    world.accounts[ACCOUNT] = Account(ACCOUNT)
    cluster = world.add_cluster(
        LabCluster("demo", ACCOUNT, "eu-central-1", "aws", mode, creator, LONG_AGO)
    )
    cluster.kubernetes_objects = objects or []
    return KubernetesLab(world, cluster, kubernetes_api(world, cluster))


def token_of(
    world: World,
    arn: str,
    session: str = "s1",
    *,
    cluster: str = "demo",
    endpoint: str = STS,
    region: str = "eu-central-1",
    expires: int = 60,
    sign_cluster: bool = True,
    query: Mapping[str, str] | None = None,
) -> str:
    credential = world.credentials_of(arn, session)
    parsed = parse_arn(arn)
    assert parsed is not None
    keys = Credentials(
        credential.access_key_id, credential.secret_access_key, credential.session_token
    )
    parameters = query or {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    url = f"{endpoint}/?{urllib.parse.urlencode(parameters)}"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": cluster} if sign_cluster else {})
    SigV4QueryAuth(keys, "sts", region, expires=expires).add_auth(request)
    return wrap(str(request.url))


def wrap(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class WireClient:
    """The cluster over TLS, as any client sees it."""

    def __init__(self, lab: KubernetesLab) -> None:
        url, ca_pem = start_cluster_server(lab.world, lab.cluster)
        self.url, self.ca_pem = url, ca_pem
        self._context = ssl.create_default_context(cadata=ca_pem.decode())
        self.connection = self.connect()

    def connect(self) -> http.client.HTTPSConnection:
        host = urllib.parse.urlsplit(self.url).netloc
        return http.client.HTTPSConnection(host, context=self._context, timeout=20)

    def ask(
        self, token: str, method: str, target: str, body: object = None, **headers: str
    ) -> Answer:
        content = json.dumps(body) if body is not None else None
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        self.connection.request(method, target, content, sent)
        response = self.connection.getresponse()
        raw = response.read()
        shown = json.loads(raw) if response.getheader("content-type") == "application/json" else raw
        return Answer(response.status, shown, dict(response.getheaders()))

    def close(self) -> None:
        self.connection.close()
