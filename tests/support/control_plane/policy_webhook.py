"""EKS's authorizer of access policies, as the authorization webhook of a real kube-apiserver.

It stands behind RBAC (``--authorization-mode=Node,RBAC,Webhook``) and knows callers by the unique
id that the authenticator hands on, whatever the case of the key: impersonated users and bare
reviews carry none.
"""

import json
import ssl
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from migrator.decide.access.access_policies import policy_allows
from migrator.lab.worlds.world import LabCluster, World
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.rbac import AccessRequest

_IDS = ("sigs.k8s.io/aws-iam-authenticator/principalid", "principalid")


def reviewed(world: World, cluster: LabCluster, review: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a SubjectAccessReview: allowed with EKS's reason, or no opinion."""
    spec = review.get("spec") or {}
    extra = {key.lower(): values for key, values in (spec.get("extra") or {}).items()}
    principal_id = next((extra[key][0] for key in _IDS if extra.get(key)), "")
    allowed, reason = False, ""
    if principal_id:
        allowed, reason = _decide(world, cluster, principal_id, request_of(spec))
    status = {"allowed": allowed, "denied": False, "reason": reason}
    return {"apiVersion": review.get("apiVersion"), "kind": "SubjectAccessReview", "status": status}


def _decide(
    world: World, cluster: LabCluster, principal_id: str, request: AccessRequest
) -> tuple[bool, str]:
    with world.lock:
        now = world.now()
        if cluster.mode(now) == "CONFIG_MAP":
            return False, ""
        held = [
            entry for entry in cluster.effective_entries(now) if entry.principal_id == principal_id
        ]
    for entry in held:
        policies = [AssociatedPolicy(policy.policy_arn, policy.scope) for policy in entry.policies]
        allowed, reason = policy_allows(
            policies, request, principal_arn=entry.principal_arn, principal_id=entry.principal_id
        )
        if allowed:
            return True, reason
    return False, ""


def request_of(spec: Mapping[str, Any]) -> AccessRequest:
    """What a review asks about."""
    outside = spec.get("nonResourceAttributes")
    if outside is not None:
        return AccessRequest(outside.get("verb", ""), path=outside.get("path", ""))
    inside = spec.get("resourceAttributes") or {}
    return AccessRequest(
        verb=inside.get("verb", ""),
        api_group=inside.get("group", ""),
        resource=inside.get("resource", ""),
        subresource=inside.get("subresource", ""),
        namespace=inside.get("namespace") or None,
        name=inside.get("name", ""),
    )


class PolicyWebhook:
    """Serves the reviews of one cluster over TLS until it is stopped."""

    def __init__(self, world: World, cluster: LabCluster, context: ssl.SSLContext) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                answer = json.dumps(reviewed(world, cluster, json.loads(body))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, name="policy-webhook", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where kube-apiserver asks."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/authorize"

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
