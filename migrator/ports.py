"""What the workflows need of the world, as protocols. Adapters implement them; nothing here does
anything.

Readers return raw API shapes (JSON-like mappings, lists complete: pagination is the adapter's
affair), because a snapshot holds raw shapes. Writers take values of the model. Every method raises
:class:`migrator.errors.MigratorError` and no foreign exception.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.evidence import SelfSubject
from migrator.model.journal import Event, Record
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.model.node_health import NodesNow
from migrator.model.opened_endpoint import EndpointSeen, Opening
from migrator.model.proposal import Proposal
from migrator.model.rbac import AccessRequest
from migrator.model.security_groups import NetworkFacts
from migrator.model.usage_report import LogGroup
from migrator.model.way import Way

Raw = Mapping[str, Any]
T = TypeVar("T")
R = TypeVar("R")


class ClusterReader(Protocol):
    """Reads of the EKS API about one cluster."""

    def caller_identity(self) -> Raw:
        """STS GetCallerIdentity: Account, Arn, UserId."""
        ...

    def caller_chain(self) -> Sequence[str]:
        """ARNs of the principals the caller arrives through, itself last."""
        ...

    def describe_cluster(self) -> Raw:
        """DescribeCluster ``.cluster``. Raises ``cluster-not-found``."""
        ...

    def list_access_entries(self) -> list[Raw] | None:
        """Every entry (DescribeAccessEntry ``.accessEntry``) with ``associatedAccessPolicies``;
        None in CONFIG_MAP mode.
        """
        ...

    def list_entry_arns(self) -> list[str] | None:
        """The principals that have an entry; None in CONFIG_MAP mode, which lists none."""
        ...

    def list_access_policies(self) -> list[str]:
        """ARNs of all access policies of the partition."""
        ...

    def list_nodegroups(self) -> list[Raw]:
        """DescribeNodegroup ``.nodegroup`` of every managed node group."""
        ...

    def list_fargate_profiles(self) -> list[Raw]:
        """DescribeFargateProfile ``.fargateProfile`` of every profile."""
        ...

    def list_capabilities(self) -> list[Raw]:
        """EKS capabilities with their ``roleArn``."""
        ...

    def version_support(self, version: str) -> Raw:
        """The item of DescribeClusterVersions for a Kubernetes version, empty where EKS has none.
        Raises ``iam-denied``.
        """
        ...

    def updates_now(self) -> ClusterUpdates:
        """Updates in progress of the cluster, its node groups and its add-ons, and the number of
        its certificate authorities, read now. Raises ``iam-denied``.
        """
        ...

    def list_identity_provider_configs(self) -> list[Raw]:
        """OIDC identity provider configurations."""
        ...


class ClusterCreation(Protocol):
    """Who made a cluster, as the account's event history tells."""

    def creator_of(self, name: str, cluster_arn: str, created_at: datetime) -> Raw | None:
        """``{arn, source}``: the principal that called CreateCluster; None where no event tells it.
        Raises ``iam-denied``.
        """
        ...


class AccessEntries(Protocol):
    """Access entries of one cluster: the writes."""

    def describe(self, principal_arn: str) -> AccessEntry | None:
        """The entry with its policies, None when there is none."""
        ...

    def create(
        self,
        principal_arn: str,
        entry: EntrySpec,
        *,
        tags: Mapping[str, str],
        token: str,
    ) -> None:
        """CreateAccessEntry (policies are associated apart). ``token`` is the clientRequestToken.
        Raises ``entry-exists`` (409), ``invalid-principal``, ``invalid-entry``.
        """
        ...

    def update(self, principal_arn: str, entry: EntrySpec, *, token: str) -> None:
        """UpdateAccessEntry with every field. Raises ``entry-not-found``."""
        ...

    def delete(self, principal_arn: str) -> None:
        """DeleteAccessEntry. Raises ``entry-not-found``."""
        ...

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        """AssociateAccessPolicy: an upsert that replaces the scope."""
        ...

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        """DisassociateAccessPolicy."""
        ...


class AuthMode(Protocol):
    """The authentication mode of one cluster."""

    def read(self) -> tuple[AuthenticationMode, str]:
        """``(mode, cluster status)``, read now."""
        ...

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        """UpdateClusterConfig, sent once; returns the update id. One-way. Raises
        ``update-in-progress``, ``unsupported-change``; after ``aws-no-answer`` and
        ``aws-server-error`` it may have started: look.
        """
        ...

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        """DescribeUpdate: ``(InProgress|Failed|Cancelled|Successful, error messages)``."""
        ...


class ClusterUpdate(Protocol):
    """An update of one cluster that was started, whatever it changes."""

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        """DescribeUpdate: ``(InProgress|Failed|Cancelled|Successful, error messages)``."""
        ...


class ConfigMaps(Protocol):
    """The aws-auth ConfigMap."""

    def read(self) -> Raw | None:
        """kube-system/aws-auth as the API gives it, None when absent."""
        ...

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        """Replace ``data``, guarded by the resourceVersion. Raises ``aws-auth-changed`` on a
        conflict.
        """
        ...

    def delete(self, *, resource_version: str) -> None:
        """Delete it, guarded by the resourceVersion."""
        ...


class Rbac(Protocol):
    """RBAC objects, group references and nodes: reads for the snapshot, and the few bindings of our
    own.
    """

    def read_rbac(self) -> Raw:
        """``{roles, roleBindings, clusterRoles, clusterRoleBindings}``, each a list of raw
        objects.
        """
        ...

    def list_namespaces(self) -> list[str]:
        """Names of all namespaces."""
        ...

    def list_nodes(self) -> list[Raw]:
        """Nodes cut to ``name``, ``labels``, ``providerID``."""
        ...

    def list_group_reference_objects(self) -> list[Raw]:
        """Raw objects that may name groups or usernames: FlowSchemas, admission policies and
        webhooks, Kyverno, Gatekeeper, the Argo CD RBAC ConfigMap. Kinds that the cluster does not
        serve are left out.
        """
        ...

    def read_binding(self, name: str, namespace: str | None) -> Raw | None:
        """A (Cluster)RoleBinding, None when absent."""
        ...

    def list_own_bindings(self) -> list[Raw]:
        """(Cluster)RoleBindings with our label, in all namespaces."""
        ...

    def apply_binding(self, binding: Raw) -> Raw:
        """Server-side apply of a (Cluster)RoleBinding with our field manager."""
        ...

    def delete_binding(self, name: str, namespace: str | None, *, seen: Raw | None = None) -> None:
        """Delete a binding; absent is fine. ``seen``: only the object that was read, unchanged;
        else raises ``kubernetes-conflict``.
        """
        ...


class ClusterObjects(Protocol):
    """The few objects in kube-system that a rehearsal brings along, by kind and name:
    ServiceAccount, Role, RoleBinding, ConfigMap, Lease, Job.
    """

    def read(self, kind: str, name: str) -> Raw | None:
        """The object, None when absent."""
        ...

    def apply(self, manifest: Raw) -> Raw:
        """Server-side apply with our field manager; creates it where it is absent."""
        ...

    def patch(self, kind: str, name: str, change: Raw) -> Raw:
        """A merge patch. Raises ``not-found``."""
        ...

    def delete(self, kind: str, name: str) -> None:
        """Delete it and what it owns; absent is fine."""
        ...


class AdmissionWebhooks(Protocol):
    """Webhooks that the API server asks about writes."""

    def configurations(self) -> list[Raw]:
        """All validating and mutating webhook configurations. Raises ``kubernetes-denied``."""
        ...


class Pods(Protocol):
    """Pods of one cluster, as far as canaries need them."""

    def create(self, manifest: Raw) -> Raw:
        """Make a pod, sent once. Raises ``kubernetes-denied`` (RBAC, quotas, admission),
        ``kubernetes-refused``, ``not-found`` for the namespace.
        """
        ...

    def read(self, namespace: str, name: str) -> Raw | None:
        """The pod, None when absent."""
        ...

    def messages(self, namespace: str, name: str) -> Sequence[str]:
        """What events say of the pod, oldest first; empty where they may not be listed."""
        ...

    def delete(self, namespace: str, name: str) -> None:
        """Delete it; absent is fine."""
        ...


class NetworkPolicies(Protocol):
    """The network policies of one cluster, and what decides about them."""

    def read(self) -> RawPolicies:
        """Policies of every kind that the cluster serves, tiers, sets, namespaces, the Services of
        the API server and of DNS, and the DaemonSets of plugins. What may not be read is in the
        result, as such. Raises what keeps the API server from being reached.
        """
        ...


class PodLookup(Protocol):
    """Pods of one cluster that are there."""

    def read(self, namespace: str, name: str) -> Raw | None:
        """A pod, None where there is none. Raises ``kubernetes-denied``."""
        ...

    def labelled(self, selector: str) -> Sequence[Raw]:
        """The pods of every namespace that a label selector chooses. Raises
        ``kubernetes-denied``.
        """
        ...


class NodeHealth(Protocol):
    """How the nodes of one cluster are doing."""

    def read(self) -> NodesNow:
        """Every node with its lease and its role, and the Fargate profiles, read now. Raises
        ``kubernetes-denied``.
        """
        ...


class AccessReviewer(Protocol):
    """Reviews asked as one principal, with a token minted for each login and never kept."""

    def session_name(self) -> str:
        """The name of the role session that logs in, which the authenticator looks at; empty for a
        user.
        """
        ...

    def who_am_i(self) -> SelfSubject | None:
        """SelfSubjectReview with a fresh token; None when the login is refused (401). A login that
        may not ask (403) is known by its name alone.
        """
        ...

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        """SelfSubjectAccessReview: ``(allowed, reason)``."""
        ...


class Reviewers(Protocol):
    """Ways to become a principal."""

    def as_principal(self, principal_arn: str) -> AccessReviewer:
        """A reviewer that logs in as the principal. Raises ``cannot-become``: the reason, and what
        would be enough.
        """
        ...

    def log_in_ahead(self, principal_arns: Iterable[str]) -> AbstractContextManager[None]:
        """Within the block these will be asked for, in this order: logins are made a few principals
        before, as they come. Raises nothing and waits for nothing.
        """
        ...

    def forget(self, principal_arn: str) -> None:
        """The principal is not asked for again: its credentials and its token are dropped."""
        ...


class Principals(Protocol):
    """IAM of one or more accounts."""

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        """All roles and users of an account as snapshot ``iam.principals`` items, and whether the
        roles, and the users, are complete.
        """
        ...

    def why_not_listed(self, account: str) -> Sequence[MigratorError]:
        """What kept roles or users of an account from being listed, once they were asked for."""
        ...

    def get(self, arn: str) -> Raw | None:
        """One role or user by account and name; None when it does not exist. Raises
        ``iam-denied``.
        """
        ...

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """Instance id -> role ARN, through instance profiles; what cannot be resolved is left
        out.
        """
        ...


class Permissions(Protocol):
    """What IAM lets the caller do, asked without doing it."""

    def refused(
        self, needs: Sequence[tuple[str, str]], *, unconditional: bool = False
    ) -> list[tuple[str, str]] | None:
        """Those of the ``(action, resource)`` pairs that IAM would refuse; None when that may not
        be asked. ``unconditional``: without refusals that depend on a condition of the call, which
        may hold.
        """
        ...

    def why_not_asked(self) -> MigratorError | None:
        """What kept the last question from being asked; None where nothing did, or nothing is known
        of it.
        """
        ...

    def limit_of(self, action: str, resource: str) -> str:
        """The kind of policy (``service control policy``, ``permissions boundary``) that refuses a
        pair of the answers so far, whatever the caller's own policies say; empty where none does.
        """
        ...


class PrincipalPermissions(Protocol):
    """What IAM lets another principal do, asked without doing it."""

    def refused_to(
        self, principal_arn: str, needs: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]] | None:
        """Those of the ``(action, resource)`` pairs that IAM would refuse the principal; None when
        that may not be asked. Raises ``principal-not-found``.
        """
        ...


class WayIn(Protocol):
    """The way from this machine to the API server."""

    def observe(self) -> Way:
        """Try it once, stage by stage, within seconds; what fails is a value."""
        ...


class SourceAddress(Protocol):
    """The address that the world sees this machine under."""

    def public_address(self) -> str | None:
        """An IP address; None when it cannot be found out."""
        ...


class NetworkReader(Protocol):
    """What EC2 says about the network of a cluster."""

    def read(self, cluster: Raw) -> NetworkFacts:
        """Security groups, interfaces, subnets, routes and endpoints of the cluster's VPC
        (DescribeCluster ``.cluster``), as far as the caller may read them.
        """
        ...


class NodeNetworks(Protocol):
    """How traffic of nodes leaves a VPC, in one Region."""

    def read(self, vpc: str) -> Raw:
        """``nodeNetwork`` of a snapshot: EC2's lists of a VPC, without those that may not be
        read.
        """
        ...


class EndpointAccess(Protocol):
    """Which addresses may reach the public endpoint of one cluster, and which of them commands
    added for themselves.
    """

    def read(self) -> EndpointSeen:
        """The endpoint and its openings, read now."""
        ...

    def is_changing(self) -> bool:
        """Whether an update of the endpoint runs: what ``read`` returns is then as before it."""
        ...

    def set_public_cidrs(self, cidrs: Sequence[str], *, token: str) -> str:
        """UpdateClusterConfig, sent once; returns the update id. Raises ``update-in-progress``."""
        ...

    def write_opening(self, opening: Opening) -> None:
        """Write the tag of an opening, or write it again."""
        ...

    def remove_opening(self, run: str) -> None:
        """Remove the tag of a run's opening; nothing where there is none."""
        ...


class StateStore(Protocol):
    """The state of one cluster: plan, journal, evidence, ``backup/`` and the lock. Files are
    0600.
    """

    @property
    def location(self) -> str:
        """Where it is, for people."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when absent."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one move, fsynced: old or new content, never half of it."""
        ...

    def append_record(
        self,
        step: str | None,
        event: Event,
        effect: Mapping[str, Any],
        at: datetime,
    ) -> Record:
        """Append to the journal, chained and fsynced before this returns."""
        ...

    def journal(self) -> tuple[Record, ...]:
        """The journal, its chain checked. A torn last line is dropped; other damage raises
        ``journal-damaged``.
        """
        ...

    def append_line(self, name: str, line: bytes) -> None:
        """Append one line to another ``.jsonl`` file, fsynced."""
        ...

    def lock(self, owner: str) -> AbstractContextManager[None]:
        """Hold the cluster's lock. Raises ``locked`` with the owner's name."""
        ...

    def lock_owner(self) -> str | None:
        """Who holds the lock now, and until when where that is known; None where no run holds
        it.
        """
        ...


class LockRecords(Protocol):
    """One place in which the lock of a cluster is written down: a Lease, or a tag of the
    cluster.
    """

    @property
    def place(self) -> str:
        """Where, for people."""
        ...

    def read(self) -> LockSeen | None:
        """The record, read now; None where there is none. Raises ``kubernetes-denied``,
        ``iam-denied``, and what keeps the API from being reached.
        """
        ...

    def write(self, record: LockRecord, *, over: str | None) -> str:
        """Write it where ``over`` is the version that is there (None: nothing is there); the new
        version. Raises ``lock-changed`` where it is not. A tag has no compare-and-set: see
        :attr:`settle_seconds`.
        """
        ...

    def clear(self, *, version: str) -> None:
        """Remove the record with that version. Raises ``lock-changed``."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long to wait before what was written counts, if it is still there: 0 with
        compare-and-set.
        """
        ...


class HeldLock(Protocol):
    """A lock on the cluster that this run holds."""

    def check(self) -> None:
        """Asked before each write. Raises ``cluster-lock-lost`` once the lock is another run's or
        may be.
        """
        ...


class ClusterLock(Protocol):
    """The lock of record on one cluster, which operators in other folders and on other machines
    see.
    """

    def holder(self, caller: str) -> LockHolder:
        """The running process as a holder, with a fresh token."""
        ...

    def hold(self, holder: LockHolder) -> AbstractContextManager[HeldLock]:
        """Hold the lock, renewed while held, let go at the end. Raises ``locked`` with the name of
        the run that holds it, ``lock-not-possible`` where the caller may write neither a Lease nor
        a tag.
        """
        ...

    def current(self) -> tuple[LockSeen, ...]:
        """The locks that are written down now, of any holder. Raises what keeps them from being
        read.
        """
        ...

    def break_lock(self, seen: LockSeen) -> None:
        """Remove the lock that was seen; its holder stops before its next write. Raises
        ``lock-changed`` where it was renewed or changed since.
        """
        ...


class MachineTime(Protocol):
    """Time of this machine that continues while the machine sleeps, in the lab too: for locks."""

    def seconds(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait."""
        ...

    def now(self) -> datetime:
        """The date, for people."""
        ...


@dataclass(frozen=True, slots=True)
class QueryRows:
    """What a Logs Insights query found. ``complete`` False: there are more rows than CloudWatch
    gives (10,000).
    """

    rows: list[dict[str, str]]
    complete: bool
    bytes_scanned: int


class AuditLogs(Protocol):
    """CloudWatch Logs of the control plane."""

    def log_types(self) -> frozenset[str]:
        """The types that are switched on (``audit``, ``authenticator``, …), as DescribeCluster
        says; read once.
        """
        ...

    def stored_bytes(self) -> int:
        """Size of the log group: what a query over all of it scans, and costs. Raises
        ``logs-off``.
        """
        ...

    def group(self) -> LogGroup:
        """Size, age and retention of the log group. Raises ``logs-off``."""
        ...

    def events(
        self,
        log_type: str,
        start: datetime,
        end: datetime,
        *,
        pattern: str = "",
    ) -> Iterable[Raw]:
        """Log events ``{timestamp, message, eventId, logStreamName}`` of one type (``audit``,
        ``authenticator``), oldest first, read page by page; ``timestamp`` in milliseconds,
        ``pattern`` a CloudWatch filter pattern. Raises ``logs-off``, ``iam-denied``.
        """
        ...

    def query(self, text: str, start: datetime, end: datetime) -> QueryRows:
        """A Logs Insights query over the log group. Raises ``logs-off``, ``iam-denied``,
        ``query-failed``.
        """
        ...


class Clock(Protocol):
    """The one clock. In the lab it follows lab time."""

    def now(self) -> datetime:
        """Now, in UTC."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...


class Entropy(Protocol):
    """The one source of randomness."""

    def run_id(self) -> str:
        """A fresh run id: 16 lower-case hexadecimal digits, which cannot be guessed."""
        ...


class Approver(Protocol):
    """Asks a person. Without a terminal or an answer: ``Refused``."""

    def show(self, proposal: Proposal) -> None:
        """Show what the next question is about."""
        ...

    def confirm(self, question: str) -> None:
        """A yes, or ``--yes``."""
        ...

    def type_again(self, what: str, expected: str) -> None:
        """The name typed again; ``--yes`` never answers this."""
        ...


class Events(Protocol):
    """Progress for a listener; silence is the default."""

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **about: str,
    ) -> None:
        """One line about what happens. ``about``: its ``event``, a code of
        :mod:`migrator.model.log_events`, and the ``cluster``, ``run``, ``step`` or ``principal``.
        """
        ...

    def doing(self, what: str) -> None:
        """What is done from now on, for a person who waits; the next call replaces it."""
        ...

    def progress(self, label: str, done: int, total: int) -> None:
        """How far a long thing is."""
        ...


class TaskRunner(Protocol):
    """Runs independent calls concurrently."""

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Results in the order of the items; the first error is raised after every item has
        ended.
        """
        ...
