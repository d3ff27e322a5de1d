"""Bindings that a plan makes and removes: the run's own bridge, and those that a finding of a
principal announces.

Nothing else is ever bound, and nothing else to cluster-admin. The basis holds digests of bindings,
not their roles. So apply compares with the cluster that a parallel binding has the role of the
binding that it copies.
"""

from collections.abc import Iterator, Mapping, Sequence

from migrator.decide.planning.entries.parallel_bindings import admin_binding_of, name_of_parallel
from migrator.decide.planning.rereading.check_sequence import is_bridged
from migrator.decide.planning.rereading.inconsistency import Inconsistency
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    BRIDGE_PREFIX,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    RemoveBridge,
    Step,
    UpdateEntry,
)

_ALSO = frozenset({"masters-also-group"})
_RENAMED = frozenset({"reserved-group-renamed"})
_KINDS = {"RoleBinding": True, "ClusterRoleBinding": False}  # whether it has a namespace


def check_bindings(
    read: PlanRead, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    """The bridge of the principals that need it, and every other binding."""
    yield from _check_bridge(read, sequences, rests_on)
    for step in read.plan.steps:
        if isinstance(step.effect, CreateBinding):
            yield from _check_binding(step, step.effect, read)
        elif isinstance(step.effect, RemoveBridge) and step.effect.binding_name != BRIDGE_BINDING:
            yield from _check_leftover(step, step.effect, read)


def _check_bridge(
    read: PlanRead, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    steps = read.plan.steps
    place = {step.id: number for number, step in enumerate(steps)}
    made = [step for step in steps if isinstance(step.effect, CreateBridge)]
    gone = [
        step
        for step in steps
        if isinstance(step.effect, RemoveBridge) and step.effect.binding_name == BRIDGE_BINDING
    ]
    users = [
        sequences[principal.principal_arn]
        for principal in read.plan.principals
        if principal.principal_arn in sequences and is_bridged(principal, read)
    ]
    if len(made) != bool(users) or len(gone) != bool(users):
        extra = (made[1:] or gone[1:] or made or gone)[-1:]
        where = f"step {extra[0].id} ({extra[0].effect.kind})" if extra else "its steps"
        yield Inconsistency(
            where, "The bridge is made once and removed once, where a principal needs it."
        )
        return
    if not users:
        return
    if made[0].effect != CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(
            f"step {made[0].id} ({made[0].effect.kind})", "It is not the bridge of the run."
        )
    if gone[0].effect != RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(
            f"step {gone[0].id} ({gone[0].effect.kind})", "It is not the bridge of the run."
        )
    bridge = 1 << place[made[0].id]
    for sequence in users:
        for step in sequence:
            if _names_bridge(step) and not rests_on[step.id] & bridge:
                why = "It names the bridge group and does not wait for the bridge."
                yield Inconsistency(f"step {step.id} of {step.principal_arn}", why)
        if not rests_on[gone[0].id] & (1 << place[sequence[-1].id]):
            why = f"It does not wait for {sequence[-1].principal_arn}, who needs the bridge."
            yield Inconsistency(f"step {gone[0].id} ({gone[0].effect.kind})", why)


def _names_bridge(step: Step) -> bool:
    match step.effect:
        case CreateEntry() | UpdateEntry():
            return BRIDGE_GROUP in step.effect.entry.kubernetes_groups
        case _:
            return False


def _check_binding(step: Step, effect: CreateBinding, read: PlanRead) -> Iterator[Inconsistency]:
    """A parallel binding: of a group that a finding adds or renames, beside a binding that the
    basis has.
    """
    where = f"step {step.id} ({effect.kind})"
    owners = [p for p in read.plan.principals if not set(p.sources).isdisjoint(step.because_of)]
    also = any(read.is_announced(principal, _ALSO, effect.group) for principal in owners)
    if also and effect == admin_binding_of(effect.group):
        return
    if not any(read.is_announced(principal, _RENAMED, effect.group) for principal in owners):
        yield Inconsistency(
            where, f"No finding of a principal announces the group `{effect.group}`."
        )
        return
    if not any(
        name_of_parallel(effect.group, namespace, name) == effect.binding_name
        and namespace == effect.namespace
        for namespace, name in _bindings_of_basis(read)
    ):
        yield Inconsistency(where, "The basis has no binding that it copies.")


def _bindings_of_basis(read: PlanRead) -> Iterator[tuple[str | None, str]]:
    """``(namespace, name)`` of every binding in the basis."""
    for each in read.plan.basis.get("rbac") or ():
        kind, _, name = each.partition(" ")
        if kind in _KINDS:
            namespace, _, rest = name.partition("/")
            yield (namespace, rest) if _KINDS[kind] else (None, name)


def _check_leftover(step: Step, effect: RemoveBridge, read: PlanRead) -> Iterator[Inconsistency]:
    """A bridge that another run left: the plan announces it by name."""
    where = f"step {step.id} ({effect.kind})"
    place = f"{effect.namespace}/{effect.binding_name}" if effect.namespace else effect.binding_name
    announced = any(
        finding.code == "leftover-bridge"
        and f" {place} binds " in finding.message
        and effect.group in finding.message
        for finding in read.plan.findings
    )
    if not announced or not effect.group.startswith(BRIDGE_PREFIX):
        yield Inconsistency(
            where, f"No finding says that {place} is a bridge that an earlier run left."
        )
