"""The AWS side of the lab: every request is signed, authorised, run under the world's lock, and
answered.

The service is the one that the signature names, as all services share one port. Faults strike in
the order in which a cloud fails: the network, the throttle, the credentials, then the operation,
then the answer.
"""

import importlib
import json
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from migrator.lab.aws import s3_api
from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import EXPIRED, AwsError, CommonError, Meaning
from migrator.lab.aws.protocol import (
    SERVICES,
    parse_request,
    service_model,
    write_error,
    write_response,
)
from migrator.lab.aws.sigv4 import SignedParts, read_signature, verify
from migrator.lab.http_wire import DropConnectionError, Request, Response
from migrator.lab.worlds.concurrent_writers import strike_meanwhile
from migrator.lab.worlds.effects import ClientKilledError
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.lab.worlds.world import Caller, World

# Operations that every caller with valid credentials may call, or that the handler itself
# authorises by a trust policy.
_UNSIGNED = {"sts:AssumeRoleWithWebIdentity", "sso:GetRoleCredentials"}
_NOT_AUTHORISED_HERE = {"sts:GetCallerIdentity", "sts:AssumeRole", *_UNSIGNED}
_PORTAL = "/federation/credentials"  # of IAM Identity Center, whose requests are not signed
NOBODY = Caller("", "", "", "", "", "", "")  # the caller of an unsigned request
_READS = ("Describe", "List", "Get", "Filter")


class AwsApi:
    """Answers requests of all services of the lab."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._operations: dict[str, Mapping[str, Handler]] = {}

    def operations(self, service: str) -> Mapping[str, Handler]:
        """The operations of a service that the lab has; modules are loaded when first asked."""
        if service not in self._operations:
            self._operations[service] = importlib.import_module(
                f"migrator.lab.aws.{service}_api"
            ).OPERATIONS
        return self._operations[service]

    def __call__(self, request: Request) -> Response:
        """Answer one request, errors included, with the date of AWS's clock. Raises
        :class:`DropConnectionError` where no answer is to be given.
        """
        answer = self._respond(request)
        clock = self._world.clock
        if not clock.ahead:
            return answer
        dated = {"Date": format_datetime(clock.machine_now(), usegmt=True)}
        return replace(answer, headers={**answer.headers, **dated})

    def _respond(self, request: Request) -> Response:
        """Answer one request, errors included.

        An error is written in the protocol of its service; until that is known, in the one that the
        request looks like. Raises :class:`DropConnectionError` where no answer is to be given.
        """
        request_id = str(uuid.uuid4())
        protocol = "rest-json"
        if request.method == "POST" and request.body.startswith(b"Action="):
            protocol = "query"
        try:
            parts = read_signature(request)
            service = _service_of(parts, request)
            if service not in (*SERVICES, "s3"):
                raise AwsError("UnknownService", f"the lab has no service {service}", 404)
            if parts is None and protocol != "query" and service != "sso":
                raise CommonError("no-signature", "Missing Authentication Token")
            protocol = "rest-xml" if service == "s3" else service_model(service).protocol
            return self._answer(service, parts, request, request_id)
        except CommonError as error:
            return write_error(protocol, error.for_protocol(protocol), request_id)
        except AwsError as error:
            return write_error(protocol, error, request_id)
        except ClientKilledError:
            raise DropConnectionError(reset=True) from None
        except DropConnectionError:
            raise
        # A defect of the lab must not look like a network failure.
        except Exception as error:
            traceback.print_exc()
            text = f"a defect of the lab: {type(error).__name__}: {error}"
            defect = AwsError("InternalFailure", text, 500)
            return write_error(protocol, defect, request_id)

    def _answer(
        self,
        service: str,
        parts: SignedParts | None,
        request: Request,
        request_id: str,
    ) -> Response:
        """The answer of an operation, carried out under the world's lock.

        Latency and faults strike before the lock is taken, and a lost answer after it is released:
        a slow call must not stop the others. Raises AwsError, CommonError and DropConnectionError.
        """
        if service == "s3":
            operation, params = s3_api.parse(request)
        else:
            operation, params = parse_request(service, request)
        name = f"{service}:{operation}"
        self._world.latency.wait(name)
        faults = self._world.faults.draw(name)
        strike_meanwhile(self._world, faults)
        strike_before(faults)
        if parts is not None:
            caller = verify(self._world, request, parts)
        elif name in _UNSIGNED:
            caller = NOBODY
        else:
            raise CommonError("no-signature", "Missing Authentication Token")
        handler = self.operations(service).get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"the lab does not have {name}", 404)
        with self._world.lock:
            now = self._world.now()
            region = self._world.settings.region
            if parts is not None:
                region = parts.scope.region
            call = Call(
                self._world,
                service,
                operation,
                params,
                caller,
                region,
                now,
                now,
                faults,
            )
            stale = faults.get("stale-read")
            if stale and operation.startswith(_READS):
                call.as_of = now - timedelta(seconds=stale.seconds)
            if name not in _NOT_AUTHORISED_HERE and service != "s3":
                call.require(name, resource_of(call))
            result = handler(call)
        if lost := faults.get("lost-answer"):
            raise DropConnectionError(hang=lost.seconds)
        if service == "sts" and request.joined("accept").startswith("application/json"):
            return _sts_as_json(operation, result, request_id)
        if service == "s3":
            return s3_api.write(operation, result, request_id)
        return write_response(service, operation, result, request_id)


def _service_of(parts: SignedParts | None, request: Request) -> str:
    """The service that a request is for. Unsigned requests go to the portal and to STS only."""
    if parts is not None:
        return parts.scope.service
    if request.raw_path == _PORTAL:
        return "sso"
    return "sts"


def strike_before(faults: Mapping[FaultKind, Fault]) -> None:
    """Let the faults strike that come before an operation, in the order in which a cloud fails.

    Latency sleeps, in seconds of machine time. Raises what the client is to see.
    """
    if slow := faults.get("latency"):
        time.sleep(slow.seconds)
    if "reset" in faults:
        raise DropConnectionError(reset=True)
    if throttle := faults.get("throttle"):
        raise CommonError("throttled", "Rate exceeded", retry_after=throttle.retry_after)
    if failed := faults.get("error"):
        message = "The service is temporarily unavailable."
        meaning: Meaning = "unavailable" if failed.status == 503 else "internal"
        raise CommonError(meaning, message, status=failed.status)
    if "expired-credentials" in faults:
        raise CommonError("expired-token", EXPIRED)


def resource_of(call: Call) -> str:
    """The ARN that a denial names, as far as IAM's service authorization reference defines one for
    the operation; ``*`` where it defines none.
    """
    find = _RESOURCES.get(call.service)
    if find is None:
        return "*"
    return find(call)


def _eks_resource(call: Call) -> str:
    """The cluster, or all of them where a call names none. Policies and versions belong to no
    cluster.
    """
    if call.operation in ("ListAccessPolicies", "DescribeClusterVersions"):
        return "*"
    name = call.params.get("name") or call.params.get("clusterName") or "*"
    return f"arn:{call.partition}:eks:{call.region}:{call.caller.account}:cluster/{name}"


def _iam_resource(call: Call) -> str:
    """The principal or profile that a call names; a list of roles names the path of all."""
    for key, kind in _IAM_KINDS.items():
        if key in call.params:
            return call.account.arn_of(f"{kind}/{call.params[key]}")
    if "Role" in call.operation:
        return call.account.arn_of("role/")
    return "*"


def _log_group(call: Call) -> str:
    """The log group, with an empty stream, as CloudWatch Logs names it in denials."""
    group = call.params.get("logGroupName", "*")
    stem = f"arn:{call.partition}:logs:{call.region}:{call.caller.account}"
    return f"{stem}:log-group:{group}:log-stream:"


_IAM_KINDS = {
    "RoleName": "role",
    "UserName": "user",
    "InstanceProfileName": "instance-profile",
}
_RESOURCES: Mapping[str, Callable[[Call], str]] = {
    "eks": _eks_resource,
    "iam": _iam_resource,
    "logs": _log_group,
}


def _sts_as_json(operation: str, result: Mapping[str, Any], request_id: str) -> Response:
    """The answer of STS as JSON, for callers that accept it. The authenticator reads only JSON."""
    document = {
        f"{operation}Response": {
            f"{operation}Result": dict(result),
            "ResponseMetadata": {"RequestId": request_id},
        }
    }
    return Response(200, json.dumps(document, default=str).encode(), "application/json")
