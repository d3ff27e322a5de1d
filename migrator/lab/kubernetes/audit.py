"""The audit log: one ``audit.k8s.io/v1`` event a request, on the level that EKS logs it on.

Annotations ``authorization.k8s.io/decision`` and ``…/reason`` are what tells RBAC from access
policies. Writes to ``kube-system/aws-auth`` carry request and response bodies, everything else is
metadata.
"""

import json
import uuid
from datetime import datetime

from migrator.lab.http_wire import Request, Response
from migrator.lab.kubernetes.authorizer import Decision
from migrator.lab.kubernetes.json_types import Json, Value, compact_json
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.user import User
from migrator.lab.worlds.world import LabCluster

STREAM = "kube-apiserver-audit"
_SILENT = ("/healthz", "/livez", "/readyz", "/version", "/openapi")


def log_request(
    cluster: LabCluster,
    at: datetime,
    request: Request,
    info: RequestInfo,
    response: Response,
    *,
    user: User | None,
    impersonated: User | None = None,
    decision: Decision | None = None,
) -> None:
    """Append the event of an answered request, if the cluster's audit log is switched on.

    ``at`` is lab time. ``user`` is None for a request that was not authenticated, ``decision`` for
    one that was not authorised. Health checks and discovery are not logged.
    """
    if "audit" not in cluster.log_types_at(at):
        return
    if info.path.startswith(_SILENT):
        return
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    query = f"?{request.raw_query}" if request.raw_query else ""
    event: Json = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": str(uuid.uuid4()),
        "stage": "ResponseComplete",
        "requestURI": request.path + query,
        "verb": info.verb,
        "user": user.to_wire() if user else {},
        "sourceIPs": [request.client.rpartition(":")[0]],
        "userAgent": request.header("user-agent"),
        "responseStatus": {"metadata": {}, "code": response.status},
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
    }
    if impersonated is not None:
        event["impersonatedUser"] = impersonated.to_wire()
    if info.resource:
        event["objectRef"] = _reference(info)
    if decision is not None:
        event["annotations"] = {
            "authorization.k8s.io/decision": "allow" if decision.allowed else "forbid",
            "authorization.k8s.io/reason": decision.reason,
        }
    if _is_aws_auth_write(info):
        event["level"] = "RequestResponse"
        for name, body in (("requestObject", request.body), ("responseObject", response.body)):
            shown = _readable(body)
            if shown is not None:
                event[name] = shown
    cluster.log(STREAM, compact_json(event), at)


def _reference(info: RequestInfo) -> Json:
    """``objectRef`` of an event; what is empty is left out, as Go leaves it out."""
    named = (
        ("resource", info.resource),
        ("namespace", info.namespace),
        ("name", info.name),
        ("apiGroup", info.group),
        ("apiVersion", info.version),
        ("subresource", info.subresource),
    )
    return {key: value for key, value in named if value}


def _is_aws_auth_write(info: RequestInfo) -> bool:
    return (
        info.resource == "configmaps"
        and info.name == "aws-auth"
        and info.namespace == "kube-system"
        and info.verb in ("update", "patch", "delete")
    )


def _readable(body: bytes) -> Value:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
