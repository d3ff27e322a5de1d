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


def check_bindings(
    read: PlanRead, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    """The bridge of the principals that need it, and every other binding."""
    yield from _check_bridge(read, sequences, rests_on)
    for step in read.plan.steps:
        match step.effect:
            case CreateBinding():
                yield from _check_binding(step, step.effect, read)
            # The removal of the run's own bridge was checked together with its making.
            case RemoveBridge(binding_name=name) if name != BRIDGE_BINDING:
                yield from _check_leftover(step, step.effect, read)
            case _:
                continue


def _check_bridge(
    read: PlanRead, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    made = [step for step in read.plan.steps if isinstance(step.effect, CreateBridge)]
    removed = [step for step in read.plan.steps if _removes_bridge(step)]
    users = [
        sequences[principal.principal_arn]
        for principal in read.plan.principals
        if principal.principal_arn in sequences and is_bridged(principal, read)
    ]
    expected = 1 if users else 0
    if (len(made), len(removed)) != (expected, expected):
        yield Inconsistency(
            _surplus(made, removed),
            "The bridge is made once and removed once, where a principal needs it.",
        )
        return
    if users:
        yield from _check_one_bridge(read, made[0], removed[0], users, rests_on)


def _check_one_bridge(
    read: PlanRead,
    made: Step,
    removed: Step,
    users: Sequence[Sequence[Step]],
    rests_on: Mapping[str, int],
) -> Iterator[Inconsistency]:
    """The bridge is the run's, is there before an entry names it, and goes when no one needs it."""
    if made.effect != CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(_where(made), "It is not the bridge of the run.")
    if removed.effect != RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(_where(removed), "It is not the bridge of the run.")
    place = {step.id: number for number, step in enumerate(read.plan.steps)}
    bridge = 1 << place[made.id]
    for sequence in users:
        for step in sequence:
            if _names_bridge(step) and not rests_on[step.id] & bridge:
                why = "It names the bridge group and does not wait for the bridge."
                yield Inconsistency(f"step {step.id} of {step.principal_arn}", why)
        # The last step is the proof of the policy: until then only the bridge gives access.
        if not rests_on[removed.id] & (1 << place[sequence[-1].id]):
            why = f"It does not wait for {sequence[-1].principal_arn}, who needs the bridge."
            yield Inconsistency(_where(removed), why)


def _where(step: Step) -> str:
    return f"step {step.id} ({step.effect.kind})"


def _surplus(made: Sequence[Step], removed: Sequence[Step]) -> str:
    """The step about a bridge that is one too many; the steps in general where one is missing."""
    extra = [*(made[1:] or removed[1:] or made or removed)]
    return _where(extra[-1]) if extra else "its steps"


def _removes_bridge(step: Step) -> bool:
    return isinstance(step.effect, RemoveBridge) and step.effect.binding_name == BRIDGE_BINDING


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
    # Only the answer `also` binds a group to cluster-admin.
    if _is_announced(step, _ALSO, effect.group, read) and effect == admin_binding_of(effect.group):
        return
    if not _is_announced(step, _RENAMED, effect.group, read):
        yield Inconsistency(
            _where(step), f"No finding of a principal announces the group `{effect.group}`."
        )
        return
    # The name of a parallel binding is made of the group and the binding that it copies.
    names = {
        (namespace, name_of_parallel(effect.group, namespace, name))
        for namespace, name in _bindings_of_basis(read)
    }
    if (effect.namespace, effect.binding_name) not in names:
        yield Inconsistency(_where(step), "The basis has no binding that it copies.")


def _is_announced(step: Step, codes: frozenset[str], group: str, read: PlanRead) -> bool:
    """Whether a principal whose rows are the reason of the step announces the group."""
    owners = [
        principal
        for principal in read.plan.principals
        if not set(principal.sources).isdisjoint(step.because_of)
    ]
    return any(read.is_announced(principal, codes, group) for principal in owners)


def _bindings_of_basis(read: PlanRead) -> Iterator[tuple[str | None, str]]:
    """``(namespace, name)`` of every binding in the basis."""
    for each in read.plan.basis.get("rbac") or ():
        kind, _, name = each.partition(" ")
        if kind == "ClusterRoleBinding":
            yield None, name
        if kind == "RoleBinding":
            namespace, _, rest = name.partition("/")
            yield namespace, rest


def _check_leftover(step: Step, effect: RemoveBridge, read: PlanRead) -> Iterator[Inconsistency]:
    """A bridge that another run left: the plan announces it by name."""
    place = effect.binding_name
    if effect.namespace:
        place = f"{effect.namespace}/{effect.binding_name}"
    found = [each.message for each in read.plan.findings if each.code == "leftover-bridge"]
    announced = [text for text in found if f" {place} binds " in text and effect.group in text]
    # Without the prefix of bridge groups the binding may be anyone's.
    if not announced or not effect.group.startswith(BRIDGE_PREFIX):
        yield Inconsistency(
            _where(step), f"No finding says that {place} is a bridge that an earlier run left."
        )
