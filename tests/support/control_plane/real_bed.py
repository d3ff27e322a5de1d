"""The real components as one cluster: etcd, kube-apiserver, aws-iam-authenticator, and what EKS
adds to them.

EKS's part is played by the lab: it writes the files of entries and mode (:mod:`state_files`),
answers STS through a proxy (:mod:`sts_proxy`) and serves the authorizer of access policies
(:mod:`policy_webhook`). A bare kube-apiserver has no controllers, so the aggregated ClusterRoles
are filled here, once.
"""

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from migrator.lab.worlds.world import World
from tests.support.control_plane.bed import as_yaml, fresh_token, rows, who
from tests.support.control_plane.binaries import Binaries
from tests.support.control_plane.certificates import Authority, Issued, write_key
from tests.support.control_plane.policy_webhook import PolicyWebhook
from tests.support.control_plane.processes import Programs, answers, free_port
from tests.support.control_plane.state_files import write_files
from tests.support.control_plane.sts_proxy import StsProxy
from tests.support.judge.reviews import matches
from tests.support.kubernetes_lab import Answer, Json, KubernetesLab, kubernetes_lab

_LOCAL = ("127.0.0.1", "localhost")
_RESERVED = ["aws:", "system:", "eks:", "amazon:", "iam:"]
# seconds: kube-apiserver's own cache of accepted tokens is ten, the webhook's one is set to one
_REMEMBERED = 11.0
_SETTLING = 30.0
_CANARY = "canary-"
_RELOADED = 1.0  # seconds until a changed aws-auth is certainly read: a tenth of that was measured
_TYPES = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Namespace": ("/api/v1", "namespaces"),
    "Pod": ("/api/v1", "pods"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
}
_AWS_AUTH = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
_PORTS = ("etcd", "etcd-peer", "api", "authenticator", "controller-manager")
ADMIN = "admin-by-certificate"  # what `admin` gives: `ask` sends the client certificate for it


class RealBed:
    """Started by :meth:`start`, ended by :meth:`stop`."""

    name = "real"

    def __init__(self, folder: Path, binaries: Binaries, lab: KubernetesLab | None = None) -> None:
        self.lab: KubernetesLab = lab or kubernetes_lab("CONFIG_MAP")
        self.folder, self._binaries = folder, binaries
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._programs = Programs(folder)
        self._authority = Authority(folder, "control-plane", self.world.clock.machine_now())
        self._ports = {name: free_port() for name in _PORTS}
        self._entries, self._mode = folder / "entries.json", folder / "mode.json"
        self._data: dict[str, str] = {}
        self._at_stop: list[Callable[[], None]] = []
        self._connections: dict[bool, http.client.HTTPSConnection] = {}
        self._canary = 0
        self._with_row = True
        self.entry_canary, self.row_canary = (
            self.lab.add_role("entry-canary"),
            self.lab.add_role("row-canary"),
        )

    @property
    def world(self) -> World:
        """The AWS side."""
        return self.lab.world

    @property
    def endpoint(self) -> tuple[str, bytes]:
        """URL of the API server and the certificate of its authority, as DescribeCluster says
        them.
        """
        return f"https://127.0.0.1:{self._ports['api']}", self._authority.ca_pem

    def write_state(self) -> None:
        """Tell the authenticator the entries and the mode of this moment."""
        write_files(self.lab.cluster, self.world.now(), self._entries, self._mode)

    def start(self) -> "RealBed":
        """Start everything; what was started is ended when something fails."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._programs.stop()
        while self._at_stop:
            self._at_stop.pop()()

    # a bed

    def put_aws_auth(self, data: Mapping[str, str] | None) -> None:
        """A row of our own is added, by which :meth:`settle` sees that the ConfigMap was read."""
        self._with_row = data is not None and _is_list(data.get("mapRoles", "[]"))
        self._data = dict(data or {})
        if data is None:
            answer = self.ask(ADMIN, "DELETE", _AWS_AUTH)
            assert answer.code in (200, 404), answer
        else:
            self._put_rows()

    def put(self, found: Json) -> None:
        prefix, plural = _TYPES[found["kind"]]
        metadata = found["metadata"]
        namespace = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
        place = f"{prefix}{namespace}/{plural}"
        answer = self.ask(ADMIN, "POST", place, found)
        if answer.code == 409:
            there = self.ask(ADMIN, "GET", f"{place}/{metadata['name']}").body
            version = there["metadata"]["resourceVersion"]
            body = {**found, "metadata": {**metadata, "resourceVersion": version}}
            answer = self.ask(ADMIN, "PUT", f"{place}/{metadata['name']}", body)
        assert answer.code in (200, 201), answer

    def aggregate(self) -> None:
        """A bare API server leaves it to the launcher; real controllers take a moment."""
        if self._binaries.controller_manager is None:
            self._fill_aggregated_roles()
            return
        deadline = time.monotonic() + _SETTLING
        while not self._is_aggregated():
            assert time.monotonic() < deadline, f"not aggregated; logs are in {self.folder}"
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until a login by a new entry and a login by a new row are answered as the mode wants
        it.

        Beside a section that is no JSON, or no section at all, there is no place for a row: then
        time must do.
        """
        self._canary += 1
        name, mode = f"{_CANARY}{self._canary}", self.lab.cluster.mode(self.world.now())
        self.lab.add_entry(self.entry_canary, name)
        write_files(self.lab.cluster, self.world.now(), self._entries, self._mode)
        wanted = {self.entry_canary: name if mode != "CONFIG_MAP" else None}
        if self._with_row:
            self._put_rows(name)
            wanted[self.row_canary] = name if mode != "API" else None
        else:
            time.sleep(_RELOADED)
        deadline = time.monotonic() + _SETTLING
        while True:
            seen = {arn: self._name_of_canary(arn) for arn in wanted}
            if seen == wanted:
                return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not settled: {seen} instead of {wanted}; logs are in {self.folder}"
                )
            time.sleep(0.2)

    def _name_of_canary(self, arn: str) -> str | None:
        """The name that a canary's entry or row gives it; None where neither does. The account of
        the bed may be in mapAccounts: then it logs in with its ARN as its name.
        """
        name = (who(self, fresh_token(self, arn)) or {}).get("username")
        return str(name) if str(name).startswith(_CANARY) else None

    def forget(self) -> None:
        time.sleep(_REMEMBERED)

    def admin(self) -> str:
        return ADMIN

    def ask(
        self,
        token: str,
        method: str,
        target: str,
        body: object = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        as_admin = token == ADMIN
        sent = {**({} if as_admin else {"Authorization": f"Bearer {token}"}), **(headers or {})}
        content = None
        if body is not None:
            sent["Content-Type"] = content_type
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = self._connections.get(as_admin) or self._connect(as_admin=as_admin)
        try:
            connection.request(method, target, content, sent)
            response = connection.getresponse()
        except (
            http.client.HTTPException,
            OSError,
        ):  # the server closed a connection that was kept alive
            connection = self._connect(as_admin=as_admin)
            connection.request(method, target, content, sent)
            response = connection.getresponse()
        raw = response.read()
        shown: Any = (
            json.loads(raw)
            if response.getheader("content-type", "").startswith("application/json")
            else raw
        )
        return Answer(response.status, shown, dict(response.getheaders()))

    # starting

    def _start(self) -> None:
        write_files(self.lab.cluster, self.world.now(), self._entries, self._mode)
        proxy = StsProxy(self.world, self._authority)
        self._at_stop.append(proxy.stop)
        webhook = PolicyWebhook(
            self.world, self.lab.cluster, self._authority.server_context("policies", _LOCAL)
        )
        self._at_stop.append(webhook.stop)
        self._admin = self._authority.issue("admin", organization="system:masters")
        self._start_etcd()
        config = self._authenticator_config()
        environment = self._authenticator_environment(proxy)
        program = self._binaries.authenticator
        gate = "--feature-gates=ConfiguredInitDirectories=true"
        self._programs.run("authenticator-init", [program, "init", "-c", config, gate], environment)
        self._start_api_server(webhook)
        if self._binaries.controller_manager is None:
            self._fill_aggregated_roles()
        else:
            self._start_controller_manager(self._binaries.controller_manager)
        # Its health port (21363) is fixed and open to all interfaces, so that another run's server
        # may hold it: that somebody answers there says nothing.
        port = self._ports["authenticator"]
        self._programs.start(
            "authenticator", [program, "server", "-c", config], environment
        ).await_ready(lambda: answers(port))

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "etcd-peer"))
        arguments: list[str | Path] = [
            self._binaries.etcd,
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ]
        self._programs.start("etcd", arguments, {}).await_ready(
            lambda: answers(self._ports["etcd"])
        )

    def _start_api_server(self, webhook: PolicyWebhook) -> None:
        serving = self._authority.issue(
            "kube-apiserver", [*_LOCAL, "kubernetes", "kubernetes.default.svc"]
        )
        signing = ec.generate_private_key(ec.SECP256R1())
        write_key(self.folder / "service-accounts.key", signing)
        (self.folder / "service-accounts.pub").write_bytes(
            signing.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        audit = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "rules": [{"level": "Metadata"}],
        }
        (self.folder / "audit-policy.json").write_text(json.dumps(audit))
        self._write_kubeconfig("policies.kubeconfig", webhook.url, None)
        program = self._programs.start("kube-apiserver", self._api_server_arguments(serving), {})
        program.await_ready(lambda: answers(self._ports["api"]))
        program.await_ready(lambda: self.ask(ADMIN, "GET", "/readyz").code == 200)

    def _start_controller_manager(self, program: Path) -> None:
        """The real controllers: aggregated roles are ready once they have rules."""
        client = f"https://127.0.0.1:{self._ports['api']}"
        config = self.folder / "controller-manager.kubeconfig"
        self._write_kubeconfig(config.name, client, self._admin)
        arguments: list[str | Path] = [
            program,
            f"--kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports['controller-manager']}",
            f"--cert-dir={self.folder / 'controller-manager'}",
            "--leader-elect=false",
            f"--service-account-private-key-file={self.folder / 'service-accounts'}.key",
            f"--root-ca-file={self._authority.ca_file}",
        ]
        self._programs.start("controller-manager", arguments, {}).await_ready(self._is_aggregated)

    def _is_aggregated(self) -> bool:
        """Whether every role that aggregates others has the rules of those, in any order."""
        place = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        roles = self.ask(ADMIN, "GET", place).body["items"]
        for role in roles:
            selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
            if not selectors:
                continue
            wanted, found = aggregated(selectors, roles), role.get("rules") or []
            if any(rule not in found for rule in wanted) or len(found) != len(wanted):
                return False
        return True

    def _api_server_arguments(self, serving: Issued) -> list[str | Path]:
        folder, accounts = self.folder, self.folder / "service-accounts"
        return [
            self._binaries.kube_apiserver,
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._ports['api']}",
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            f"--cert-dir={folder / 'api-server'}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self._authority.ca_file}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}.pub",
            f"--service-account-signing-key-file={accounts}.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--disable-admission-plugins=ServiceAccount",
            "--authorization-mode=Node,RBAC,Webhook",
            f"--authorization-webhook-config-file={folder / 'policies.kubeconfig'}",
            "--authorization-webhook-version=v1",
            "--authorization-webhook-cache-authorized-ttl=1s",
            "--authorization-webhook-cache-unauthorized-ttl=1s",
            f"--authentication-token-webhook-config-file={folder / 'authenticator.kubeconfig'}",
            "--authentication-token-webhook-version=v1beta1",
            "--authentication-token-webhook-cache-ttl=1s",
            f"--audit-policy-file={folder / 'audit-policy.json'}",
            f"--audit-log-path={folder / 'audit.log'}",
        ]

    def _authenticator_config(self) -> Path:
        """Only a few of its settings are flags; JSON is YAML."""
        state = self.folder / "authenticator"
        state.mkdir(exist_ok=True)
        client = f"https://127.0.0.1:{self._ports['api']}"
        self._write_kubeconfig("authenticator-client.kubeconfig", client, self._admin)
        config = {
            "clusterID": self.lab.cluster.name,
            "server": {
                "address": "127.0.0.1",
                "hostname": "127.0.0.1",
                "port": self._ports["authenticator"],
                "stateDir": str(state),
                "generateKubeconfig": str(self.folder / "authenticator.kubeconfig"),
                "kubeconfigPregenerated": True,
                "kubeconfig": str(self.folder / "authenticator-client.kubeconfig"),
                # Until the mode file is read, as EKS has it: `init` refuses a file of entries
                # without its backend.
                "backendMode": ["DynamicFile", "EKSConfigMap"],
                "dynamicfilepath": str(self._entries),
                "dynamicfileUserIDStrict": True,
                "dynamicBackendModePath": str(self._mode),
                "reservedPrefixConfig": [
                    {"backendMode": "DynamicFile", "usernamePrefixReserveList": _RESERVED}
                ],
            },
        }
        path = self.folder / "authenticator.json"
        path.write_text(json.dumps(config, indent=1))
        return path

    def _authenticator_environment(self, proxy: StsProxy) -> dict[str, str]:
        self.lab.add_role("authenticator")
        keys = self.world.credentials_of(
            self.world.accounts[self.lab.cluster.account].roles["authenticator"].arn
        )
        return {
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(self._authority.ca_file),
            "AWS_CA_BUNDLE": str(self._authority.ca_file),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": self.lab.cluster.region,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": keys.session_token or "",
        }

    def _write_kubeconfig(self, name: str, server: str, client: Issued | None) -> None:
        user = (
            {"client-certificate": str(client.certificate), "client-key": str(client.key)}
            if client is not None
            else {}
        )
        authority = base64.b64encode(self._authority.ca_pem).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "here",
                    "cluster": {"server": server, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": "me", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "here", "user": "me"}}],
            "current-context": "it",
        }
        (self.folder / name).write_text(json.dumps(config))

    def _fill_aggregated_roles(self) -> None:
        """What the controller manager does: rules of the roles that the selectors choose, until
        nothing changes.
        """
        place = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        for _ in range(4):  # edit aggregates into admin, view into edit
            roles = self.ask(ADMIN, "GET", place).body["items"]
            changed = False
            for role in roles:
                selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
                wanted = aggregated(selectors or [], roles)
                if selectors and wanted != (role.get("rules") or []):
                    answer = self.ask(
                        ADMIN,
                        "PUT",
                        f"{place}/{role['metadata']['name']}",
                        {**role, "rules": wanted},
                    )
                    assert answer.code == 200, answer
                    changed = True
            if not changed:
                return

    def _put_rows(self, canary: str | None = None) -> None:
        data = dict(self._data)
        if canary is not None and self._with_row:
            own = rows({self.row_canary: (canary, [])})["mapRoles"]
            data["mapRoles"] = as_yaml(
                [*json.loads(data.get("mapRoles") or "[]"), *json.loads(own)]
            )
        metadata = {"name": "aws-auth", "namespace": "kube-system"}
        self.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def _connect(self, *, as_admin: bool) -> http.client.HTTPSConnection:
        if as_admin in self._connections:
            self._connections[as_admin].close()
        context = ssl.create_default_context(cafile=str(self._authority.ca_file))
        if as_admin:
            context.load_cert_chain(self._admin.certificate, self._admin.key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._ports["api"], context=context, timeout=30
        )
        self._connections[as_admin] = connection
        return connection


def aggregated(selectors: list[Json], roles: list[Json]) -> list[Json]:
    """The rules of all roles with the labels of one of the selectors, by name, each once."""
    found: list[Json] = []
    for role in sorted(roles, key=lambda role: str(role["metadata"]["name"])):
        labels = role["metadata"].get("labels") or {}
        if any(matches(selector, labels) for selector in selectors):
            found += [rule for rule in role.get("rules") or [] if rule not in found]
    return found


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "[]"), list)
    except ValueError:
        return False
