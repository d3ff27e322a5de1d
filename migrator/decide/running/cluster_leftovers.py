"""What runs of any plan, from any state folder, left in a cluster, and which entries need it: found
by label, tag and group.

No journal is read: the journal of a run from another folder, or of a lost folder, is not here.
"""

from collections.abc import Iterable, Sequence

from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.entry_states import PLAN_TAG, RUN_TAG
from migrator.model.access_entry import AccessEntry
from migrator.model.cluster_lock import LockSeen
from migrator.model.leftover import Leftover
from migrator.model.rbac import Binding
from migrator.model.step import BRIDGE_PREFIX, MANAGED_BY, MANAGED_BY_LABEL, MARKER_PREFIX

_ADMIN = "cluster-admin"


def find_leftovers(
    bindings: Iterable[Binding], entries: Sequence[AccessEntry], locks: Iterable[LockSeen] = ()
) -> tuple[Leftover, ...]:
    """Bindings of ours that are bridges or that no entry needs any more, and groups of ours on
    entries.

    A binding that gives an entry's group what a reserved group gave is no leftover while an entry
    has that group: it is what the plan wants. ``locks`` are those of other runs.
    """
    at_work = {
        plan_label(seen.record.holder.plan_digest): seen.record.holder.identity
        for seen in locks
        if seen.record is not None and seen.record.holder.plan_digest
    }
    found: list[Leftover] = []
    bound: set[str] = set()
    for binding in bindings:
        if binding.labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
            continue
        groups = {subject.name for subject in binding.subjects if subject.kind == "Group"}
        bound |= groups
        needed_by = tuple(
            entry.principal_arn for entry in entries if groups & set(entry.kubernetes_groups)
        )
        bridge = binding.namespace is None and binding.role_name == _ADMIN
        if not bridge and needed_by:
            continue
        plan = binding.labels.get(PLAN_LABEL, "")
        found.append(
            Leftover(
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
        )
    for entry in entries:
        plan = plan_label(entry.tags.get(PLAN_TAG, ""))
        for group in entry.kubernetes_groups:
            if group.startswith((BRIDGE_PREFIX, MARKER_PREFIX)):
                # A bridge group that is bound is the access of its entry; an unbound group of ours
                # gives nothing.
                needed_by = (entry.principal_arn,) if group in bound else ()
                run = entry.tags.get(RUN_TAG, "") or group.partition(":")[2]
                locked_by = at_work.get(plan, "")
                found.append(
                    Leftover(
                        "group", entry.principal_arn, group, None, plan, run, needed_by, locked_by
                    )
                )
    return tuple(found)


def bridges(leftovers: Iterable[Leftover], *, but: str = "") -> tuple[Leftover, ...]:
    """Those that give cluster-admin, except those of the run ``but``."""
    return tuple(
        each for each in leftovers if each.kind == "bridge" and (not but or each.run != but)
    )


def plan_made_elsewhere(
    plan_digest: str, bindings: Iterable[Binding], entries: Iterable[AccessEntry]
) -> tuple[str, ...]:
    """Ids of the runs of a plan that left entries or bindings in the cluster."""
    runs = {
        entry.tags.get(RUN_TAG, "not known")
        for entry in entries
        if entry.tags.get(PLAN_TAG) == plan_digest
    }
    runs |= {
        binding.labels.get(RUN_LABEL, "not known")
        for binding in bindings
        if binding.labels.get(MANAGED_BY_LABEL) == MANAGED_BY
        and binding.labels.get(PLAN_LABEL) == plan_label(plan_digest)
    }
    return tuple(sorted(runs))
