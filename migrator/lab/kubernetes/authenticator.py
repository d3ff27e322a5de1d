"""The authenticator of an EKS cluster: from a token to a Kubernetes user.

The checks on the token and the STS verification come first, then access entries (pinned to unique
ids) and the aws-auth ConfigMap, as the cluster's mode says. Sources: aws-iam-authenticator
``pkg/server/server.go``, EKS user guide, "Grant IAM users and roles access to Kubernetes APIs".
"""

import functools
import hashlib
import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from migrator.decide.reading.effective_identity import (
    Ambiguous,
    Denied,
    LoggedIn,
    Outcome,
    PinnedEntry,
    RowIndex,
    canonical_arn,
    has_row,
    identity_of,
    index_rows,
)
from migrator.decide.reading.effective_identity import Caller as Asker
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.lab.aws.errors import CommonError
from migrator.lab.aws.sigv4 import verify_presigned_url
from migrator.lab.kubernetes.authenticator_token import (
    CLUSTER_HEADER,
    PREFIX,
    TokenRefusedError,
    presigned_url,
)
from migrator.lab.kubernetes.store import Change, ObjectStore
from migrator.lab.kubernetes.user import MASTERS, User, with_group_of_every_login
from migrator.lab.worlds.in_force import EntriesInForce, InForce
from migrator.lab.worlds.world import Caller, LabCluster, World

STREAM = "authenticator"
CREATOR_USERNAME = (
    "kubernetes-admin"  # what EKS calls the hidden creator while the mode is CONFIG_MAP
)
_AWS_AUTH = (("", "configmaps"), "kube-system", "aws-auth")
_BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)
_VERSIONS = 500  # of aws-auth that are remembered
_PLAIN = re.compile(r"[A-Za-z0-9._/@^+-]+")  # what logrus prints without quotes
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A token that was accepted, and until when (lab time) it is accepted without being looked at
    again.
    """

    user: User
    until: datetime


class _Rows:
    """The rows of one version of aws-auth, read when first asked for."""

    def __init__(self, since: datetime, data: Mapping[str, str]) -> None:
        self.since = since
        self._data = data

    @functools.cached_property
    def index(self) -> RowIndex:
        """The rows by ARN."""
        return index_rows(read_aws_auth(self._data))


class Authenticator:
    """Authenticates for one cluster. Thread-safe.

    Accepted tokens are remembered for ``world.settings.token_cache`` of lab time, as kube-apiserver
    does: an old token stays valid for a while after its mapping was deleted. Refusals are never
    remembered.
    """

    def __init__(
        self,
        world: World,
        cluster: LabCluster,
        store: ObjectStore,
        in_force: EntriesInForce,
    ) -> None:
        self._world, self._cluster, self._store, self._in_force = world, cluster, store, in_force
        self._lock = threading.Lock()
        self._remembered: dict[bytes, _Remembered] = {}
        self._history = [_Rows(_BEGINNING, self._aws_auth_data())]
        store.on_change(self._notice)
        self._pinned: tuple[InForce | None, tuple[PinnedEntry, ...]] = (None, ())

    def user_of(self, token: str) -> User | None:
        """Whom the token logs in, or None.

        A token that was accepted is not looked at again while it is remembered. The key is its
        hash: tokens themselves are not kept.
        """
        if not token.startswith(PREFIX):
            return None
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        now, known = self._world.now(), self._remembered.get(key)
        if known is not None and now < known.until:
            return known.user
        user = self._log_in(token)
        with self._lock:
            self._remembered.pop(key, None)
            if user is not None:
                if len(self._remembered) >= _REMEMBERED:
                    self._remembered = {k: v for k, v in self._remembered.items() if now < v.until}
                self._remembered[key] = _Remembered(user, now + self._world.settings.token_cache)
        return user

    def forget(self) -> None:
        """Remember no token any more."""
        with self._lock:
            self._remembered.clear()

    def user_for(self, caller: Caller) -> User | None:
        """Whom the cluster makes of a caller that STS has verified; None when the login is refused.
        Logged.
        """
        outcome = self.log_login(caller, self._world.now())
        return self.as_user(caller, outcome) if isinstance(outcome, LoggedIn) else None

    def log_login(self, caller: Caller, moment: datetime) -> LoggedIn | Denied:
        """What becomes of a login at a moment of lab time, written to the log.

        Of rows that contradict each other one is drawn: the real authenticator iterates over a Go
        map, so each login may get another one.
        """
        asker = self.asker_of(caller)
        self._say(
            moment,
            "info",
            "STS response",
            accesskeyid=caller.access_key_id,
            accountid=caller.account,
            arn=caller.arn,
            session=caller.session_name,
            userid=caller.principal_id,
        )
        outcome = self.outcome_at(asker, moment)
        if isinstance(outcome, Ambiguous):
            outcome = random.choice(outcome.outcomes)  # noqa: S311 - no secret
        if isinstance(outcome, Denied):
            why = _refusal(outcome)
            self._say(moment, "warning", "access denied", arn=asker.canonical_arn, error=why)
            return outcome
        self._say(
            moment,
            "info",
            "access granted",
            arn=asker.canonical_arn,
            groups=f"[{' '.join(outcome.groups)}]",
            uid=_uid(caller),
            username=outcome.username,
        )
        return outcome

    def as_user(self, caller: Caller, outcome: LoggedIn) -> User:
        """The Kubernetes user of a login."""
        extra = _extra(caller, canonical_arn(caller.arn) or caller.arn)
        groups = with_group_of_every_login(outcome.username, outcome.groups)
        return User(outcome.username, groups, _uid(caller), extra)

    def outcome_at(self, asker: Asker, moment: datetime) -> Outcome:
        """Who a caller is by the mode, entries and rows in force at a moment of lab time, past or
        (by what is done) to come.

        While the mode is CONFIG_MAP, the hidden creator is an administrator unless a row maps it.
        """
        in_force = self._in_force.at(moment)
        rows = self.rows_at(moment)
        is_hidden = in_force.mode == "CONFIG_MAP" and self._is_creator(asker)
        if is_hidden and not has_row(asker, rows):
            return LoggedIn(CREATOR_USERNAME, (MASTERS,), "config-map", None)
        return identity_of(asker, rows, self._entries(in_force), in_force.mode)

    def changes_of_rows(self, since: datetime) -> list[datetime]:
        """When aws-auth changed after a moment, as far back as is remembered."""
        return [rows.since for rows in self._history if rows.since > since]

    def asker_of(self, caller: Caller) -> Asker:
        """A verified caller as the mapping rules look at it.

        The DNS name is that of the running instance whose id is the session name, for
        ``{{EC2PrivateDNSName}}`` (aws-iam-authenticator ``pkg/server/server.go``, renderTemplate).
        """
        instance = self._world.accounts[self._cluster.account].instances.get(caller.session_name)
        name = None
        if instance is not None and instance.state == "running":
            name = instance.private_dns_name
        return Asker(
            canonical_arn=canonical_arn(caller.arn) or caller.arn,
            account_id=caller.account,
            principal_id=caller.principal_id,
            session_name=caller.session_name,
            access_key_id=caller.access_key_id,
            ec2_private_dns_name=name,
        )

    # parts

    def _log_in(self, token: str) -> User | None:
        """The user behind a token that is not remembered; None when it is refused. Every refusal is
        logged with its reason, and without the token.
        """
        try:
            machine_now = self._world.clock.machine_now()
            url = presigned_url(token, self._cluster.partition, machine_now, self._world.endpoint)
            caller = verify_presigned_url(self._world, url, {CLUSTER_HEADER: self._cluster.name})
        except TokenRefusedError as refused:
            self._say(self._world.now(), "warning", "access denied", error=str(refused))
            return None
        except CommonError as error:
            why = f"sts getCallerIdentity failed: {error}"
            self._say(self._world.now(), "warning", "access denied", error=why)
            return None
        return self.user_for(caller)

    def _is_creator(self, asker: Asker) -> bool:
        """Whether the caller is the principal that made the cluster, by name: a creator that was
        deleted and made again is one too.
        """
        creator = self._cluster.creator_arn
        return creator is not None and canonical_arn(creator) == asker.canonical_arn

    def rows_at(self, moment: datetime) -> RowIndex:
        """The ConfigMap as it was watched at a moment; without one there are no rows."""
        for rows in reversed(self._history):
            if rows.since <= moment:
                return rows.index
        return self._history[0].index

    def _aws_auth_data(self) -> Mapping[str, str]:
        found = self._store.get(*_AWS_AUTH)
        return (found or {}).get("data") or {}

    def _notice(self, change: Change) -> None:
        """The watch on aws-auth: rows of the newest version count immediately. Older versions are
        kept to decide about past moments.
        """
        if (change.key, *change.place) == _AWS_AUTH:
            self._history = [
                *self._history[-_VERSIONS:],
                _Rows(self._world.now(), self._aws_auth_data()),
            ]

    def _entries(self, in_force: InForce) -> Sequence[PinnedEntry]:
        """The entries in force as the mapping rules read them, kept while the same ones are in
        force.
        """
        known = self._pinned
        if known[0] is in_force:
            return known[1]
        pinned = tuple(
            PinnedEntry(
                entry.principal_arn,
                entry.principal_id,
                entry.username,
                entry.kubernetes_groups,
            )
            for entry in in_force.entries
        )
        self._pinned = (in_force, pinned)
        return pinned

    def _say(
        self,
        moment: datetime,
        level: str,
        message: str,
        **fields: str,
    ) -> None:
        """Append a line in logrus' text format, as the authenticator writes it."""
        if "authenticator" not in self._cluster.log_types_at(moment):
            return
        parts = {"client": "127.0.0.1", "method": "POST", "path": "/authenticate", **fields}
        text = " ".join(f"{key}={_quoted(value)}" for key, value in sorted(parts.items()))
        line = f'time="{moment:%Y-%m-%dT%H:%M:%SZ}" level={level} msg="{message}" {text}'
        self._cluster.log(STREAM, line, moment)


def _uid(caller: Caller) -> str:
    """The uid that the authenticator gives a user (``pkg/server/server.go``): it changes when the
    principal is made again.
    """
    return f"aws-iam-authenticator:{caller.account}:{caller.principal_id}"


def _refusal(denied: Denied) -> str:
    """The reason in the log. EKS says no more than this of a principal that nothing maps; other
    refusals name their reason.
    """
    if denied.reason.startswith("no "):
        return "identity is not mapped"
    return denied.reason


def _extra(caller: Caller, canonical: str) -> Mapping[str, tuple[str, ...]]:
    """``extra`` of the user, which access reviews and the audit log show
    (``pkg/server/server.go``).
    """
    return {
        "accessKeyId": (caller.access_key_id,),
        "arn": (caller.arn,),
        "canonicalArn": (canonical,),
        "principalId": (caller.principal_id,),
        "sessionName": (caller.session_name,),
        "sigs.k8s.io/aws-iam-authenticator/principalId": (caller.principal_id,),
    }


def _quoted(text: str) -> str:
    """A value in logrus' text format: quoted where it has characters beyond the plain ones (logrus
    ``text_formatter.go``, needsQuoting). A line break of a name stays inside its line.
    """
    if _PLAIN.fullmatch(text):
        return text
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    )
    return f'"{escaped}"'
