"""Sessions of AWS: the default chain of boto3, a profile, a chain of assumed roles. Every AWS call
goes through here.

boto3 is imported when a session is opened. Clients are cached per session, service and Region.
Retries are botocore's adaptive ones (a token bucket besides the back-off); ``AWS_MAX_ATTEMPTS``,
``AWS_ENDPOINT_URL`` and every other setting of boto3's default chain hold. Foreign exceptions stop
here (:mod:`migrator.adapters.aws_errors`).
"""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

from migrator.adapters.aws_connections import CONNECT_SECONDS, READ_SECONDS, share_connections
from migrator.adapters.aws_errors import translate
from migrator.adapters.aws_events import new_session
from migrator.adapters.clock import machine_time
from migrator.adapters.foreign_logs import log_call, mute_sdk_debug
from migrator.adapters.service_models import model_loader
from migrator.adapters.utc import utc_text
from migrator.errors import MigratorError
from migrator.model.moments import moment_of_text
from migrator.model.principal import parse_arn
from migrator.model.security_note import RUN_SESSION, SESSION_PREFIX, USER_AGENT

R = TypeVar("R")
Raw = Mapping[str, Any]


class RoleToAssume(NamedTuple):
    """One link of a chain of roles."""

    arn: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """What the command line says about AWS. ``run`` ends up in RoleSessionName, so that CloudTrail
    shows the run.
    """

    profile: str | None = None
    region: str | None = None
    assume_roles: tuple[RoleToAssume, ...] = ()
    run: str = RUN_SESSION


class Keys(NamedTuple):
    """Frozen credentials; never printed."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "Keys(hidden)"


def open_session(settings: AwsSettings = AwsSettings()) -> "AwsSession":
    """A session by profile (or the default chain), through all roles of the chain. Raises
    ``profile-not-found``.

    Nothing is sent: a missing permission to assume a role shows at the first call.
    """
    session = _from_profile(settings.profile, settings.region, settings.run)
    for role in settings.assume_roles:
        session = session.assume(role.arn, external_id=role.external_id)
    return session


def _from_profile(profile: str | None, region: str | None, run: str) -> "AwsSession":
    try:
        import boto3

        mute_sdk_debug()
        # The other SDKs and AWS CLI v2 read AWS_REGION; botocore reads AWS_DEFAULT_REGION alone.
        where = region or os.environ.get("AWS_REGION") or None
        boto_session = boto3.Session(botocore_session=_core(profile), region_name=where)
    except Exception as error:
        raise translate(error, service="sts", operation="GetCallerIdentity") from error
    return AwsSession(boto_session, run=run, profile=profile)


@dataclass(eq=False)
class AwsSession:
    """One identity in AWS, with cached clients. Safe to share between threads.

    ``boto`` is the boto3 session; for an assumed role it is made when a client is first asked for,
    because a role that only signs tokens needs none. ``via`` is the session that the role is
    assumed from, ``role_arn`` that role as it was given. ``_home`` is the session whose identity
    and boto3 session this one uses in another Region.
    """

    boto: Any
    run: str
    profile: str | None = None
    via: "AwsSession | None" = None
    role_arn: str | None = None
    _credentials: Any = field(default=None, repr=False)
    _region: str | None = None
    pace: Callable[[str], None] | None = (
        None  # called with service:Operation before every attempt to send it
    )
    _clients: dict[tuple[str, str | None, bool], Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _identity: Raw | None = field(default=None, repr=False)
    _chain: tuple[str, ...] | None = field(default=None, repr=False)
    _home: "AwsSession | None" = field(default=None, repr=False)
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)
    _paginators: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _keeping: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _skew: timedelta | None = None

    @property
    def clock_skew(self) -> timedelta | None:
        """How far this machine's clock is ahead of AWS's, by the Date of the last answer; None
        before one.
        """
        return self._skew

    def _note_date(self, answer: Any) -> None:
        headers = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
        self._skew = skew_of(str(headers.get("date") or "")) or self._skew

    @property
    def region(self) -> str | None:
        """The Region of the session, None when nothing says it."""
        name = self._region if self.boto is None else self.boto.region_name
        return str(name) if name else None

    def sts(self, region: str | None = None) -> tuple[str, str]:
        """``(URL, signing Region)`` of the STS endpoint that boto3 resolves; all roles of a chain
        share one.
        """
        if self.via is not None:
            return self.via.sts(region or self.region)
        meta = self.client("sts", region=region).meta
        return str(meta.endpoint_url), str(meta.region_name)

    def client(
        self,
        service: str,
        *,
        region: str | None = None,
        retries: bool = True,
    ) -> Any:
        """A cached client. ``retries=False`` gives one that sends every request once: for what is
        one-way.
        """
        key = (service, region, retries)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(service, region, retries)
            return self._clients[key]

    def forget_clients(self) -> None:
        """Make clients again when they are asked for; who holds one may go on with it."""
        with self._lock:
            self._clients.clear()
            self._paginators.clear()

    def _new_client(
        self,
        service: str,
        region: str | None,
        retries: bool,
    ) -> Any:
        from botocore.config import Config

        # total_max_attempts is left to AWS_MAX_ATTEMPTS and the profile, except where nothing may
        # be sent twice
        attempts: dict[str, Any] = {"mode": "adaptive"} if retries else {"total_max_attempts": 1}
        config = Config(
            retries=attempts,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=32,
            user_agent_extra=USER_AGENT,
        )
        home = self._home or self
        try:
            with home._lock:  # boto3 sessions make one client at a time
                if home.boto is None:
                    home.boto = home._boto_session()
                where = region or (self._region if self._home else None)
                client = home.boto.client(service, region_name=where, config=config)
            if retries:
                share_connections(client, home.boto._session.get_config_variable("ca_bundle"))
            if self.pace is not None:
                client.meta.events.register(
                    "before-send", _paced(self.pace, client.meta.service_model.signing_name)
                )
            return client
        except Exception as error:
            raise translate(error, service=service, operation="*") from error

    def call(
        self,
        service: str,
        method: str,
        *,
        subject: str = "",
        **parameters: Any,
    ) -> dict[str, Any]:
        """One call, by boto3's method name; the answer comes without ResponseMetadata."""
        return self.call_on(self.client(service), method, subject=subject, **parameters)

    def call_on(
        self,
        client: Any,
        method: str,
        *,
        subject: str = "",
        **parameters: Any,
    ) -> dict[str, Any]:
        """The same on a certain client."""
        answer = self._guard(client, method, subject, lambda: getattr(client, method)(**parameters))
        self._note_date(answer)
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def pages(
        self,
        service: str,
        method: str,
        key: str,
        *,
        subject: str = "",
        **parameters: Any,
    ) -> list[Any]:
        """All items of a listing, every page. ``key`` names the list in the answer."""
        client = self.client(service)
        paginator = self._paginators.get((service, method))
        if paginator is None:  # making one makes a class
            paginator = self._paginators[service, method] = client.get_paginator(method)

        def read() -> list[Any]:
            return [item for page in paginator.paginate(**parameters) for item in page.get(key, ())]

        return self._guard(client, method, subject, read)

    def once(self, key: str, read: Callable[[], R]) -> R:
        """What is the same for everything in this account and Region: read by the first caller,
        kept for the rest.
        """
        with self._keeping:
            if key not in self._kept:
                self._kept[key] = read()
            found: R = self._kept[key]
            return found

    def body(self, stream: Any, *, subject: str = "") -> bytes:
        """All bytes of a streamed answer (S3 GetObject)."""
        try:
            content: bytes = stream.read()
        except Exception as error:
            raise translate(error, service="s3", operation="GetObject", subject=subject) from error
        return content

    def _guard(
        self,
        client: Any,
        method: str,
        subject: str,
        call: Callable[[], R],
    ) -> R:
        service, operation = _names(client, method)
        started = time.perf_counter()
        outcome = "ok"
        try:
            return call()
        except MigratorError as error:
            outcome = error.code
            raise
        except Exception as error:
            self._note_date(getattr(error, "response", None) or {})
            ours = translate(
                error,
                service=service,
                operation=operation,
                subject=subject,
                skew=self._skew,
            )
            outcome = ours.code
            try:
                raise ours from error
            finally:
                # its traceback has this frame: together they would keep all that the callers hold
                del ours
        finally:
            log_call(f"{service}:{operation}", subject, outcome, time.perf_counter() - started)

    def assume(self, role_arn: str, *, external_id: str | None = None) -> "AwsSession":
        """A session as the role, from this one; refreshed when it runs out. Nothing is sent yet."""
        from botocore.credentials import DeferredRefreshableCredentials

        def fetch() -> dict[str, Any]:
            extra = {"ExternalId": external_id} if external_id else {}
            name = session_name(self.run)
            answer = self.call(
                "sts",
                "assume_role",
                subject=role_arn,
                RoleArn=role_arn,
                RoleSessionName=name,
                **extra,
            )
            keys = answer["Credentials"]
            return {
                "access_key": keys["AccessKeyId"],
                "secret_key": keys["SecretAccessKey"],
                "token": keys["SessionToken"],
                "expiry_time": utc_text(keys["Expiration"]),
            }

        # botocore's own clock asks dateutil for the local zone, at each signature.
        credentials = DeferredRefreshableCredentials(
            refresh_using=fetch, method="sts-assume-role", time_fetcher=machine_time
        )
        return AwsSession(
            None,
            self.run,
            self.profile,
            self,
            role_arn,
            _credentials=credentials,
            _region=self.region,
        )

    def in_region(self, region: str) -> "AwsSession":
        """The same identity in another Region: its credentials are shared and refreshed once, and
        what boto3 has read of models and settings is shared, too.
        """
        if region == self.region:
            return self
        home = self._home or self
        credentials = home._own_credentials()
        return AwsSession(
            None,
            self.run,
            self.profile,
            self.via,
            self.role_arn,
            _credentials=credentials,
            _region=region,
            _home=home,
        )

    def _boto_session(self) -> Any:
        """A boto3 session with our credentials; profile, endpoints and CA hold as they do
        everywhere.
        """
        import boto3

        core = _core(self.profile, self._config_files())
        core._credentials = (
            self._credentials
        )  # botocore has no public way in for credentials that refresh
        return boto3.Session(botocore_session=core, region_name=self._region)

    def _config_files(self) -> Any:
        """What the session at the chain's beginning has read of config and credentials files: the
        files are the same for all, and reading hundreds of profiles once more for each account
        takes longer than its calls do.
        """
        root = self
        while root.via is not None:
            root = root.via
        boto = (root._home or root).boto
        return None if boto is None else boto._session.full_config

    def _own_credentials(self) -> Any:
        """The credentials object of botocore. Raises ``no-credentials``."""
        from botocore.exceptions import NoCredentialsError

        try:
            found = (
                self._credentials if self._credentials is not None else self.boto.get_credentials()
            )
            if found is None:
                raise NoCredentialsError
        except Exception as error:
            raise translate(error, service="sts", operation="GetCallerIdentity") from error
        return found

    def with_profile(self, profile: str) -> "AwsSession":
        """A session of a named profile, in the same Region and run. Raises
        ``profile-not-found``.
        """
        return _from_profile(profile, self.region, self.run)

    def keys(self) -> Keys:
        """The credentials as they are now. Raises ``no-credentials``, ``credentials-expired``,
        ``iam-denied``.
        """
        try:
            frozen = self._own_credentials().get_frozen_credentials()
        except Exception as error:
            raise translate(error, service="sts", operation="GetCallerIdentity") from error
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def caller_identity(self) -> Raw:
        """STS GetCallerIdentity: Account, Arn, UserId; asked once."""
        if self._home is not None:
            return self._home.caller_identity()
        with self._lock:
            if self._identity is None:
                answer = self.call("sts", "get_caller_identity")
                self._identity = {key: answer[key] for key in ("Account", "Arn", "UserId")}
            return self._identity

    def caller_chain(self) -> tuple[str, ...]:
        """ARNs of the principals the caller arrives through, itself last.

        Roles of the chain come as they were given (with path); a role that the credentials only
        show as an STS session comes as its role ARN without path, which is how the authenticator
        spells it. Found out once.
        """
        if self._home is not None:
            return self._home.caller_chain()
        with self._lock:
            if self._chain is None:
                if self.via is not None and self.role_arn is not None:
                    self._chain = (*self.via.caller_chain(), self.role_arn)
                else:
                    self._chain = (
                        *self._profile_chain(),
                        principal_of(str(self.caller_identity()["Arn"])),
                    )
            return self._chain

    def _profile_chain(self) -> tuple[str, ...]:
        """What a profile with role_arn and source_profile arrives through: botocore assumes that
        role without our call.
        """
        profiles = (self._config_files() or {}).get("profiles", {})
        name = self.profile or (self.boto.profile_name if self.boto is not None else "default")
        chain: list[str] = []
        seen = {name}
        while (here := profiles.get(name, {})).get("role_arn") and (
            name := here.get("source_profile")
        ):
            if name in seen:
                break  # a profile that is its own source: static keys beside role_arn
            seen.add(name)
            source = profiles.get(name, {})
            try:
                arn = source.get("role_arn") or principal_of(
                    str(self.with_profile(name).caller_identity()["Arn"])
                )
            except MigratorError:
                break  # the way in works without our seeing it; what cannot be read is not guessed
            chain.insert(0, arn)
        return tuple(chain)


def _core(profile: str | None, files: Any = None) -> Any:
    """A session of botocore by profile, with what was read of config and credentials ``files``
    before. Raises botocore's ``ProfileNotFound``.
    """
    core = new_session()
    if profile:
        core.set_config_variable("profile", profile)
    core._config = files
    core.register_component("data_loader", model_loader(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return core


def _moment(value: Any) -> datetime:
    """A time in an answer. botocore itself asks dateutil, which takes a dozen times longer, for
    each of thousands of roles. What is no usual time is left to it.
    """
    from botocore.utils import parse_timestamp

    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, timezone.utc)
        moment = moment_of_text(value)
    except (TypeError, ValueError, OverflowError, OSError):
        moment = datetime.min
    found: datetime = moment if moment.tzinfo is not None else parse_timestamp(value)
    return found


def _paced(pace: Callable[[str], None], service: str) -> Callable[..., None]:
    """A handler of botocore's event before a request, or its repetition, is sent."""

    def before_send(event_name: str, **_: Any) -> None:
        pace(f"{service}:{event_name.rpartition('.')[2]}")

    return before_send


def principal_of(arn: str) -> str:
    """The role behind an STS session, spelled without path; any other ARN unchanged."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind != "assumed-role":
        return arn
    role = parsed.resource.split("/")[1]
    return f"arn:{parsed.partition}:iam::{parsed.account}:role/{role}"


def session_name(run: str) -> str:
    """A RoleSessionName that says which run this was (STS: 2 to 64 letters, digits and
    ``_+=,.@-``).
    """
    return re.sub(r"[^\w+=,.@-]", "-", f"{SESSION_PREFIX}{run}", flags=re.ASCII)[:64]


def skew_of(date: str) -> timedelta | None:
    """How far this machine's clock is ahead of a Date header (RFC 9110, 6.6.1: whole seconds); None
    for what is no date.
    """
    try:
        theirs = parsedate_to_datetime(date)
        return machine_time() - theirs
    except (TypeError, ValueError):  # unreadable, or one without a zone
        return None


def jsonable(value: Any) -> Any:
    """An answer of boto3 as JSON-like data: times become ISO 8601 text in UTC, the rest stays."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return utc_text(value) if isinstance(value, datetime) else value


def _names(client: Any, method: str) -> tuple[str, str]:
    """``("eks", "DescribeCluster")``: the IAM prefix and the API's name of a boto3 method."""
    operation = client.meta.method_to_api_mapping.get(method, method)
    return client.meta.service_model.signing_name, operation
