"""The state that both sides of the lab share: accounts, clusters, credentials, time, faults,
effects.

Code that reads or changes a world holds ``world.lock``. Rules of AWS are in the APIs (``eks_api``,
``iam_api``, …). This module holds the state, not what is allowed.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from migrator.lab.worlds.buckets import Bucket
from migrator.lab.worlds.clock import LabClock
from migrator.lab.worlds.effects import EffectLog
from migrator.lab.worlds.faults import Faults
from migrator.lab.worlds.lab_cluster import EntryVersion, LabCluster, LabEntry, LabPolicy, LabUpdate
from migrator.lab.worlds.latency import Latency
from migrator.lab.worlds.principals import (
    Account,
    Caller,
    Credential,
    IamRole,
    IamUser,
    Permissions,
    Principal,
    RootUser,
    WebIdentity,
)
from migrator.lab.worlds.ssm_sessions import SsmSession
from migrator.model.principal import parse_arn

__all__ = [
    "Account",
    "Caller",
    "Credential",
    "EntryVersion",
    "IamRole",
    "IamUser",
    "LabCluster",
    "LabEntry",
    "LabPolicy",
    "LabUpdate",
    "Permissions",
    "Principal",
    "RootUser",
    "Settings",
    "WebIdentity",
    "World",
]


@dataclass(slots=True)
class Settings:
    """Delays in lab time, and who operates. ``operator`` is the ARN whose keys ``lab env``
    prints.
    """

    propagation: timedelta = timedelta(seconds=2)
    update_duration: timedelta = timedelta(seconds=3)
    iam_propagation: timedelta = timedelta(0)
    token_cache: timedelta = timedelta(seconds=10)
    operator: str | None = None
    region: str = "eu-central-1"
    caller_address: str = (
        "203.0.113.10"  # where clients of cluster endpoints seem to come from (RFC 5737)
    )
    management_account: str | None = None  # of the organization
    most_entries: int = 3_000  # of a cluster; the quota is the same for everybody
    caller_in_vpc: bool = False  # clients of cluster endpoints are hosts of the clusters' VPC


@dataclass(slots=True)
class World:
    """Everything. Clusters are keyed by (account, region, name): two accounts may use one name."""

    clock: LabClock = field(default_factory=LabClock)
    faults: Faults = field(default_factory=Faults)
    latency: Latency = field(default_factory=Latency)
    accounts: dict[str, Account] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)  # of S3, whose names are global
    clusters: dict[tuple[str, str, str], LabCluster] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    name: str = "lab"
    lock: "threading.RLock" = field(default_factory=threading.RLock)
    effects: EffectLog = field(init=False)
    credentials: dict[str, Credential] = field(default_factory=dict)  # by access key id
    _standing: dict[tuple[str, str | None], Credential] = field(default_factory=dict, repr=False)
    web_identities: dict[str, WebIdentity] = field(default_factory=dict)  # by token
    portal_sessions: dict[str, str] = field(
        default_factory=dict
    )  # IAM Identity Center: who signed in, by token
    endpoint: str | None = (
        None  # URL of the AWS side once it is served: tokens are presigned for it
    )
    queries: dict[str, Any] = field(default_factory=dict)  # CloudWatch Logs Insights queries by id
    ssm_sessions: dict[str, SsmSession] = field(default_factory=dict)  # of Session Manager, by id
    sequence: int = 0
    # Opens a cluster's HTTPS endpoint: (URL, CA certificate in PEM). The server of the Kubernetes
    # side sets it.
    open_endpoint: Callable[[LabCluster], tuple[str, bytes]] | None = None
    # Further operations of the control API, by name: the Kubernetes side adds its own.
    controls: dict[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    channels: Any = None  # the data channels of Session Manager, once the lab is served
    kubernetes: Any = None  # the Kubernetes side's servers: one CA a lab
    oracle: Any = None  # judges every principal's access after every change; None when off

    def __post_init__(self) -> None:
        self.effects = EffectLog(self.clock, self.lock)

    def next_number(self) -> int:
        """A number that was never given before: what makes ids of re-created things differ."""
        self.sequence += 1
        return self.sequence

    def now(self) -> datetime:
        """Lab time."""
        return self.clock.now()

    # Clusters.

    def add_cluster(self, cluster: LabCluster) -> LabCluster:
        """Put a cluster into the world."""
        self.clusters[(cluster.account, cluster.region, cluster.name)] = cluster
        return cluster

    def cluster(
        self, name: str, *, region: str | None = None, account: str | None = None
    ) -> LabCluster:
        """A cluster by name, and by region and account where several have it. Raises
        ``KeyError``.
        """
        found = [cluster for cluster in self.clusters.values() if cluster.name == name]
        if region is not None:
            found = [cluster for cluster in found if cluster.region == region]
        if account is not None:
            found = [cluster for cluster in found if cluster.account == account]
        if len(found) != 1:
            raise KeyError(f"{len(found)} clusters are named {name}")
        return found[0]

    def endpoint_of(self, cluster: LabCluster) -> tuple[str, bytes]:
        """The cluster's endpoint and CA. The first call opens the endpoint. Without a Kubernetes
        side no server listens.
        """
        if cluster.endpoint_url is None or cluster.ca_pem is None:
            opened = (
                self.open_endpoint(cluster) if self.open_endpoint else ("https://127.0.0.1:9", b"")
            )
            cluster.endpoint_url, cluster.ca_pem = opened
        return cluster.endpoint_url, cluster.ca_pem

    # Principals and credentials.

    def principal(self, arn: str) -> Principal | None:
        """The principal that exists now under exactly this IAM ARN (path included), else None."""
        parsed = parse_arn(arn)
        if parsed is None:
            return None
        account = self.accounts.get(parsed.account)
        if account is None or account.partition != parsed.partition:
            return None
        return account.find(parsed)

    def principals(self) -> Iterator[IamRole | IamUser]:
        """All roles and users of all accounts."""
        for account in self.accounts.values():
            yield from account.principals()

    def credentials_of(self, principal_arn: str, session_name: str = "lab") -> Credential:
        """Made-up credentials of a principal: keys of a user or root, a session of a role. Raises
        ``KeyError``.
        """
        with self.lock:
            principal = self.principal(principal_arn)
            if principal is None:
                raise KeyError(f"no principal {principal_arn} in this world")
            session = session_name if isinstance(principal, IamRole) else None
            key = (principal.id, session)
            if key not in self._standing:
                self._standing[key] = self.issue(principal, session, None)
            return self._standing[key]

    def issue(
        self, principal: Principal, session_name: str | None, expires: datetime | None
    ) -> Credential:
        """New keys; a session when ``session_name`` is given."""
        prefix = "ASIA" if session_name is not None else "AKIA"
        credential = Credential(
            access_key_id=prefix + _letters(16),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(96) if session_name is not None else None,
            principal_arn=principal.arn,
            principal_id=principal.id,
            session_name=session_name,
            expires=expires,
        )
        self.credentials[credential.access_key_id] = credential
        return credential

    def web_identity_token(self, identity: WebIdentity) -> str:
        """A new token of an OpenID Connect provider, for AssumeRoleWithWebIdentity."""
        token = f"lab-web-identity.{secrets.token_urlsafe(48)}"
        with self.lock:
            self.web_identities[token] = identity
        return token

    def sign_in(self, user_name: str) -> str:
        """Sign a user in to IAM Identity Center's portal. Returns the access token."""
        token = f"lab-portal.{secrets.token_urlsafe(48)}"
        with self.lock:
            self.portal_sessions[token] = user_name
        return token

    def caller_of(self, credential: Credential) -> Caller | None:
        """The caller with these credentials. None when the principal was deleted, even if it was
        created again.
        """
        principal = self.principal(credential.principal_arn)
        if principal is None or principal.id != credential.principal_id:
            return None
        parsed = parse_arn(principal.arn)
        account = parsed.account if parsed else ""
        arn, user_id = principal.arn, principal.id
        if credential.session_name is not None and parsed is not None:
            session = f"assumed-role/{parsed.name}/{credential.session_name}"
            arn = f"arn:{parsed.partition}:sts::{account}:{session}"
            user_id = f"{principal.id}:{credential.session_name}"
        return Caller(
            arn=arn,
            account=account,
            user_id=user_id,
            principal_arn=principal.arn,
            principal_id=principal.id,
            session_name=credential.session_name or "",
            access_key_id=credential.access_key_id,
            permissions=self.permissions_of(principal),
        )

    def permissions_of(self, principal: Principal) -> Permissions:
        """What a principal may do within the organization's policies, which do not bind the
        management account (Organizations user guide, "Service control policies").
        """
        parsed = parse_arn(principal.arn)
        account = parsed.account if parsed else ""
        own = principal.permissions
        if account == self.settings.management_account or account not in self.accounts:
            return own
        limits = self.accounts[account].service_control
        return replace(own, limits=(*limits, *own.limits)) if limits else own


def _letters(count: int) -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
