"""Both locks of a cluster, held by every workflow that writes: the lock of the state, and the lock
of record in the cluster, which operators with other state folders see. Each write asks first
whether the lock is still held.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.ports import AccessEntries, AuthMode, ConfigMaps, HeldLock, Pods, Raw, Rbac
from migrator.run.begin_run import RunPorts, chain_of

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class HeldCluster:
    """A cluster whose locks are held. ``ports`` write only while they are; ``chain`` is the
    caller's.
    """

    ports: RunPorts
    lock: HeldLock
    chain: tuple[str, ...]

    @property
    def caller(self) -> str:
        """ARN of the caller."""
        return self.chain[-1]


@contextmanager
def hold_cluster(
    ports: RunPorts,
    command: str,
    plan_digest: str,
    *,
    run: str = "",
) -> Iterator[HeldCluster]:
    """Hold both locks for a command. Raises ``locked`` while another run holds one,
    ``lock-not-possible``.
    """
    ports.events.doing("taking the lock of the cluster")
    chain = chain_of(ports.reader)
    holder = replace(
        ports.lock.holder(chain[-1]),
        command=command,
        plan_digest=plan_digest,
        run=run,
        state=ports.store.location,
    )
    with ports.store.lock(holder.identity), ports.lock.hold(holder) as lock:
        yield HeldCluster(guarded(ports, lock), lock, chain)


def guarded(ports: RunPorts, lock: HeldLock) -> RunPorts:
    """The ports of a run, every write of which first asks whether the lock is still held."""

    def checked(read: Callable[[], R]) -> Callable[[], R]:
        def read_and_check() -> R:
            found = read()
            # a lock of another kind that was there first shows by now, and nothing was written yet
            lock.check()
            return found

        return read_and_check

    without = ports.read_without_entries

    return replace(
        ports,
        entries=_Entries(ports.entries, lock),
        mode=_Mode(ports.mode, lock),
        config_maps=_Maps(ports.config_maps, lock),
        rbac=_Rbac(ports.rbac, lock),
        pods=None if ports.pods is None else _Pods(ports.pods, lock),
        read_snapshot=checked(ports.read_snapshot),
        read_without_entries=None if without is None else checked(without),
    )


@dataclass(frozen=True, slots=True)
class _Entries:
    """:class:`migrator.ports.AccessEntries`."""

    inner: AccessEntries
    lock: HeldLock

    def describe(self, principal_arn: str) -> AccessEntry | None:
        return self.inner.describe(principal_arn)

    def create(
        self,
        principal_arn: str,
        entry: EntrySpec,
        *,
        tags: Mapping[str, str],
        token: str,
    ) -> None:
        self.lock.check()
        self.inner.create(principal_arn, entry, tags=tags, token=token)

    def update(
        self,
        principal_arn: str,
        entry: EntrySpec,
        *,
        token: str,
    ) -> None:
        self.lock.check()
        self.inner.update(principal_arn, entry, token=token)

    def delete(self, principal_arn: str) -> None:
        self.lock.check()
        self.inner.delete(principal_arn)

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        self.lock.check()
        self.inner.associate(principal_arn, policy)

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        self.lock.check()
        self.inner.disassociate(principal_arn, policy_arn)


@dataclass(frozen=True, slots=True)
class _Mode:
    """:class:`migrator.ports.AuthMode`."""

    inner: AuthMode
    lock: HeldLock

    def read(self) -> tuple[AuthenticationMode, str]:
        return self.inner.read()

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        self.lock.check()
        return self.inner.switch(to, token=token)

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        return self.inner.update_status(update_id)


@dataclass(frozen=True, slots=True)
class _Maps:
    """:class:`migrator.ports.ConfigMaps`."""

    inner: ConfigMaps
    lock: HeldLock

    def read(self) -> Raw | None:
        return self.inner.read()

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        self.lock.check()
        return self.inner.write_data(data, resource_version=resource_version)

    def delete(self, *, resource_version: str) -> None:
        self.lock.check()
        self.inner.delete(resource_version=resource_version)


@dataclass(frozen=True, slots=True)
class _Rbac:
    """:class:`migrator.ports.Rbac`."""

    inner: Rbac
    lock: HeldLock

    def read_rbac(self) -> Raw:
        return self.inner.read_rbac()

    def list_namespaces(self) -> list[str]:
        return self.inner.list_namespaces()

    def list_nodes(self) -> list[Raw]:
        return self.inner.list_nodes()

    def list_group_reference_objects(self) -> list[Raw]:
        return self.inner.list_group_reference_objects()

    def read_binding(self, name: str, namespace: str | None) -> Raw | None:
        return self.inner.read_binding(name, namespace)

    def list_own_bindings(self) -> list[Raw]:
        return self.inner.list_own_bindings()

    def apply_binding(self, binding: Raw) -> Raw:
        self.lock.check()
        return self.inner.apply_binding(binding)

    def delete_binding(
        self,
        name: str,
        namespace: str | None,
        *,
        seen: Raw | None = None,
    ) -> None:
        self.lock.check()
        self.inner.delete_binding(name, namespace, seen=seen)


@dataclass(frozen=True, slots=True)
class _Pods:
    """:class:`migrator.ports.Pods`. Own canary pods are removed without the lock, too."""

    inner: Pods
    lock: HeldLock

    def create(self, manifest: Raw) -> Raw:
        self.lock.check()
        return self.inner.create(manifest)

    def read(self, namespace: str, name: str) -> Raw | None:
        return self.inner.read(namespace, name)

    def messages(self, namespace: str, name: str) -> tuple[str, ...]:
        return tuple(self.inner.messages(namespace, name))

    def delete(self, namespace: str, name: str) -> None:
        self.inner.delete(namespace, name)
