"""Read what runs left in a cluster, and remove what no entry needs (``migrate rollback
--leftovers``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from migrator.decide.running.cluster_leftovers import bridges, find_leftovers
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.canonical import digest_of
from migrator.model.cluster_lock import LockSeen
from migrator.model.files.snapshot import access_entry
from migrator.model.leftover import Leftover, LeftoversOutcome
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.model.rbac import Binding
from migrator.ports import ClusterReader, Rbac
from migrator.run.begin_run import RunPorts
from migrator.run.hold_cluster import hold_cluster

COMMAND = "rollback --leftovers"


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """Bindings with our label, and all entries, as they are now."""

    bindings: tuple[Binding, ...]
    entries: tuple[AccessEntry, ...]

    def leftovers(self, locks: tuple[LockSeen, ...] = ()) -> tuple[Leftover, ...]:
        """What is left; ``locks`` are those of other runs."""
        return find_leftovers(self.bindings, self.entries, locks)


def own_bindings(rbac: Rbac) -> tuple[Binding, ...]:
    """Bindings with our label."""
    found = (
        Binding.from_raw(raw, namespaced="namespace" in (raw.get("metadata") or {}))
        for raw in rbac.list_own_bindings()
    )
    return tuple(binding for binding in found if binding is not None)


def own_objects(rbac: Rbac, reader: ClusterReader) -> OwnObjects:
    """Read both. Raises what keeps them from being read."""
    entries = [
        access_entry(raw, str(raw.get("principalArn", "")))
        for raw in reader.list_access_entries() or ()
    ]
    return OwnObjects(own_bindings(rbac), tuple(entries))


def remove_leftovers(cluster: str, ports: RunPorts) -> LeftoversOutcome:
    """Show what is left, ask, and remove what no entry needs: first groups on entries, then
    bindings. Holds the lock of the cluster, so that no other run is under way. Raises ``locked``,
    ``not-confirmed``.
    """
    with hold_cluster(ports, COMMAND, "") as held:
        found = own_objects(held.ports.rbac, held.ports.reader)
        left = found.leftovers()
        for each in left:
            ports.events.say("info", each.describe(cluster))
        gone = tuple(each for each in left if each.removable)
        if gone:
            ports.approver.confirm(
                f"Remove {len(gone)} of {len(left)} leftovers from cluster {cluster}?"
            )
        entries = {entry.principal_arn: entry for entry in found.entries}
        # One update for all groups of an entry.
        for arn, groups in _groups_by_entry(gone).items():
            _without_groups(held.ports, entries[arn], frozenset(groups))
        for each in gone:
            if each.kind == "group":
                ports.events.say("done", f"removed: {each.group}")
                continue
            held.ports.rbac.delete_binding(each.name, each.namespace)
            ports.events.say("done", f"removed: {each.name}")
    return LeftoversOutcome(cluster, gone, tuple(each for each in left if not each.removable))


def _groups_by_entry(leftovers: Iterable[Leftover]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for each in leftovers:
        if each.kind == "group":
            groups.setdefault(each.name, set()).add(each.group)
    return groups


def _without_groups(ports: RunPorts, entry: AccessEntry, groups: frozenset[str]) -> None:
    """Update the entry with every field it has, but for the groups."""
    kept = tuple(group for group in entry.kubernetes_groups if group not in groups)
    token = f"{entry.principal_arn}{sorted(groups)}{entry.modified_at}"
    spec = EntrySpec(entry.type, entry.username, kept, entry.access_policies)
    ports.entries.update(entry.principal_arn, spec, token=digest_of(token)[-64:])


def with_bridges(plan: Plan, outcome: RunOutcome, ports: RunPorts) -> RunOutcome:
    """The outcome of a run at its end: not 0 while a cluster-admin binding of any run exists. No
    other run is under way while this one has the lock; this one leaves its own where a principal
    that needs it is not proven.
    """
    if outcome.error is not None or outcome.exit_code not in (0, 4, 7):
        return outcome
    try:
        if not bridges(find_leftovers(own_bindings(ports.rbac), ())):
            return outcome
        left = bridges(own_objects(ports.rbac, ports.reader).leftovers())
    except MigratorError as error:  # an unknown is not 0
        why = f"not known: whether a run left a binding to cluster-admin ({error.message})"
        exit_code = 4 if outcome.exit_code == 4 else 1
        return replace(outcome, exit_code=exit_code, leftovers=(why,))
    lines = tuple(each.describe(plan.cluster.name, own_run=outcome.run) for each in left)
    # A person settles what has to stay (4), and the leftover is named beside it.
    exit_code = 7 if left and outcome.exit_code == 0 else outcome.exit_code
    return replace(outcome, exit_code=exit_code, leftovers=lines)
