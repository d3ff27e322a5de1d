"""kubectl drives the lab: what people type on the day of the migration."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.model.access_entry import AccessScope
from tests.support.kubernetes_lab import KubernetesLab, WireClient, kubernetes_lab

# The one that comes with the development dependencies, else whatever there is.
KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")

AWS_AUTH = """apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/NAME
      username: NAME
"""
BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ops}]
"""


class Kubectl:
    def __init__(self, folder: Path, lab: KubernetesLab, client: WireClient) -> None:
        self.folder, self.lab, self.client = folder, lab, client
        (folder / "ca.pem").write_bytes(client.ca_pem)
        self.become(lab.admin())

    def become(self, token: str) -> None:
        config = f"""apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{self.client.url}", certificate-authority: {self.folder}/ca.pem}}}}]
users: [{{name: u, user: {{token: "{token}"}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""  # noqa: E501
        (self.folder / "config").write_text(config)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        assert KUBECTL is not None, "kubectl is not installed: make install"
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("KUBE", "SSL_", "http"))
        }
        clean |= {
            "KUBECONFIG": str(self.folder / "config"),
            "HOME": str(self.folder),
            **environment,
        }
        return subprocess.run(
            [KUBECTL, *arguments],
            capture_output=True,
            text=True,
            env=clean,
            timeout=60,
            check=False,
            cwd=self.folder,
        )

    def ok(self, *arguments: str, **environment: str) -> str:
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def kubectl(tmp_path: Path) -> Iterator[Kubectl]:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    client = WireClient(lab)
    yield Kubectl(tmp_path, lab, client)
    client.close()
    lab.api.stop()


def test_get_knows_short_names_labels_and_output_forms(kubectl: Kubectl) -> None:
    kubectl.lab.set_aws_auth(mapRoles="[]")
    assert "aws-auth" in kubectl.ok("get", "cm", "-n", "kube-system")
    assert (
        kubectl.ok("get", "cm", "aws-auth", "-n", "kube-system", "-o", "jsonpath={.data.mapRoles}")
        == "[]"
    )
    assert "clusterrole.rbac.authorization.k8s.io/view" in kubectl.ok(
        "get", "clusterroles", "-o", "name"
    )
    assert "No resources found" in kubectl("get", "nodes,leases", "-A", "-l", "a=b").stderr
    assert 'configmaps "none" not found' in kubectl("get", "cm", "none").stderr
    assert "Server Version: v1.34" in kubectl.ok("version")


def test_edit_and_patch_keep_to_the_version_that_was_read(kubectl: Kubectl) -> None:
    kubectl.lab.set_aws_auth(mapRoles="old")
    kubectl.ok("edit", "cm", "aws-auth", "-n", "kube-system", EDITOR="sed -i s/old/new/")
    read = kubectl.ok(
        "get", "cm", "aws-auth", "-n", "kube-system", "-o", "jsonpath={.data.mapRoles}"
    )
    assert read == "new"
    stale = '{"metadata":{"resourceVersion":"1"},"data":{"mapRoles":"x"}}'
    for kind in ("merge", "strategic"):
        refused = kubectl(
            "patch", "cm", "aws-auth", "-n", "kube-system", "--type", kind, "-p", stale
        )
        assert refused.returncode == 1
        assert (
            '(Conflict): Operation cannot be fulfilled on configmaps "aws-auth"' in refused.stderr
        )
    assert "no change" in kubectl.ok(
        "patch", "cm", "aws-auth", "-n", "kube-system", "-p", '{"data":{"mapRoles":"new"}}'
    )


def test_a_conflict_in_the_editor_is_told(kubectl: Kubectl) -> None:
    kubectl.lab.set_aws_auth(mapRoles="old")
    script = kubectl.file(
        "editor",
        "#!/bin/sh\nkubectl label cm aws-auth -n kube-system somebody=else >/dev/null\nsed -i "
        "s/old/new/ $1\n",
    )
    Path(script).chmod(0o755)
    done = kubectl(
        "replace",
        "-f",
        kubectl.file(
            "cm.yaml", AWS_AUTH.replace("metadata: {", 'metadata: {resourceVersion: "1", ')
        ),
    )
    assert done.returncode == 1
    assert "the object has been modified" in done.stderr
    assert kubectl("edit", "cm", "aws-auth", "-n", "kube-system", EDITOR=script).returncode == 0


def test_can_i_and_whoami_as_a_principal_with_a_policy(kubectl: Kubectl) -> None:
    lab = kubectl.lab
    arn = lab.add_role("ops")
    scope = AccessScope("namespace", ("team",))
    lab.add_entry(arn, "ops:{{SessionName}}", ["g"], [("AmazonEKSViewPolicy", scope)])
    kubectl.become(lab.token(arn, "jane"))
    assert kubectl.ok("auth", "can-i", "get", "pods", "-n", "team") == "yes\n"
    denied = kubectl("auth", "can-i", "delete", "pods", "-n", "team")
    assert (denied.returncode, denied.stdout) == (1, "no\n")
    assert kubectl.ok("auth", "can-i", "get", "/api") == "yes\n"
    whoami = kubectl.ok("auth", "whoami")
    assert "ops:jane" in whoami
    assert "[g system:authenticated]" in whoami
    listed = kubectl("auth", "can-i", "--list", "-n", "team")
    assert "webhook authorizer does not support user rule resolution" in listed.stderr
    assert "pods" not in listed.stdout
    forbidden = kubectl("get", "secrets", "-n", "team").stderr
    assert (
        'User "ops:jane" cannot list resource "secrets" in API group "" in the namespace "team"'
        in forbidden
    )


def test_impersonation_shows_what_rbac_gives(kubectl: Kubectl) -> None:
    kubectl.lab.bind("view", "Group:devs")
    assert kubectl.ok("auth", "can-i", "get", "pods", "--as", "x", "--as-group", "devs") == "yes\n"
    assert kubectl("auth", "can-i", "get", "pods", "--as", "x").stdout == "no\n"


def test_server_side_apply_conflicts_until_forced(kubectl: Kubectl) -> None:
    one = kubectl.file("one.yaml", AWS_AUTH.replace("NAME", "one"))
    two = kubectl.file("two.yaml", AWS_AUTH.replace("NAME", "two"))
    binding = kubectl.file("binding.yaml", BINDING)
    kubectl.ok("apply", "--server-side", "--field-manager", "one", "-f", one)
    refused = kubectl("apply", "--server-side", "--field-manager", "two", "-f", two)
    assert 'Apply failed with 1 conflict: conflict with "one": .data.mapRoles' in refused.stderr
    kubectl.ok("apply", "--server-side", "--field-manager", "two", "--force-conflicts", "-f", two)
    kubectl.ok("apply", "--server-side", "-f", binding)
    assert "serverside-applied (server dry run)" in kubectl.ok(
        "apply", "--server-side", "--dry-run=server", "-f", binding
    )
    assert kubectl("diff", "--server-side", "-f", two, "--field-manager", "two").returncode == 0


def test_client_side_apply_and_diff(kubectl: Kubectl) -> None:
    one = kubectl.file("one.yaml", AWS_AUTH.replace("NAME", "one"))
    two = kubectl.file("two.yaml", AWS_AUTH.replace("NAME", "two"))
    assert "created" in kubectl.ok("apply", "-f", one)
    assert "unchanged" in kubectl.ok("apply", "-f", one)
    changed = kubectl("diff", "-f", two)
    assert changed.returncode == 1
    assert "+    - rolearn: arn:aws:iam::111122223333:role/two" in changed.stdout


def test_typed_commands_that_speak_protobuf(kubectl: Kubectl) -> None:
    kubectl.ok("create", "namespace", "team")
    kubectl.ok("create", "configmap", "c", "--from-literal=a=b")
    kubectl.ok("create", "serviceaccount", "bot", "-n", "team")
    kubectl.ok("create", "role", "r", "-n", "team", "--verb=get", "--resource=pods")
    kubectl.ok("create", "rolebinding", "b", "-n", "team", "--role=r", "--serviceaccount=team:bot")
    kubectl.ok("create", "clusterrole", "c", "--verb=get", "--non-resource-url=/metrics")
    kubectl.ok(
        "create", "clusterrolebinding", "b", "--clusterrole=c", "--user=jane", "--group=devs"
    )
    token = kubectl.ok("create", "token", "bot", "-n", "team").strip()
    kubectl.become(token)
    assert kubectl.ok("auth", "can-i", "get", "pods", "-n", "team") == "yes\n"
    assert "system:serviceaccount:team:bot" in kubectl.ok("auth", "whoami")


def test_delete_and_wait(kubectl: Kubectl) -> None:
    kubectl.ok("create", "configmap", "c")
    kubectl.ok("delete", "configmap", "c", "--wait=true", "--timeout=20s")
    kubectl.ok("create", "namespace", "team")
    kubectl.ok("delete", "namespace", "team", "--timeout=20s")
    assert "not found" in kubectl("get", "namespace", "team").stderr


def test_a_revoked_login_is_told_to_log_in(kubectl: Kubectl) -> None:
    kubectl.become(kubectl.lab.token(kubectl.lab.add_role("nobody")))
    refused = kubectl("get", "nodes")
    assert refused.returncode == 1
    assert "You must be logged in to the server" in refused.stderr
