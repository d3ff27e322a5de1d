"""Read what runs left in a cluster, and remove what no entry needs (``migrate rollback
--leftovers``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from migrator.decide.running.cluster_leftovers import bridges, find_leftovers
from migrator.decide.running.dead_man import KINDS
from migrator.decide.running.dead_man import NAME as TIMER_NAME
from migrator.decide.running.unended_rehearsal import NOT_READ, ended_by
from migrator.decide.steps.rehearsal_objects import of_rehearsal
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.canonical import digest_of
from migrator.model.cluster_lock import LockSeen
from migrator.model.leftover import Leftover, LeftoversOutcome
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.model.rbac import Binding
from migrator.ports import ClusterObjects, ClusterReader, ConfigMaps, Raw, Rbac
from migrator.run.begin_run import RunPorts, all_entries
from migrator.run.hold_cluster import HeldCluster, hold_cluster

COMMAND = "rollback --leftovers"
_CHANGED = "another writer changed it since it was shown"
_Key: TypeAlias = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class TimerReads:
    """Where the dead-man timer of a rehearsal is looked for, and aws-auth, which it restores."""

    objects: ClusterObjects
    config_maps: ConfigMaps


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """Bindings with our label, and all entries, as they are now. ``raw_bindings``: the bindings as
    the API gives them, by namespace and name. ``rehearsal_ended_by``: what ends the rehearsal that
    has not ended, empty where there is none.
    """

    bindings: tuple[Binding, ...]
    entries: tuple[AccessEntry, ...]
    raw_bindings: Mapping[tuple[str | None, str], Raw] = field(default_factory=dict)
    rehearsal_ended_by: str = ""

    def leftovers(self, locks: tuple[LockSeen, ...] = ()) -> tuple[Leftover, ...]:
        """What is left; ``locks`` are those of other runs."""
        return find_leftovers(
            self.bindings, self.entries, locks, rehearsal_ended_by=self.rehearsal_ended_by
        )

    @property
    def has_rehearsal(self) -> bool:
        """Whether objects of a rehearsal's timer are in the cluster."""
        return any(of_rehearsal(binding.labels) for binding in self.bindings)

    def entry(self, principal_arn: str) -> AccessEntry | None:
        """The entry of a principal."""
        found = {entry.principal_arn: entry for entry in self.entries}
        return found.get(principal_arn)


def own_bindings(rbac: Rbac) -> tuple[Binding, ...]:
    """Bindings with our label."""
    return _parsed(rbac.list_own_bindings())


def _parsed(raws: Iterable[Raw]) -> tuple[Binding, ...]:
    """The bindings of raw objects; what is no binding is left out."""
    found = (
        Binding.from_raw(raw, namespaced="namespace" in (raw.get("metadata") or {})) for raw in raws
    )
    return tuple(binding for binding in found if binding is not None)


def own_objects(rbac: Rbac, reader: ClusterReader, timer: TimerReads | None = None) -> OwnObjects:
    """Read both, and the ``timer`` where a rehearsal left a binding. Raises what keeps them from
    being read.
    """
    raws = rbac.list_own_bindings()
    by_place = {_place(raw.get("metadata") or {}): raw for raw in raws}
    found = OwnObjects(_parsed(raws), all_entries(reader), by_place)
    if not found.has_rehearsal:
        return found
    return replace(found, rehearsal_ended_by=_rehearsal_ended_by(timer))


def _place(metadata: Mapping[str, Any]) -> tuple[str | None, str]:
    """Namespace and name of an object."""
    return metadata.get("namespace"), str(metadata.get("name", ""))


def _rehearsal_ended_by(timer: TimerReads | None) -> str:
    """What ends a rehearsal whose objects are in the cluster."""
    # Without a look at the timer, its objects may be all that restores aws-auth.
    if timer is None:
        return NOT_READ
    return ended_by(
        timer.config_maps.read(),
        timer.objects.read("Job", TIMER_NAME),
        timer.objects.read("Lease", TIMER_NAME),
    )


def remove_leftovers(cluster: str, ports: RunPorts, objects: ClusterObjects) -> LeftoversOutcome:
    """Show what is left, ask, and remove what no entry needs: first groups on entries, then
    bindings. Holds the lock of the cluster, so that no other run is under way.

    Everything is read again after the answer, and what is no longer as it was shown stays. Raises
    ``locked``, ``not-confirmed``.
    """
    with hold_cluster(ports, COMMAND, "") as held:
        timer = TimerReads(objects, ports.config_maps)
        shown = own_objects(held.ports.rbac, held.ports.reader, timer)
        left = shown.leftovers()
        for each in left:
            ports.events.say("info", each.describe(cluster), event="leftover")
        asked = tuple(each for each in left if each.removable)
        if not asked:
            return LeftoversOutcome(cluster, (), left)
        ports.approver.confirm(
            f"Remove {len(asked)} of {len(left)} leftovers from cluster {cluster}?"
        )
        now = own_objects(held.ports.rbac, held.ports.reader, timer)
        removal = _Removal(held, objects, shown, now)
        groups = [each for each in asked if each.kind == "group"]
        for arn in dict.fromkeys(each.name for each in groups):
            removal.of_entry(arn, [each for each in groups if each.name == arn])
        for each in asked:
            if each.kind != "group":
                removal.of_binding(each)
        return LeftoversOutcome(cluster, tuple(removal.removed), removal.kept())


class _Removal:
    """What was shown, what is there after the answer, and what was removed of it."""

    def __init__(
        self,
        held: HeldCluster,
        objects: ClusterObjects,
        shown: OwnObjects,
        now: OwnObjects,
    ) -> None:
        self._held, self._objects, self._shown, self._now = held, objects, shown, now
        self._there = {_key(each): each for each in now.leftovers()}
        self._changed: dict[_Key, Leftover] = {}
        self.removed: list[Leftover] = []

    def of_entry(self, principal_arn: str, groups: Sequence[Leftover]) -> None:
        """Take groups off an entry that is as it was shown, with one update that has every field.

        EKS has no precondition for this call: the entry is read directly before it.
        """
        shown = self._shown.entry(principal_arn)
        going = [each for each in groups if self._not_needed(each)]
        entries = self._held.ports.entries
        found = entries.describe(principal_arn)
        why = _difference(shown, self._now.entry(principal_arn)) or _difference(shown, found)
        if why or found is None:
            self._keep(groups, why)
            return
        if not going:
            return
        names = {each.group for each in going}
        kept = tuple(group for group in found.kubernetes_groups if group not in names)
        token = f"{principal_arn}{sorted(names)}{found.modified_at}"
        spec = EntrySpec(found.type, found.username, kept, found.access_policies)
        entries.update(principal_arn, spec, token=digest_of(token)[-64:])
        for each in going:
            self._note_removed(each, each.group)

    def of_binding(self, each: Leftover) -> None:
        """Delete a binding that is as it was shown; the API server compares it once more."""
        place = each.namespace, each.name
        seen = self._now.raw_bindings.get(place)
        if seen is None:
            self._keep([each], "another writer deleted it or its label")
            return
        if seen != self._shown.raw_bindings[place]:
            self._keep([each], _CHANGED)
            return
        if not self._not_needed(each):
            return
        try:
            self._held.ports.rbac.delete_binding(each.name, each.namespace, seen=seen)
        except MigratorError as error:
            if error.code != "kubernetes-conflict":
                raise
            self._keep([each], _CHANGED)
            return
        if each.kind == "rehearsal":
            self._remove_timer()
        self._note_removed(each, each.name)

    def _not_needed(self, each: Leftover) -> bool:
        """Whether it is still a leftover that may be removed; what needs it now is named else."""
        found = self._there.get(_key(each))
        if found is None:
            return False
        return found.removable

    def _keep(self, leftovers: Iterable[Leftover], why: str) -> None:
        """Keep leftovers in place, with the reason."""
        for each in leftovers:
            self._changed[_key(each)] = replace(each, changed=why)

    def _note_removed(self, each: Leftover, name: str) -> None:
        self.removed.append(each)
        self._held.ports.events.say("done", f"removed: {name}", event="leftover-removed")

    def kept(self) -> tuple[Leftover, ...]:
        """What is left now: needed, changed, or new since the question."""
        gone = {_key(each) for each in self.removed}
        left = {key: each for key, each in self._there.items() if key not in gone}
        return tuple((left | self._changed).values())

    def _remove_timer(self) -> None:
        """The other objects of a timer whose rehearsal has ended; those without its label stay."""
        for kind in KINDS:
            found = self._objects.read(kind, TIMER_NAME)
            if found is None or not of_rehearsal(found["metadata"].get("labels") or {}):
                continue
            self._held.lock.check()
            self._objects.delete(kind, TIMER_NAME)


def _key(leftover: Leftover) -> _Key:
    """What it is, whatever it gives: the groups of a binding may have changed."""
    group = ""
    if leftover.kind == "group":
        group = leftover.group
    return leftover.name, leftover.namespace, group


def _difference(shown: AccessEntry | None, now: AccessEntry | None) -> str:
    """How an entry differs from the one that was shown; empty where it does not."""
    if now is None:
        return "another writer deleted the entry"
    is_as_shown = shown is not None and _gives(shown) == _gives(now)
    if not is_as_shown:
        return "another writer changed the entry since it was shown"
    return ""


def _gives(entry: AccessEntry) -> tuple[object, ...]:
    """What an entry gives, without the order of groups and policies."""
    return (
        entry.type,
        entry.username,
        frozenset(entry.kubernetes_groups),
        frozenset(entry.access_policies),
    )


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
        exit_code = 1
        if outcome.exit_code == 4:
            exit_code = 4
        return replace(outcome, exit_code=exit_code, leftovers=(why,))
    lines = tuple(each.describe(plan.cluster.name, own_run=outcome.run) for each in left)
    # A person settles what has to stay (4), and the leftover is named beside it.
    exit_code = 7 if left and outcome.exit_code == 0 else outcome.exit_code
    return replace(outcome, exit_code=exit_code, leftovers=lines)
