"""Logging in to the cluster as another principal, for real: their credentials, a fresh token, their
own questions.

Impersonation and SubjectAccessReview do not see access policies (EKS user guide, "Review access
policy permissions"), so the only faithful test of a principal is to be it: by assuming the role,
from the caller's session or through another role, or by a profile that holds its credentials.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from migrator.adapters.aws_session import AwsSession, principal_of, session_name
from migrator.adapters.eks_token import Token, TokenMint
from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_errors import refused
from migrator.adapters.kubernetes_wire import KubernetesWire
from migrator.adapters.log_ins_ahead import LogInsAhead
from migrator.adapters.trust_policy import who_may_assume
from migrator.errors import Failed, MigratorError
from migrator.model.decision import AssumeAs
from migrator.model.evidence import SelfSubject
from migrator.model.principal import Arn, parse_arn
from migrator.model.rbac import AccessRequest

_LOGIN_SECONDS = 60.0  # how long the questions of one login may use its token
_AHEAD_SECONDS = 20.0  # how long a login that was made ahead counts as the one asked for
# Reviews that an authorizer fails to answer are asked again: its webhook may have been slow once.
_UNDECIDED_PAUSES = (0.25, 1.0, 0.0)
_WHO_AM_I = "selfsubjectreviews"
_REFUSED_USER = re.compile(r'is forbidden: User ("(?:[^"\\]|\\.)*") cannot create')
_SELF_REVIEWS = ("v1", "v1beta1", "v1alpha1")  # GA in Kubernetes 1.28, beta in 1.27, alpha in 1.26


class RealReviewers:
    """:class:`migrator.ports.Reviewers`. ``ways`` says, by ARN, how to become a principal other
    than by assuming it from the caller's session. Safe to share between threads.
    """

    def __init__(
        self,
        session: AwsSession,
        wire: KubernetesWire,
        cluster_name: str,
        *,
        region: str | None = None,
        ways: Mapping[str, AssumeAs] | None = None,
    ) -> None:
        self._session = session
        self._wire = wire
        self._cluster_name = cluster_name
        self._region = region
        self._ways = {_key(arn): way for arn, way in (ways or {}).items()}
        self._lock = threading.Lock()
        self._known: dict[str, Future[Reviewer]] = {}
        self._untold: set[str] = set()  # became ahead, and the result was not read yet
        self._ahead = LogInsAhead()

    @contextmanager
    def log_in_ahead(self, principal_arns: Iterable[str]) -> Iterator[None]:
        """Become these principals and log in as them beside what the block does, in this order and
        a few before they are asked for: STS and the API server are waited for at the same time.
        Nothing is raised; :meth:`as_principal` and the reviewer report the result for each.
        """
        self._ahead = ahead = LogInsAhead((_key(arn), arn) for arn in principal_arns)
        thread = threading.Thread(target=self._log_in, args=(ahead,), name="migrate-log-in")
        thread.daemon = True  # an interrupted process does not wait for it
        thread.start()
        try:
            yield
        finally:
            ahead.end()

    def _log_in(self, ahead: LogInsAhead) -> None:
        # What prevents the next principal from being named is met, and raised, where it is asked.
        with contextlib.suppress(Exception):
            self._log_in_as_they_come(ahead)

    def _log_in_as_they_come(self, ahead: LogInsAhead) -> None:
        while (arn := ahead.next()) is not None:
            with self._lock:
                is_known = _key(arn) in self._known
                if not is_known:
                    self._untold.add(_key(arn))
            if is_known:
                ahead.asked_for(_key(arn))
                continue
            with contextlib.suppress(Exception):
                self._reviewer(arn, told=False).log_in_ahead()

    def as_principal(self, principal_arn: str) -> "Reviewer":
        """A reviewer that logs in as the principal; its credentials are there when this returns.

        Raises ``cannot-become``: ``why`` says what is in the way, ``remedy`` what would be enough.
        """
        self._ahead.asked_for(_key(principal_arn))
        return self._reviewer(principal_arn, told=True)

    def forget(self, principal_arn: str) -> None:
        """Drop what is held to log in as the principal: credentials and the token."""
        key = _key(principal_arn)
        self._ahead.asked_for(key)
        with self._lock:
            self._known.pop(key, None)
            self._untold.discard(key)

    def _reviewer(self, principal_arn: str, *, told: bool) -> "Reviewer":
        """One thread becomes the principal, others wait for it. A failure is reported once, then it
        is tried again.
        """
        key = _key(principal_arn)
        with self._lock:
            known = self._known.get(key)
            if mine := known is None or (_failed(known) and not (told and key in self._untold)):
                known = self._known[key] = Future()
            if told:
                self._untold.discard(key)
        if mine:
            try:
                session = self._become(principal_arn)
                mint = TokenMint(session, self._cluster_name, self._region)
                known.set_result(Reviewer(self._wire, mint, _name_of_session(session)))
            except BaseException as error:
                known.set_exception(error)
        return known.result()

    def _become(self, arn: str) -> AwsSession:
        way = self._ways.get(_key(arn), AssumeAs())
        parsed = parse_arn(arn)
        if way.profile:
            return self._by_profile(arn, way.profile)
        if _key(principal_of(str(self._session.caller_identity()["Arn"]))) == _key(
            principal_of(arn)
        ):
            return self._session  # also where it is spelled as the session of STS that it is
        if parsed is None or parsed.kind not in ("role", "user"):
            kind = parsed.kind if parsed else "other"
            raise _cannot(
                arn,
                f"No credentials log in as this kind of principal ({kind}).",
                "Prove it another way, or waive it.",
            )
        if parsed.kind == "user":
            raise _cannot(
                arn,
                "An IAM user is not assumed; only its own access keys are it.",
                f"Name a profile with its keys: --as {arn}=PROFILE, or verify_as in "
                f"decisions.yaml.",
            )
        return self._by_role(arn, parsed, way.assume_role)

    def _by_profile(self, arn: str, profile: str) -> AwsSession:
        try:
            session = self._session.with_profile(profile)
            found = str(session.caller_identity()["Arn"])
        except MigratorError as error:
            raise _cannot(
                arn, f"Profile {foreign(profile)}: {error.message}", error.remedy
            ) from error
        if _key(principal_of(found)) != _key(arn):
            why = f"Profile {foreign(profile)} is {foreign(found)}."
            raise _cannot(arn, why, "Name a profile of this very principal.")
        return session

    def _by_role(
        self,
        arn: str,
        parsed: Arn,
        through: str | None,
    ) -> AwsSession:
        session = self._session
        if through and _key(through) != _key(arn):
            session = session.assume(through)
        session = session.assume(arn)
        try:
            session.keys()
        except MigratorError as error:
            if error.code not in (
                "iam-denied",
                "principal-not-found",
                "aws-refused",
                "credentials-invalid",
            ):
                raise
            caller = principal_of(str(self._session.caller_identity()["Arn"]))
            raise _cannot(
                arn,
                f"{error.message.rstrip('.')}; {self._trust_of(parsed)}.",
                f"Let its trust policy name {caller} (and allow that caller sts:AssumeRole), or "
                f"name a profile: "
                f"--as {arn}=PROFILE.",
            ) from error
        return session

    def _trust_of(self, role: Arn) -> str:
        """What the trust policy says, where the caller may read it."""
        try:
            found = self._session.call("iam", "get_role", subject=str(role), RoleName=role.name)[
                "Role"
            ]
        except MigratorError as error:
            return f"its trust policy could not be read ({error.code})"
        if found["Arn"] != str(role):  # a role of the same name in the caller's account
            return "its trust policy is in another account or under another path"
        return who_may_assume(found.get("AssumeRolePolicyDocument"))


class Reviewer:
    """:class:`migrator.ports.AccessReviewer`: questions asked as one principal.

    :meth:`who_am_i` begins a login with a new token that was never used before; :meth:`can` asks
    within that login for at most a minute, in memory only, and else begins one. So what is asked
    after a ``who_am_i`` is answered for the same identity, and what a cache knew of an earlier
    login does not count.
    """

    def __init__(
        self,
        wire: KubernetesWire,
        mint: TokenMint,
        session: str = "",
    ) -> None:
        self._session = session
        self._wire = wire
        self._mint = mint
        self._lock = threading.Lock()
        self._login: tuple[float, Token] | None = None
        self._has_logged_in = False
        self._ahead: Future[tuple[float, SelfSubject | None]] | None = None
        self._version = 0
        self.refused = False  # the last login was; credentials may belong to a deleted principal

    def session_name(self) -> str:
        """The name of the role session, empty for a user."""
        return self._session

    def log_in_ahead(self) -> None:
        """Log in for the first :meth:`who_am_i`, unless that was asked already."""
        with self._lock:
            if self._has_logged_in:
                return
            self._has_logged_in = True
            ahead = self._ahead = Future()
        try:
            ahead.set_result((time.monotonic(), self._log_in()))
        except BaseException as error:
            ahead.set_exception(error)

    def who_am_i(self) -> SelfSubject | None:
        """SelfSubjectReview with a fresh token; None when the login is refused (401). A login that
        may not ask (403) is known by its name alone, which the refusal gives. The first is the
        login that was made ahead, where there is a recent one.
        """
        with self._lock:
            ahead, self._ahead = self._ahead, None
            self._has_logged_in = True
        # What prevented a login ahead is met again, and then it is raised.
        if ahead is not None and ahead.exception() is None:
            at, subject = ahead.result()
            if time.monotonic() - at <= _AHEAD_SECONDS:
                return subject
        return self._log_in()

    def _log_in(self) -> SelfSubject | None:
        token = self._begin()
        while True:
            version = _SELF_REVIEWS[self._version]
            kind = f"authentication.k8s.io/{version}"
            path = f"/apis/{kind}/selfsubjectreviews"
            body = {"apiVersion": kind, "kind": "SelfSubjectReview"}
            status, document = self._ask(token, path, body, _WHO_AM_I)
            if status == 404 and self._version + 1 < len(_SELF_REVIEWS):
                self._version += 1
                continue
            break
        self.refused = status == 401
        if self.refused:
            return None
        if status == 404:
            raise Failed(
                "self-review-missing",
                "The cluster is too old to say who a login is (SelfSubjectReview, Kubernetes "
                "1.26).",
                remedy="Prove the principals another way.",
            )
        if status == 403:
            return SelfSubject(_name_in_refusal(document), (), may_ask=False)
        user = document.get("status", {}).get("userInfo", {})
        extra = {str(key): tuple(values or ()) for key, values in (user.get("extra") or {}).items()}
        return SelfSubject(str(user.get("username", "")), tuple(user.get("groups") or ()), extra)

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        """SelfSubjectAccessReview: ``(allowed, reason)``. Raises ``not-authenticated`` when the
        login is refused, and ``review-undecided`` where the API server says neither yes nor no:
        that is no denial, and so no proof of anything.
        """
        answer: Mapping[str, Any] = {}
        for pause in _UNDECIDED_PAUSES:
            answer = self._review(request)
            if not _is_undecided(answer):
                reason = str(answer.get("reason") or answer.get("evaluationError") or "")
                return bool(answer.get("allowed")) and not answer.get("denied"), reason
            time.sleep(pause)
        name = self._wire.endpoint.cluster_name or "the cluster"
        raise Failed(
            "review-undecided",
            f"The API server of {name} says neither that {request.verb} "
            f"{request.path or request.resource} is allowed nor that it is denied.",
            why=foreign(answer.get("evaluationError") or "it depends on conditions of the request"),
            remedy="Run the same command again when its authorizers answer.",
        )

    def _review(self, request: AccessRequest) -> Mapping[str, Any]:
        """The status of a SelfSubjectAccessReview."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": _attributes(request),
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        resource = "selfsubjectaccessreviews"
        status, document = self._ask(self._current(), path, body, resource)
        if status == 401:
            raise refused(self._wire.endpoint, 401, b"", "create", resource)
        found: Mapping[str, Any] = document.get("status", {})
        return found

    def _ask(
        self,
        token: Token,
        path: str,
        body: object,
        resource: str,
    ) -> tuple[int, dict[str, Any]]:
        answer = self._wire.send(
            "POST",
            path,
            authorization=f"Bearer {token.reveal()}",
            body=body,
            repeatable=True,  # a review changes nothing
            about=("create", resource),
        )
        if answer.status in (401, 404):
            return answer.status, {}
        # A refusal by an admission rule, or a page of a proxy, names no user: nothing is known.
        if answer.status == 403 and resource == _WHO_AM_I and _names_a_user(answer.body):
            return answer.status, answer.json()
        if not 200 <= answer.status < 300:
            raise refused(self._wire.endpoint, answer.status, answer.body, "create", resource)
        return answer.status, answer.json()

    def _begin(self) -> Token:
        token = self._mint.mint()
        with self._lock:
            self._login = (time.monotonic(), token)
        return token

    def _current(self) -> Token:
        with self._lock:
            login = self._login
        if login is None or time.monotonic() - login[0] > _LOGIN_SECONDS:
            return self._begin()
        return login[1]


def _is_undecided(answer: Mapping[str, Any]) -> bool:
    """Whether a review was answered with neither yes nor no: an authorizer failed (Kubernetes API
    reference, SubjectAccessReviewStatus, ``evaluationError``), or decides by conditions of the
    request (Kubernetes enhancement 5681). RBAC that only has no rule leaves no such error.
    """
    if answer.get("allowed") or answer.get("denied"):
        return False
    conditions = any(value for key, value in answer.items() if key.lower().startswith("condition"))
    return bool(answer.get("evaluationError")) or conditions


def _names_a_user(body: bytes) -> bool:
    """Whether a refusal is that of an authorizer, which names the user that it refused."""
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return (
        isinstance(document, dict)
        and _REFUSED_USER.search(str(document.get("message"))) is not None
    )


def _name_in_refusal(document: Mapping[str, Any]) -> str:
    """The username in the API server's text of a refusal, empty where it names none.

    ``…is forbidden: User "NAME" cannot create resource …`` with Go's quotes (apiserver
    ``pkg/endpoints/handlers/responsewriters/errors.go``, forbiddenMessage).
    """
    found = _REFUSED_USER.search(str(document.get("message", "")))
    if found is None:
        return ""
    try:
        return str(json.loads(found[1]))
    # Go escapes some control characters otherwise than JSON does.
    except ValueError:
        return found[1][1:-1]


def _name_of_session(session: AwsSession) -> str:
    """What STS calls the session: of a role that was assumed here what was asked for, else what it
    answers.
    """
    if session.role_arn is not None:
        return session_name(session.run)
    parsed = parse_arn(str(session.caller_identity()["Arn"]))
    return parsed.name if parsed is not None and parsed.kind == "assumed-role" else ""


def _failed(known: "Future[Reviewer]") -> bool:
    return known.done() and (known.exception() is not None or known.result().refused)


def _attributes(request: AccessRequest) -> dict[str, dict[str, str]]:
    if request.path is not None:
        return {"nonResourceAttributes": {"path": request.path, "verb": request.verb}}
    fields = {
        "verb": request.verb,
        "group": request.api_group,
        "resource": request.resource,
        "subresource": request.subresource,
        "namespace": request.namespace or "",
        "name": request.name,
    }
    return {"resourceAttributes": {key: value for key, value in fields.items() if value}}


def _key(arn: str) -> str:
    """Roles are one whatever path or case they are written with (within an account); users are what
    is written.
    """
    parsed = parse_arn(arn)
    return str(parsed.pathless).lower() if parsed is not None and parsed.kind == "role" else arn


def _cannot(arn: str, why: str, remedy: str) -> Failed:
    return Failed("cannot-become", f"Cannot log in as {foreign(arn)}.", why=why, remedy=remedy)
