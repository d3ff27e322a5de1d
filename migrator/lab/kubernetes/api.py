"""One cluster's API server: every request goes through faults, authentication, impersonation,
authorisation, audit.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from migrator.decide.reading.effective_identity import Ambiguous, LoggedIn
from migrator.lab.http_wire import DropConnectionError, Request, Response
from migrator.lab.kubernetes import audit
from migrator.lab.kubernetes.authenticator import Authenticator
from migrator.lab.kubernetes.authorizer import Authorizer, Decision
from migrator.lab.kubernetes.discovery import discover, version_info
from migrator.lab.kubernetes.escalation import check_escalation
from migrator.lab.kubernetes.fargate_pods import FargatePods
from migrator.lab.kubernetes.impersonation import denial, impersonated
from migrator.lab.kubernetes.jobs import Jobs
from migrator.lab.kubernetes.json_types import Json, json_response
from migrator.lab.kubernetes.kubelets import Kubelets
from migrator.lab.kubernetes.objects import FOLLOWED, Objects, read_body
from migrator.lab.kubernetes.openapi import openapi_document
from migrator.lab.kubernetes.quotas import check_quota
from migrator.lab.kubernetes.registry import Registry, Write
from migrator.lab.kubernetes.request_info import RequestInfo, request_info
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.reviews import AUTHORIZATION, REVIEWS, VERSIONS, Reviews
from migrator.lab.kubernetes.service_accounts import ServiceAccountTokens, request_token
from migrator.lab.kubernetes.status import (
    ApiError,
    bad_request,
    forbidden,
    method_not_allowed,
    no_such_resource,
    unauthorized,
)
from migrator.lab.kubernetes.user import ANONYMOUS, User
from migrator.lab.worlds.concurrent_writers import strike_meanwhile
from migrator.lab.worlds.effects import ClientKilledError
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.lab.worlds.in_force import EntriesInForce
from migrator.lab.worlds.world import Caller, LabCluster, World

_READS = frozenset({"get", "list", "watch"})
_ACROSS_NAMESPACES = ("list", "watch", "deletecollection")
# Of a webhook that answers with 403, as those of policy engines do (apiserver
# ``pkg/admission/plugin/webhook/errors/statuserror.go``).
_REFUSED_BY_WEBHOOK = (
    'admission webhook "validate.policies.example.com" denied the request: changes of access need '
    "an approval"
)
# As the apiserver says that a webhook of its chain did not answer: its error beside a decision that
# is none (apiserver ``plugin/pkg/authorizer/webhook``).
_AUTHORIZER_FAILED = (
    'Post "https://127.0.0.1:9443/authorize?timeout=30s": context deadline exceeded'
)
_STREAMS = frozenset(("exec", "attach", "portforward"))
_HEALTH = frozenset(("/healthz", "/livez", "/readyz"))


@dataclass(slots=True)
class _Asking:
    """What is known about a request while it is answered."""

    request: Request
    info: RequestInfo
    user: User | None = None
    speaker: User | None = None  # the user who impersonates ``user``
    decision: Decision | None = None


class KubernetesApi:
    """Handles requests to one cluster. Thread-safe."""

    def __init__(self, world: World, cluster: LabCluster, registry: Registry) -> None:
        self._world, self.cluster, self.registry = world, cluster, registry
        in_force = EntriesInForce(world, cluster)
        self.authorizer = Authorizer(in_force, registry.store)
        self.authenticator = Authenticator(world, cluster, registry.store, in_force)
        self.service_accounts = ServiceAccountTokens(world.clock.machine_now, registry.store)
        self._reviews = Reviews(self.authorizer, self._user_of)
        self.kubelets = Kubelets(world, cluster, registry, self.authenticator, self.authorizer)
        self.fargate = FargatePods(cluster, registry, self.kubelets, world.clock.now)
        self._objects = Objects(registry, self.catch_up)
        cluster.logs.before_reading = self.catch_up
        self.jobs = Jobs(registry, world.clock.now)
        self.at_stop: list[Callable[[], None]] = []

    def stop(self) -> None:
        """End every watch and close what was opened for this cluster."""
        self.registry.store.close()
        self.jobs.stop()
        while self.at_stop:
            self.at_stop.pop()()

    def user_at(self, caller: Caller, moment: datetime) -> User | None:
        """The user that a principal would log in as at a moment. Nothing is logged.

        The moment may be in the past, or in the future as far as the changes so far determine it.
        Of rows that contradict each other the first counts. :meth:`Authorizer.decide` with the same
        ``moment`` decides what that user may do. Together they judge access at every moment, so
        that a check misses no gap.
        """
        outcome = self.authenticator.outcome_at(self.authenticator.asker_of(caller), moment)
        if isinstance(outcome, Ambiguous):
            outcome = outcome.outcomes[0]
        if not isinstance(outcome, LoggedIn):
            return None
        return self.authenticator.as_user(caller, outcome)

    def catch_up(self) -> None:
        """Apply the changes that need no request: Fargate starts pods, kubelets renew leases."""
        with self._world.lock, self.registry.store.lock:
            self.fargate.catch_up()
            self.kubelets.catch_up()

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises :class:`DropConnectionError` where no answer is to be given, and
        nothing else.

        Faults strike before the request is looked at; a lost answer is logged as one that was
        given.
        """
        info = request_info(request)
        self._world.latency.wait(info.operation)
        faults = self._world.faults.draw(info.operation)
        asking = _Asking(request, info)
        strike_meanwhile(self._world, faults)
        early = _strike(faults)
        if early is not None:
            return early
        try:
            response = self._answer(asking, faults)
        except ApiError as error:
            response = json_response(error.code, error.body(), _retry_after(error.retry_after))
        except ClientKilledError:
            raise DropConnectionError from None
        # A defect of the lab must look like one, not like a network that fails.
        except Exception as error:
            text = f"Internal error occurred: {type(error).__name__}: {error}"
            response = json_response(500, ApiError(500, "InternalError", text).body())
        self._log(asking, response)
        if lost := faults.get("lost-answer"):
            raise DropConnectionError(hang=lost.seconds)
        return response

    # the chain

    def _answer(self, asking: _Asking, faults: dict[FaultKind, Fault]) -> Response:
        """The chain of kube-apiserver: authentication, impersonation, authorisation, then what the
        path names.

        ``asking`` is filled as it becomes known, for the audit log. Raises ApiError.
        """
        request, info = asking.request, asking.info
        if "expired-credentials" in faults:
            raise unauthorized()
        user = asking.user = self._authenticate(request, info)
        speaks_as = impersonated(request, user, self.authorizer)
        if speaks_as is not None:
            asking.speaker, asking.user = user, speaks_as
            user = speaks_as
        asked = info.access_request()
        asking.decision = self.authorizer.decide(user, asked)
        if asking.decision.allowed and self._opens_a_stream(info):
            info = replace(info, verb="create")
            asking.decision = self.authorizer.decide(user, info.access_request())
        if not asking.decision.allowed:
            raise _denied(user, info, asking.decision.reason)
        if "denied" in faults:
            raise _denied_by_fault(user, info)
        if not info.resource:
            return self._non_resource(info)
        review = REVIEWS.get((info.group, info.resource))
        if review is not None and info.version in VERSIONS[info.group]:
            return self._review(request, info, user, is_undecided="undecided" in faults)
        kind = self.registry.types.find(info.group, info.version, info.resource)
        if kind is None:
            raise no_such_resource()
        return self._on_object(request, info, kind, user, faults)

    def _opens_a_stream(self, info: RequestInfo) -> bool:
        """Whether a GET by websocket opens a stream into a pod, which needs ``create`` as well from
        Kubernetes 1.35 on (its changelog).
        """
        asked = (info.verb, info.resource) == ("get", "pods") and info.subresource in _STREAMS
        return asked and [int(part) for part in self.cluster.version.split(".")[:2]] >= [1, 35]

    def _authenticate(self, request: Request, info: RequestInfo) -> User:
        """The user of a bearer token. Raises a 401 ApiError; which check failed is never said."""
        scheme, _, token = request.header("authorization").partition(" ")
        if not scheme:
            # All that EKS leaves open to anonymous callers since Kubernetes 1.32.
            if info.path.rstrip("/") in _HEALTH:
                return ANONYMOUS
            raise unauthorized()
        user = self._user_of(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def _user_of(self, token: str) -> User | None:
        """The user of a token: of IAM, or of a service account."""
        return self.authenticator.user_of(token) or self.service_accounts.user_of(token)

    def _review(
        self,
        request: Request,
        info: RequestInfo,
        user: User,
        *,
        is_undecided: bool,
    ) -> Response:
        """Answer a review. Reviews are created and not stored, so every other verb is a 405."""
        if info.verb != "create":
            raise method_not_allowed()
        body = read_body(request)
        if not isinstance(body, dict):
            raise ApiError(400, "BadRequest", "the body is no review")
        body.setdefault("apiVersion", f"{info.group}/{info.version}")
        body.setdefault("kind", REVIEWS[info.group, info.resource][0])
        if is_undecided and info.group == AUTHORIZATION:
            status = {"allowed": False, "evaluationError": _AUTHORIZER_FAILED}
            return json_response(201, {**body, "status": status})
        return json_response(201, self._reviews.answer(info.resource, user, body, info.namespace))

    def _non_resource(self, info: RequestInfo) -> Response:
        """Health, version, discovery and OpenAPI (Kubernetes documentation, "API health
        endpoints").
        """
        path = info.path.rstrip("/")
        if info.verb not in ("get", "head"):
            raise method_not_allowed()
        if path in _HEALTH:
            return Response(200, b"ok", "text/plain; charset=utf-8")
        if path == "/version":
            return json_response(200, version_info(self.cluster.version))
        found = discover(self.registry.types, path) or openapi_document(self.registry.types, path)
        if found is None:
            return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
        return json_response(200, found)

    # objects

    def _on_object(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        user: User,
        faults: dict[FaultKind, Fault],
    ) -> Response:
        """A request on a stored object or a subresource of it.

        Only lists, watches and removals of collections go without a namespace in a kind that has
        them. Stale reads and partial pages are faults of the lab. Raises ApiError.
        """
        lacks_namespace = kind.namespaced and not info.namespace
        if lacks_namespace and info.verb not in _ACROSS_NAMESPACES:
            raise method_not_allowed()
        asked = (kind.key, info.subresource, info.verb)
        if asked == (("", "serviceaccounts"), "token", "create"):
            return self._token(request, info)
        if asked == (("", "pods"), "log", "get"):
            return self._pod_log(kind, info)
        # ``status`` is answered as the object itself.
        is_status = info.subresource == "status" and "status" in kind.subresources
        if info.subresource and not is_status:
            raise no_such_resource()
        if kind.key in FOLLOWED:
            self.catch_up()
        at = page_size = None
        if stale := faults.get("stale-read"):
            moment = self._world.now() - timedelta(seconds=stale.seconds)
            at = self.registry.store.revision_at(moment)
        if page := faults.get("partial-page"):
            page_size = page.page_size

        def guard(found: Json, before: Json | None) -> None:
            """Admission by who writes: RBAC's escalation check, then quotas."""
            check_escalation(self.authorizer, user, kind, info, found, before)
            check_quota(self.registry.store, kind, found, before)

        return self._objects.answer(
            request,
            info,
            kind,
            write=Write(
                guard=guard,
                effect=self._effect(info, user),
                may_create=lambda: self._may_create(info, user),
            ),
            at_revision=at,
            page_size=page_size,
        )

    def _pod_log(self, kind: ResourceType, info: RequestInfo) -> Response:
        """The log of a pod that the lab runs. Raises a 400 ApiError for every other pod, as the
        real server does for a container that has not started.
        """
        pod = self.registry.get(kind, info.namespace, info.name)
        text = self.jobs.log_of(pod)
        if text is None:
            raise bad_request(
                f'container in pod "{info.name}" is waiting to start: the lab runs no images'
            )
        return Response(200, text, "text/plain")

    def _effect(
        self, info: RequestInfo, user: User
    ) -> Callable[[str], AbstractContextManager[None]]:
        """What makes the moment of a write one numbered effect, with the object's name."""

        def perform(name: str) -> AbstractContextManager[None]:
            detail = {
                "cluster": self.cluster.name,
                "namespace": info.namespace,
                "name": name or info.name,
            }
            return self._world.effects.perform(user.username, info.operation, detail)

        return perform

    def _may_create(self, info: RequestInfo, user: User) -> None:
        """A write that turns out to create needs the right to create, too."""
        asked = replace(info.access_request(), verb="create")
        decision = self.authorizer.decide(user, asked)
        if not decision.allowed:
            raise forbidden(
                info.resource, info.group, info.name, denial(user, asked, decision.reason)
            )

    def _token(self, request: Request, info: RequestInfo) -> Response:
        """TokenRequest: a token of a service account."""
        body = read_body(request)
        return json_response(
            201, request_token(self.service_accounts, info.namespace, info.name, body)
        )

    def _log(self, asking: _Asking, response: Response) -> None:
        """Write the audit event. Of an impersonation the event's user is the one who impersonates
        (Kubernetes documentation, "User impersonation").
        """
        user, other = asking.user, None
        if asking.speaker is not None:
            user, other = asking.speaker, asking.user
        audit.log_request(
            self.cluster,
            self._world.now(),
            asking.request,
            asking.info,
            response,
            user=user,
            impersonated=other,
            decision=asking.decision,
        )


def _strike(faults: dict[FaultKind, Fault]) -> Response | None:
    """The answer of the faults that answer instead of the server, None for none. Latency sleeps, in
    seconds of machine time. Raises :class:`DropConnectionError`.
    """
    if latency := faults.get("latency"):
        time.sleep(latency.seconds)
    if "reset" in faults:
        raise DropConnectionError(reset=True)
    if throttle := faults.get("throttle"):
        error = ApiError(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
            {"retryAfterSeconds": throttle.retry_after or 1},
        )
        return json_response(429, error.body(), _retry_after(throttle.retry_after))
    if broken := faults.get("error"):
        reason, text = "InternalError", "Internal error occurred"
        if broken.status == 503:
            reason = "ServiceUnavailable"
            text = "the server is currently unable to handle the request"
        return json_response(broken.status, ApiError(broken.status, reason, text).body())
    return None


def _retry_after(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _denied_by_fault(user: User, info: RequestInfo) -> ApiError:
    """The 403 of a policy: of an authorizer for a read, which admission never sees (Kubernetes
    documentation, "Admission Control in Kubernetes"), else of a webhook.
    """
    if not info.resource or info.verb in _READS:
        return _denied(user, info, "")
    return ApiError(403, "Forbidden", _REFUSED_BY_WEBHOOK)


def _denied(user: User, info: RequestInfo, reason: str) -> ApiError:
    """The 403 of a request that no authorizer allows."""
    why = denial(user, info.access_request(), reason)
    if not info.resource:
        return ApiError(403, "Forbidden", f"forbidden: {why}", {})
    return forbidden(info.resource, info.group, info.name, why)
