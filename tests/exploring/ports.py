"""The ports of a run, every call of which is a question to the scheduler.

A call is a tuple: its name, then what it was called with. Nothing is answered here, so that the
workflow that calls is stopped at every look and every effect until a move lets it go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from migrator.decide.planning.proof.basis import basis_of
from migrator.errors import Interrupted, MigratorError
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.model.cluster_lock import LockHolder, LockSeen
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.evidence import SelfSubject
from migrator.model.journal import Event, Record
from migrator.model.proposal import Proposal
from migrator.model.rbac import AccessRequest
from migrator.ports import AccessReviewer, Raw
from migrator.run.begin_run import RunPorts
from tests.exploring.world import role

EPOCH = datetime(2026, 11, 22, tzinfo=timezone.utc)
OPERATOR = role("operator")
Call = tuple[Any, ...]


class Wire(Protocol):
    """Asks the scheduler. ``now`` is the second of the last answer."""

    now: int

    def call(self, *call: Any) -> Any:  # noqa: ANN401 - each call has its own answer
        """The answer; raises what the world raises."""
        ...


@dataclass
class Reader:
    """ClusterReader."""

    wire: Wire

    def caller_identity(self) -> Raw:
        return {"Account": "111122223333", "Arn": OPERATOR, "UserId": "AROA"}

    def caller_chain(self) -> Sequence[str]:
        return (OPERATOR,)

    def describe_cluster(self) -> Raw:
        return {"name": "prod", "status": "ACTIVE"}

    def list_access_entries(self) -> list[Raw] | None:
        found: list[Raw] | None = self.wire.call("list entries")
        return found

    def list_entry_arns(self) -> list[str] | None:
        found = self.list_access_entries()
        return None if found is None else [str(each["principalArn"]) for each in found]

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
class Entries:
    """AccessEntries."""

    wire: Wire

    def describe(self, principal_arn: str) -> AccessEntry | None:
        found: AccessEntry | None = self.wire.call("read entry", principal_arn)
        return found

    def create(
        self, principal_arn: str, entry: EntrySpec, *, tags: Mapping[str, str], token: str
    ) -> None:
        self.wire.call("create entry", principal_arn, entry, tuple(sorted(tags.items())))

    def update(self, principal_arn: str, entry: EntrySpec, *, token: str) -> None:
        self.wire.call("update entry", principal_arn, entry)

    def delete(self, principal_arn: str) -> None:
        self.wire.call("delete entry", principal_arn)

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        self.wire.call("associate policy", principal_arn, policy.policy_arn)

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        self.wire.call("disassociate policy", principal_arn, policy_arn)


@dataclass
class Mode:
    """AuthMode."""

    wire: Wire

    def read(self) -> tuple[AuthenticationMode, str]:
        found: tuple[AuthenticationMode, str] = self.wire.call("read mode")
        return found

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        update: str = self.wire.call("switch mode", to, token)
        return update

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        found: tuple[str, list[str]] = self.wire.call("read update", update_id)
        return found


@dataclass
class ConfigMaps:
    """ConfigMaps."""

    wire: Wire

    def read(self) -> Raw | None:
        found: Raw | None = self.wire.call("read aws-auth")
        return found

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        written: Raw = self.wire.call(
            "write aws-auth", tuple(sorted(data.items())), resource_version
        )
        return written

    def delete(self, *, resource_version: str) -> None:
        self.wire.call("delete aws-auth", resource_version)


@dataclass
class Bindings:
    """Rbac."""

    wire: Wire

    def read_rbac(self) -> Raw:
        return {}

    def list_namespaces(self) -> list[str]:
        return []

    def list_nodes(self) -> list[Raw]:
        return []

    def list_group_reference_objects(self) -> list[Raw]:
        return []

    def read_binding(self, name: str, namespace: str | None) -> Raw | None:
        found: Raw | None = self.wire.call("read binding", name)
        return found

    def list_own_bindings(self) -> list[Raw]:
        found: list[Raw] = self.wire.call("list bindings")
        return found

    def apply_binding(self, binding: Raw) -> Raw:
        labels = tuple(sorted(binding["metadata"].get("labels", {}).items()))
        name, subject = binding["metadata"]["name"], binding["subjects"][0]["name"]
        self.wire.call("bind", name, subject, binding["roleRef"]["name"], labels)
        return binding

    def delete_binding(self, name: str, namespace: str | None, *, seen: Raw | None = None) -> None:
        self.wire.call("unbind", name)


@dataclass
class Reviewer:
    """AccessReviewer of one principal."""

    wire: Wire
    arn: str

    def session_name(self) -> str:
        return "migrate-run"

    def who_am_i(self) -> SelfSubject | None:
        found: SelfSubject | None = self.wire.call("log in", self.arn)
        return found

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        found: tuple[bool, str] = self.wire.call("may", self.arn)
        return found


@dataclass
class Reviewers:
    """Reviewers: every principal can be logged in as, but for nodes."""

    wire: Wire

    def log_in_ahead(self, principal_arns: Iterable[str]) -> AbstractContextManager[None]:
        """Nothing takes time here."""
        return nullcontext()

    def forget(self, principal_arn: str) -> None:
        """Nothing is held."""

    def as_principal(self, principal_arn: str) -> AccessReviewer:
        self.wire.call("become", principal_arn)
        return Reviewer(self.wire, principal_arn)


@dataclass
class Store:
    """StateStore in one of the world's folders."""

    wire: Wire

    @property
    def location(self) -> str:
        return "memory"

    def lock_owner(self) -> str | None:
        """Only a status asks."""
        return None

    def read(self, name: str) -> bytes | None:
        found: bytes | None = self.wire.call("read file", name)
        return found

    def write(self, name: str, content: bytes) -> None:
        self.wire.call("write file", name, content)

    def append_record(
        self, step: str | None, event: Event, effect: Mapping[str, Any], at: datetime
    ) -> Record:
        self.wire.call("append", step, event, dict(effect))
        return Record(0, "", at.isoformat(), step, event, dict(effect))

    def journal(self) -> tuple[Record, ...]:
        found: tuple[Record, ...] = self.wire.call("read journal")
        return found

    def append_line(self, name: str, line: bytes) -> None:
        """Evidence, which apply and roll-back only write."""

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        self.wire.call("lock", owner)
        try:
            yield
        finally:
            self.wire.call("unlock")


@dataclass
class Iam:
    """Principals: IAM, read without what was read of it before."""

    wire: Wire

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        return [], False, False

    def why_not_listed(self, account: str) -> list[MigratorError]:
        return []

    def get(self, arn: str) -> Raw | None:
        found: Raw | None = self.wire.call("read principal", arn)
        return found

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        return {}


@dataclass
class Held:
    """HeldLock."""

    wire: Wire

    def check(self) -> None:
        self.wire.call("check lock")


@dataclass
class Lock:
    """ClusterLock: a Lease in the cluster, seen by all who work on it. The world knows where a call
    comes from.
    """

    wire: Wire

    def holder(self, caller: str) -> LockHolder:
        return LockHolder(f"{caller}@machine/1", token="token", caller=caller)

    @contextmanager
    def hold(self, holder: LockHolder) -> Iterator[Held]:
        self.wire.call("take lock")
        try:
            yield Held(self.wire)
        except BaseException:
            with suppress(Interrupted):
                self.wire.call("let lock go")
            raise
        # raises where the lock is another run's by now
        self.wire.call("let lock go")

    def current(self) -> tuple[LockSeen, ...]:
        return ()

    def break_lock(self, seen: LockSeen) -> None:
        """Nobody does here: a lock that ran out is a move of its own."""


@dataclass
class WorldClock:
    """Clock."""

    wire: Wire

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.wire.now)

    def sleep(self, duration: timedelta) -> None:
        self.wire.call("sleep", max(1, round(duration.total_seconds())))


class Yes:
    """Approver: yes."""

    def show(self, proposal: Proposal) -> None:
        """Shown."""

    def confirm(self, question: str) -> None:
        """Yes."""

    def type_again(self, what: str, expected: str) -> None:
        """Typed."""


class Silence:
    """Events: nobody listens."""

    def say(self, kind: str, message: str, **_about: str) -> None:
        """Nothing."""

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


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
class Numbers:
    """Entropy: what the scheduler gave this process."""

    seed: int
    drawn: int = field(default=0)

    def run_id(self) -> str:
        self.drawn += 1
        return f"{self.seed * 16 + self.drawn:016x}"


def run_ports(wire: Wire, seed: int) -> RunPorts:
    """The ports of one process."""
    return RunPorts(
        entries=Entries(wire),
        mode=Mode(wire),
        config_maps=ConfigMaps(wire),
        rbac=Bindings(wire),
        reviewers=Reviewers(wire),
        store=Store(wire),
        clock=WorldClock(wire),
        approver=Yes(),
        events=Silence(),
        tasks=InTurn(),
        reader=Reader(wire),
        entropy=Numbers(seed),
        lock=Lock(wire),
        fresh_principals=lambda: Iam(wire),
        read_snapshot=lambda: wire.call("read all"),
        basis_of=basis_of,
    )
