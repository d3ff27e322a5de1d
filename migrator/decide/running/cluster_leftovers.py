"""What runs of any plan, from any state folder, left in a cluster, and which entries need it: found
by label, tag and group.

No journal is read: the journal of a run from another folder, or of a lost folder, is not here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from migrator.decide.running.progress import REHEARSE
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.entry_states import PLAN_TAG, RUN_TAG
from migrator.decide.steps.rehearsal_objects import REHEARSAL_LABEL, of_rehearsal
from migrator.model.access_entry import AccessEntry
from migrator.model.cluster_lock import LockSeen
from migrator.model.leftover import Leftover
from migrator.model.rbac import Binding
from migrator.model.step import BRIDGE_PREFIX, MANAGED_BY, MANAGED_BY_LABEL, MARKER_PREFIX

_ADMIN = "cluster-admin"


def find_leftovers(
    bindings: Iterable[Binding],
    entries: Sequence[AccessEntry],
    locks: Iterable[LockSeen] = (),
    *,
    rehearsal_ended_by: str = "",
) -> tuple[Leftover, ...]:
    """Bindings of ours that are bridges or that no entry needs any more, groups of ours on entries,
    and the timer of a rehearsal.

    A binding that gives an entry's group what a reserved group gave is no leftover while an entry
    has that group: it is what the plan wants. ``locks`` are those of other runs.
    ``rehearsal_ended_by``: what ends the rehearsal that has not ended, else empty.
    """
    own = [each for each in bindings if each.labels.get(MANAGED_BY_LABEL) == MANAGED_BY]
    at_work = _runs_at_work(locks)
    found: list[Leftover] = []
    for binding in own:
        if of_rehearsal(binding.labels):
            found.append(_timer(binding, at_work.get(REHEARSE, ""), rehearsal_ended_by))
            continue
        leftover = _of_binding(binding, entries, at_work)
        if leftover is not None:
            found.append(leftover)
    # The run that keeps a bridge for an entry has not finished. It knows its entries by their
    # markers, and neither goes on nor goes back over an entry without its marker.
    unfinished = {each.run for each in found if each.kind == "bridge" and each.needed_by}
    bound = {name for binding in own for name in _groups(binding)}
    for entry in entries:
        found += _of_entry(entry, bound, unfinished, at_work)
    return tuple(found)


def _runs_at_work(locks: Iterable[LockSeen]) -> dict[str, str]:
    """The holder of each lock, by the label of its plan; that of a rehearsal by the command too."""
    found: dict[str, str] = {}
    for seen in locks:
        if seen.record is None:
            continue
        holder = seen.record.holder
        if holder.plan_digest:
            found[plan_label(holder.plan_digest)] = holder.identity
        if holder.command == REHEARSE:
            found[REHEARSE] = holder.identity
    return found


def _groups(binding: Binding) -> set[str]:
    """The groups that a binding gives its role; users and service accounts are not ours."""
    return {subject.name for subject in binding.subjects if subject.kind == "Group"}


def _timer(binding: Binding, locked_by: str, ended_by: str) -> Leftover:
    """The timer of a rehearsal, found by its RoleBinding."""
    return Leftover(
        "rehearsal",
        binding.name,
        "",
        binding.namespace,
        run=binding.labels[REHEARSAL_LABEL],
        locked_by=locked_by,
        shared=len(binding.subjects) > 1,
        ended_by=ended_by,
    )


def _of_binding(
    binding: Binding, entries: Sequence[AccessEntry], at_work: Mapping[str, str]
) -> Leftover | None:
    """A bridge, or a binding that no entry needs; None for one that an entry needs."""
    groups = _groups(binding)
    needed_by = tuple(
        entry.principal_arn for entry in entries if groups & set(entry.kubernetes_groups)
    )
    bridge = binding.namespace is None and binding.role_name == _ADMIN
    if not bridge and needed_by:
        return None
    plan = binding.labels.get(PLAN_LABEL, "")
    return Leftover(
        "bridge" if bridge else "binding",
        binding.name,
        ", ".join(sorted(groups)),
        binding.namespace,
        plan,
        binding.labels.get(RUN_LABEL, ""),
        needed_by,
        at_work.get(plan, ""),
        len(binding.subjects) > 1,  # a run binds one group
    )


def _of_entry(
    entry: AccessEntry,
    bound: Set[str],
    unfinished: Set[str],
    at_work: Mapping[str, str],
) -> Iterator[Leftover]:
    """Groups of ours on an entry. ``bound``: the groups that bindings of ours name."""
    plan = plan_label(entry.tags.get(PLAN_TAG, ""))
    for group in entry.kubernetes_groups:
        if not group.startswith((BRIDGE_PREFIX, MARKER_PREFIX)):
            continue
        named = group.partition(":")[2]
        yield Leftover(
            "group",
            entry.principal_arn,
            group,
            None,
            plan,
            entry.tags.get(RUN_TAG, "") or named,
            # A bridge group that is bound is the access of its entry; an unbound group of ours
            # gives nothing.
            needed_by=(entry.principal_arn,) if group in bound else (),
            locked_by=at_work.get(plan, ""),
            unfinished=named in unfinished,
        )


def bridges(leftovers: Iterable[Leftover], *, but: str = "") -> tuple[Leftover, ...]:
    """Those that give cluster-admin, except those of the run ``but``."""
    found: list[Leftover] = []
    for each in leftovers:
        if each.kind != "bridge":
            continue
        if but and each.run == but:
            continue
        found.append(each)
    return tuple(found)


def plan_made_elsewhere(
    plan_digest: str, bindings: Iterable[Binding], entries: Iterable[AccessEntry]
) -> tuple[str, ...]:
    """Ids of the runs of a plan that left entries or bindings in the cluster."""
    runs: set[str] = set()
    for entry in entries:
        if entry.tags.get(PLAN_TAG) == plan_digest:
            runs.add(entry.tags.get(RUN_TAG, "not known"))
    for binding in bindings:
        if binding.labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
            continue
        if binding.labels.get(PLAN_LABEL) == plan_label(plan_digest):
            runs.add(binding.labels.get(RUN_LABEL, "not known"))
    return tuple(sorted(runs))


def runs_seen(entries: Iterable[AccessEntry]) -> tuple[str, ...]:
    """Ids of the runs of any plan whose tags entries carry."""
    return tuple(sorted({e.tags[RUN_TAG] for e in entries if e.tags.get(RUN_TAG)}))
