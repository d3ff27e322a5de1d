"""A cluster in memory behind the ports: enough of EKS to test workflows, with a crash at any
effect.

The rules it keeps: modes go forward one step; an entry shadows its row at once; without an entry
the row answers unless the mode is API; a policy counts only on an entry. The real rules are the
embedded lab's affair.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from migrator.decide.planning.proof.basis import aws_auth_basis
from migrator.decide.running.lock_protocol import locked
from migrator.decide.running.row_identity import rows_in
from migrator.errors import Failed, Interrupted, MigratorError, Refused
from migrator.model.access_entry import (
    AccessEntry,
    AssociatedPolicy,
    AuthenticationMode,
    EntrySpec,
    Identity,
)
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.evidence import SelfSubject
from migrator.model.journal import Event, Record, decode_journal, encode_record, next_record
from migrator.model.node_health import NodesNow, NodeState
from migrator.model.plan import ClusterRef
from migrator.model.proposal import Proposal
from migrator.model.rbac import AccessRequest, Binding, RbacState, Subject
from migrator.model.snapshot import Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from migrator.ports import AccessReviewer, Raw

ACCOUNT = "111122223333"
CLUSTER_ARN = f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/operator"
START = datetime(2026, 11, 22, tzinfo=timezone.utc)


class Crash(BaseException):
    """The process died: no ``except Exception`` of the product may see it."""


@dataclass
class Cluster:
    """The world. ``rows``: who logs in through aws-auth as what. ``crash_at``: die at that effect,
    counted from 1, ``"before"`` it happens or ``"after"`` it has.
    """

    rows: dict[str, Identity] = field(default_factory=dict)
    mode: AuthenticationMode = "CONFIG_MAP"
    status: str = "ACTIVE"
    entries: dict[str, AccessEntry] = field(default_factory=dict)
    automatic: dict[str, EntrySpec] = field(default_factory=dict)
    bindings: dict[tuple[str | None, str], Raw] = field(default_factory=dict)
    data: dict[str, str] | None = None
    resource_version: int = 1
    managers: list[str] = field(default_factory=lambda: ["vpcLambda"])
    written: datetime | None = None  # when aws-auth was written last
    ids: dict[str, str] = field(
        default_factory=dict
    )  # unique ids of principals, as IAM has them now
    unassumable: set[str] = field(default_factory=set)
    invalid: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)  # entries that the authenticator never matches
    plain: set[str] = field(
        default_factory=set
    )  # roles whose sessions here are not named after an EC2 instance
    updates: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    update_ends: str = "Successful"
    tokens: dict[str, str] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    lock: LockSeen | None = None  # which operators with different stores see
    crash_at: tuple[int, str] | None = None
    watch: Callable[[str], None] | None = None
    now: datetime = START

    def __post_init__(self) -> None:
        if self.data is None:
            rows = [
                {
                    "rolearn": f"arn:aws:iam::{ACCOUNT}:role/{arn.rpartition('/')[2]}",
                    "username": i.username,
                    "groups": i.groups,
                }
                for arn, i in self.rows.items()
            ]
            self.data = {"mapRoles": json.dumps(rows)}

    @contextmanager
    def effect(self, name: str) -> Iterator[None]:
        """Count an effect, and die at the one that was asked for."""
        number = len(self.effects) + 1
        if self.crash_at == (number, "before"):
            raise Crash(name)
        yield
        self.effects.append(name)
        if self.watch is not None:
            self.watch(name)
        if self.crash_at == (number, "after"):
            raise Crash(name)

    def login(self, arn: str) -> SelfSubject | None:
        """Who the principal is now: by its entry, else by its row while the ConfigMap is asked."""
        subject = self._mapped(arn)
        names = () if subject is None else (subject.username, *subject.groups)
        return (
            None
            if arn in self.plain and any("{{EC2PrivateDNSName}}" in name for name in names)
            else subject
        )

    def _mapped(self, arn: str) -> SelfSubject | None:
        entry = self.entries.get(arn)
        if entry is not None and self.mode != "CONFIG_MAP" and arn not in self.dead:
            return SelfSubject(entry.username, (*entry.kubernetes_groups, "system:authenticated"))
        made = self.automatic.get(arn)
        if (
            made is not None and made.type == "STANDARD" and self.mode == "CONFIG_MAP"
        ):  # the hidden creator
            return SelfSubject("kubernetes-admin", ("system:masters", "system:authenticated"))
        row = self.rows.get(arn)
        if row is None or self.mode == "API" or not any((self.data or {}).values()):
            return None
        return SelfSubject(row.username, (*row.groups, "system:authenticated"))

    def admin(self, arn: str) -> tuple[bool, str]:
        """Whether the principal may do everything, and why."""
        subject = self.login(arn)
        if subject is None:
            return False, ""
        if "system:masters" in subject.groups:
            return True, ""
        for raw in self.bindings.values():
            if raw["roleRef"]["name"] == "cluster-admin" and any(
                s["name"] in subject.groups for s in raw["subjects"]
            ):
                return True, f'RBAC: allowed by ClusterRoleBinding "{raw["metadata"]["name"]}"'
        entry = self.entries.get(arn)
        if (
            entry is not None
            and self.mode != "CONFIG_MAP"
            and any("ClusterAdmin" in p.policy_arn for p in entry.access_policies)
        ):
            return True, "EKS Access Policy: allowed"
        return False, ""

    def describe(self) -> str:
        """Everything that must be equal after an interrupted run and an uninterrupted one. Run ids
        are cut out.
        """
        return json.dumps(
            {
                "mode": self.mode,
                "entries": {
                    arn: [
                        e.type,
                        e.username,
                        sorted(e.kubernetes_groups),
                        sorted(p.policy_arn for p in e.access_policies),
                    ]
                    for arn, e in sorted(self.entries.items())
                },
                "bindings": sorted(str(key) for key in self.bindings),
                "data": self.data,
            },
            indent=1,
        )


def cluster_ref(mode: AuthenticationMode) -> ClusterRef:
    """The cluster in a plan or snapshot."""
    return ClusterRef("prod", CLUSTER_ARN, ACCOUNT, "eu-west-1", "aws", mode)


def snapshot_of(cluster: Cluster) -> Snapshot:
    """What reading the cluster gives."""
    bindings = tuple(
        Binding(
            name,
            namespace,
            raw["roleRef"]["kind"],
            raw["roleRef"]["name"],
            tuple(Subject(s["kind"], s["name"]) for s in raw["subjects"]),
            dict(raw["metadata"].get("labels", {})),
        )
        for (namespace, name), raw in sorted(cluster.bindings.items(), key=str)
    )
    entries = (
        None
        if cluster.mode == "CONFIG_MAP"
        else tuple(cluster.entries[arn] for arn in sorted(cluster.entries))
    )
    data = cluster.data
    return Snapshot(
        taken_at=cluster.now.isoformat(),
        cluster=cluster_ref(cluster.mode),
        cluster_raw={},
        config_map=None if data is None else {"data": dict(data)},
        access_entries=entries,
        rbac=RbacState((), bindings),
    )


def basis_of(snapshot: Snapshot) -> Mapping[str, Any]:
    """A basis of the parts that this memory cluster has."""
    entries = snapshot.access_entries
    return {
        "mode": snapshot.cluster.authentication_mode,
        "awsAuth": aws_auth_basis(
            rows_in({} if snapshot.config_map is None else snapshot.aws_auth_data)[0]
        ),
        "data": None if snapshot.config_map is None else snapshot.config_map["data"],
        "entries": None
        if entries is None
        else [
            [
                e.principal_arn,
                e.type,
                e.username,
                sorted(e.kubernetes_groups),
                sorted(p.policy_arn for p in e.access_policies),
            ]
            for e in entries
        ],
        "bindings": [[b.namespace, b.name] for b in (snapshot.rbac or RbacState()).bindings],
    }


@dataclass
class MemoryReader:
    """ClusterReader."""

    cluster: Cluster
    caller: str = OPERATOR

    def caller_identity(self) -> Raw:
        return {"Account": ACCOUNT, "Arn": self.caller, "UserId": "AROA"}

    def caller_chain(self) -> Sequence[str]:
        return (self.caller,)

    def describe_cluster(self) -> Raw:
        return {"name": "prod", "arn": CLUSTER_ARN, "status": self.cluster.status}

    def list_entry_arns(self) -> list[str] | None:
        return None if self.cluster.mode == "CONFIG_MAP" else list(self.cluster.entries)

    def list_access_entries(self) -> list[Raw] | None:
        if self.cluster.mode == "CONFIG_MAP":
            return None
        return [
            {
                "principalArn": arn,
                "type": e.type,
                "username": e.username,
                "kubernetesGroups": list(e.kubernetes_groups),
                "tags": dict(e.tags),
                "associatedAccessPolicies": [
                    {"policyArn": p.policy_arn, "accessScope": {"type": p.scope.type}}
                    for p in e.access_policies
                ],
            }
            for arn, e in sorted(self.cluster.entries.items())
        ]

    def list_access_policies(self) -> list[str]:
        return []

    def list_nodegroups(self) -> list[Raw]:
        return []

    def list_fargate_profiles(self) -> list[Raw]:
        return []

    def list_capabilities(self) -> list[Raw]:
        return []

    def list_identity_provider_configs(self) -> list[Raw]:
        return []

    def version_support(self, version: str) -> Raw:
        return {}

    def updates_now(self) -> ClusterUpdates:
        return ClusterUpdates()


@dataclass
class MemoryEntries:
    """AccessEntries."""

    cluster: Cluster

    def describe(self, principal_arn: str) -> AccessEntry | None:
        return self.cluster.entries.get(principal_arn)

    def create(
        self, principal_arn: str, entry: EntrySpec, *, tags: Mapping[str, str], token: str
    ) -> None:
        cluster = self.cluster
        if principal_arn in cluster.invalid:
            raise Failed("invalid-principal", f"{principal_arn} is invalid")
        if principal_arn in cluster.entries:
            raise Failed("entry-exists", f"{principal_arn} is in use")
        groups = entry.kubernetes_groups if entry.type == "STANDARD" else ("system:nodes",)
        username = entry.username or (
            principal_arn if entry.type == "STANDARD" else "system:node:{{EC2PrivateDNSName}}"
        )
        with cluster.effect(f"create {principal_arn}"):
            cluster.entries[principal_arn] = AccessEntry(
                principal_arn,
                entry.type,
                username,
                groups,
                (),
                cluster.now,
                cluster.now,
                "",
                dict(tags),
            )
            cluster.dead.discard(principal_arn)

    def update(self, principal_arn: str, entry: EntrySpec, *, token: str) -> None:
        old = self._existing(principal_arn)
        with self.cluster.effect(f"update {principal_arn}"):
            self.cluster.entries[principal_arn] = replace(
                old,
                username=entry.username or principal_arn,
                kubernetes_groups=entry.kubernetes_groups,
            )

    def delete(self, principal_arn: str) -> None:
        self._existing(principal_arn)
        with self.cluster.effect(f"delete {principal_arn}"):
            del self.cluster.entries[principal_arn]

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        old = self._existing(principal_arn)
        kept = tuple(p for p in old.access_policies if p.policy_arn != policy.policy_arn)
        with self.cluster.effect(f"associate {principal_arn}"):
            self.cluster.entries[principal_arn] = replace(old, access_policies=(*kept, policy))

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        old = self._existing(principal_arn)
        kept = tuple(p for p in old.access_policies if p.policy_arn != policy_arn)
        with self.cluster.effect(f"disassociate {principal_arn}"):
            self.cluster.entries[principal_arn] = replace(old, access_policies=kept)

    def _existing(self, arn: str) -> AccessEntry:
        if arn not in self.cluster.entries:
            raise Failed("entry-not-found", f"{arn} has no entry")
        return self.cluster.entries[arn]


_NEXT: Mapping[str, AuthenticationMode] = {
    "CONFIG_MAP": "API_AND_CONFIG_MAP",
    "API_AND_CONFIG_MAP": "API",
}


@dataclass
class MemoryMode:
    """AuthMode. An update is InProgress once when it is asked about, then ends as the world
    says.
    """

    cluster: Cluster

    def read(self) -> tuple[AuthenticationMode, str]:
        return self.cluster.mode, self.cluster.status

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        cluster = self.cluster
        if token in cluster.tokens:
            return cluster.tokens[token]
        if _NEXT.get(cluster.mode) != to:
            raise Failed("unsupported-change", f"from {cluster.mode} to {to}")
        update_id = f"update-{len(cluster.updates) + 1}"
        with cluster.effect(f"switch {to}"):
            cluster.tokens[token] = update_id
            cluster.updates[update_id] = (
                cluster.update_ends,
                [] if cluster.update_ends == "Successful" else ["why"],
            )
            if cluster.update_ends == "Successful":
                cluster.mode = to
                for arn, spec in cluster.automatic.items() if to == "API_AND_CONFIG_MAP" else ():
                    cluster.entries[arn] = AccessEntry(
                        arn,
                        spec.type,
                        spec.username or arn,
                        spec.kubernetes_groups,
                        spec.access_policies,
                        cluster.now,
                    )
        return update_id

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        return self.cluster.updates[update_id]


@dataclass
class MemoryConfigMaps:
    """ConfigMaps."""

    cluster: Cluster

    def read(self) -> Raw | None:
        if self.cluster.data is None:
            return None
        return {
            "metadata": {
                "name": "aws-auth",
                "resourceVersion": str(self.cluster.resource_version),
                "managedFields": [
                    {"manager": manager} | self._time() for manager in self.cluster.managers
                ],
            },
            "data": dict(self.cluster.data),
        }

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        self._guard(resource_version)
        with self.cluster.effect("write aws-auth"):
            self.cluster.data = dict(data)
            self.cluster.resource_version += 1
            self.cluster.written = self.cluster.now
        return self.read() or {}

    def delete(self, *, resource_version: str) -> None:
        self._guard(resource_version)
        with self.cluster.effect("delete aws-auth"):
            self.cluster.data = None

    def _time(self) -> dict[str, str]:
        written = self.cluster.written
        return {} if written is None else {"time": written.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _guard(self, resource_version: str) -> None:
        if self.cluster.data is None or resource_version != str(self.cluster.resource_version):
            raise Failed("aws-auth-changed", "another writer changed aws-auth")


@dataclass
class MemoryRbac:
    """Rbac."""

    cluster: Cluster

    def read_rbac(self) -> Raw:
        return {}

    def list_namespaces(self) -> list[str]:
        return []

    def list_nodes(self) -> list[Raw]:
        return []

    def list_group_reference_objects(self) -> list[Raw]:
        return []

    def read_binding(self, name: str, namespace: str | None) -> Raw | None:
        return self.cluster.bindings.get((namespace, name))

    def list_own_bindings(self) -> list[Raw]:
        return [
            raw
            for raw in self.cluster.bindings.values()
            if raw["metadata"].get("labels", {}).get(MANAGED_BY_LABEL) == MANAGED_BY
        ]

    def apply_binding(self, binding: Raw) -> Raw:
        metadata = binding["metadata"]
        with self.cluster.effect(f"bind {metadata['name'].rpartition('-')[0]}"):
            self.cluster.bindings[(metadata.get("namespace"), metadata["name"])] = binding
        return binding

    def delete_binding(self, name: str, namespace: str | None, *, seen: Raw | None = None) -> None:
        if seen is not None and self.cluster.bindings.get((namespace, name), seen) != seen:
            raise Failed("kubernetes-conflict", f"another writer changed {name}")
        if (namespace, name) in self.cluster.bindings:
            with self.cluster.effect(f"unbind {name.rpartition('-')[0]}"):
                del self.cluster.bindings[(namespace, name)]


@dataclass
class MemoryPrincipals:
    """Principals: those whose ids the cluster has."""

    cluster: Cluster

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        return [{"arn": arn, "id": each} for arn, each in self.cluster.ids.items()], True, True

    def why_not_listed(self, account: str) -> list[MigratorError]:
        return []

    def get(self, arn: str) -> Raw | None:
        return {"arn": arn, "id": self.cluster.ids[arn]} if arn in self.cluster.ids else None

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        return {}


@dataclass
class MemoryReviewer:
    """AccessReviewer of one principal."""

    cluster: Cluster
    arn: str

    def session_name(self) -> str:
        if ":role/" not in self.arn:
            return ""
        row = self.cluster.rows.get(self.arn)
        by_instance = (
            row is not None
            and "{{EC2PrivateDNSName}}" in row.username
            and self.arn not in self.cluster.plain
        )
        return "i-0123456789abcdef0" if by_instance else "migrate-run"

    def who_am_i(self) -> SelfSubject | None:
        return self.cluster.login(self.arn)

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        return self.cluster.admin(self.arn)


@dataclass
class MemoryReviewers:
    """Reviewers."""

    cluster: Cluster

    def log_in_ahead(self, principal_arns: Iterable[str]) -> AbstractContextManager[None]:
        """Nothing takes time here."""
        return nullcontext()

    def forget(self, principal_arn: str) -> None:
        """Nothing is held."""

    def as_principal(self, principal_arn: str) -> AccessReviewer:
        if principal_arn in self.cluster.unassumable:
            raise Failed(
                "cannot-become",
                f"cannot log in as {principal_arn}",
                why="its trust policy names others",
            )
        return MemoryReviewer(self.cluster, principal_arn)


@dataclass
class MemoryStore:
    """StateStore: bytes as a folder would hold them, so that they can be cut anywhere.

    ``watch`` is called with each line of the journal before it is written.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    owner: str = ""
    watch: Callable[[bytes], None] | None = None
    _known: tuple[bytes, tuple[Record, ...], int] = (
        b"",
        (),
        0,
    )  # a journal, its records, how much of it is whole

    @property
    def location(self) -> str:
        return "memory"

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def append_record(
        self, step: str | None, event: Event, effect: Mapping[str, Any], at: datetime
    ) -> Record:
        content, journal, whole = self._decoded()
        record = next_record(journal, at=at.isoformat(), step=step, event=event, effect=effect)
        line = encode_record(record)
        if self.watch is not None:
            self.watch(line)
        content = self.files["journal.jsonl"] = content[:whole] + line
        self._known = (content, (*journal, record), len(content))
        return record

    def journal(self) -> tuple[Record, ...]:
        return self._decoded()[1]

    def _decoded(self) -> tuple[bytes, tuple[Record, ...], int]:
        """As whoever reads the file sees it; what was written here itself is not decoded again."""
        content = self.files.get("journal.jsonl", b"")
        if self._known[0] is not content:
            self._known = (content, *decode_journal(content))
        return self._known

    def append_line(self, name: str, line: bytes) -> None:
        self.files[name] = self.files.get(name, b"") + line.rstrip(b"\n") + b"\n"

    def lock_owner(self) -> str | None:
        return self.owner or None

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        if self.owner:
            raise Refused("locked", f"{self.owner} holds the lock")
        self.owner = owner
        try:
            yield
        finally:
            self.owner = ""


@dataclass
class MemoryLock:
    """ClusterLock, in the cluster: two operators with stores of their own see the same one.

    A crash leaves it there; ``release_dead`` is what the next process of the same operator finds
    out.
    """

    cluster: Cluster
    host: str = "here"
    held: int = 0

    def holder(self, caller: str) -> LockHolder:
        self.held += 1
        return LockHolder(
            f"{caller}@{self.host}/1",
            token=f"{self.host}-{self.held}",
            caller=caller,
            host=self.host,
        )

    @contextmanager
    def hold(self, holder: LockHolder) -> Iterator["MemoryHold"]:
        found = self.cluster.lock
        if found is not None:
            raise locked(found)
        mine = LockSeen(
            LockRecord(holder, self.cluster.now.isoformat(), 30), holder.token, "memory"
        )
        self.cluster.lock = mine
        held = MemoryHold(self.cluster, mine)
        try:
            yield held
        except Crash:
            raise
        except BaseException:
            self._release(mine)
            raise
        else:
            if not self._release(mine) and not held.told:
                raise Interrupted("cluster-lock-lost", "another run has it")

    def _release(self, mine: LockSeen) -> bool:
        """Whether it was ours until now."""
        ours = self.cluster.lock is mine
        if ours:
            self.cluster.lock = None
        return ours

    def release_dead(self) -> None:
        """The process of this operator that held it is dead."""
        found = self.cluster.lock
        if found is not None and found.record is not None and found.record.holder.host == self.host:
            self.cluster.lock = None

    def current(self) -> tuple[LockSeen, ...]:
        return () if self.cluster.lock is None else (self.cluster.lock,)

    def break_lock(self, seen: LockSeen) -> None:
        if self.cluster.lock is not seen:
            raise Failed("lock-changed", "it is not the one that was seen")
        self.cluster.lock = None


@dataclass
class MemoryHold:
    """HeldLock."""

    cluster: Cluster
    mine: LockSeen
    told: bool = False

    def check(self) -> None:
        if self.cluster.lock is not self.mine:
            self.told = True
            raise Interrupted("cluster-lock-lost", "another run has it")


@dataclass
class MemoryClock:
    """Clock: sleeping moves it."""

    cluster: Cluster
    slept: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.cluster.now

    def sleep(self, duration: timedelta) -> None:
        self.cluster.now += duration
        self.slept += duration


@dataclass
class MemoryApprover:
    """Approver: answers yes, or refuses; remembers the questions."""

    yes: bool = True
    typed: str | None = None
    asked: list[str] = field(default_factory=list)
    shown: list[Proposal] = field(default_factory=list)

    def show(self, proposal: Proposal) -> None:
        self.shown.append(proposal)

    def confirm(self, question: str) -> None:
        self.asked.append(question)
        if not self.yes:
            raise Refused("not-confirmed", "Nobody said yes.")

    def type_again(self, what: str, expected: str) -> None:
        self.asked.append(what)
        if self.typed != expected:
            raise Refused("not-confirmed", "The name was not typed again.")


@dataclass
class MemoryEvents:
    """Events: kept."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def say(self, kind: str, message: str, **_about: str) -> None:
        self.lines.append((kind, message))

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        self.lines.append(("progress", f"{label} {done}/{total}"))


class InTurn:
    """TaskRunner: one after the other."""

    def map(self, call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        results, first = [], None
        for item in items:
            try:
                results.append(call(item))
            except MigratorError as error:
                first = first or error
        if first is not None:
            raise first
        return results


@dataclass
class MemoryEntropy:
    """Entropy: counted."""

    drawn: int = 0

    def run_id(self) -> str:
        self.drawn += 1
        return f"{self.drawn:016x}"


@dataclass
class MemoryObjects:
    """ClusterObjects, with a Job that arms itself when it is created."""

    cluster: Cluster
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    arms: bool = True

    def read(self, kind: str, name: str) -> Raw | None:
        bindings = self.cluster.bindings
        found = (
            bindings.get(("kube-system", name))
            if kind == "RoleBinding"
            else self.objects.get((kind, name))
        )
        return None if found is None else json.loads(json.dumps(found))

    def apply(self, manifest: Raw) -> Raw:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        with self.cluster.effect(f"apply {kind} {name}"):
            if (kind, name) == ("ConfigMap", "aws-auth"):
                self.cluster.data = dict(manifest["data"])
                self.cluster.resource_version += 1
            elif kind == "RoleBinding":
                self.cluster.bindings["kube-system", name] = json.loads(json.dumps(manifest))
            else:
                self.objects[(kind, name)] = json.loads(json.dumps(manifest))
            if kind == "Job" and self.arms:
                self.patch(
                    "Lease",
                    name,
                    {"metadata": {"annotations": {"eks-access-migrator/timer": "armed"}}},
                )
        return manifest

    def patch(self, kind: str, name: str, change: Raw) -> Raw:
        found = self.objects.get((kind, name))
        if found is None:
            raise Failed("not-found", f"{kind} {name} is not there")
        _merge(found, change)
        return found

    def delete(self, kind: str, name: str) -> None:
        if self.read(kind, name) is None:
            return
        with self.cluster.effect(f"delete {kind} {name}"):
            if kind == "RoleBinding":
                del self.cluster.bindings["kube-system", name]
            else:
                del self.objects[(kind, name)]


def _merge(into: dict[str, Any], change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


@dataclass
class MemoryNodes:
    """NodeHealth: one node, which renews its lease until it is told not to."""

    cluster: Cluster
    dies_at: datetime | None = None

    def read(self) -> NodesNow:
        now = self.cluster.now
        renewed = now if self.dies_at is None or now < self.dies_at else self.dies_at
        return NodesNow((NodeState("ip-10-0-0-1", renewed=renewed, created=now),))


@dataclass
class MemoryPermissions:
    """PrincipalPermissions: who is refused what, by action; None where nobody may ask."""

    refuses: Mapping[str, tuple[str, ...]] | None

    def refused_to(
        self, principal_arn: str, needs: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]] | None:
        if self.refuses is None:
            return None
        if principal_arn not in self.refuses:
            raise Failed("principal-not-found", "IAM knows no such principal.")
        return [need for need in needs if need[0] in self.refuses[principal_arn]]
