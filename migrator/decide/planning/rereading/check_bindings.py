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
            # Steps about entries are those of check_sequence.
            case _:
                continue


def _check_bridge(
    read: PlanRead, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    """One bridge where a principal has no other access between its entry and its policy; none where
    no principal does: a binding to cluster-admin is not made for nothing.
    """
    made: list[Step] = []
    removed: list[Step] = []
    for step in read.plan.steps:
        if isinstance(step.effect, CreateBridge):
            made.append(step)
        if _removes_bridge(step):
            removed.append(step)
    users: list[Sequence[Step]] = []
    for principal in read.plan.principals:
        steps = sequences.get(principal.principal_arn)
        if steps is not None and is_bridged(principal, read):
            users.append(steps)
    expected = 0
    if users:
        expected = 1
    if (len(made), len(removed)) != (expected, expected):
        yield Inconsistency(
            _surplus(made, removed),
            "The bridge is made once and removed once, where a principal needs it.",
        )
        return
    # Without users there are no steps about a bridge left to check.
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
    # Other names could be those of another owner's binding, or of a group that people have.
    if made.effect != CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(_where(made), "It is not the bridge of the run.")
    if removed.effect != RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP):
        yield Inconsistency(_where(removed), "It is not the bridge of the run.")
    place = {step.id: number for number, step in enumerate(read.plan.steps)}
    bridge = 1 << place[made.id]
    for sequence in users:
        for step in sequence:
            if not _names_bridge(step):
                continue
            if rests_on[step.id] & bridge:
                continue
            why = "It names the bridge group and does not wait for the bridge."
            yield Inconsistency(f"step {step.id} of {step.principal_arn}", why)
        # The last step is the proof of the policy: until then only the bridge gives access.
        last = sequence[-1]
        if not rests_on[removed.id] & (1 << place[last.id]):
            why = f"It does not wait for {last.principal_arn}, who needs the bridge."
            yield Inconsistency(_where(removed), why)


def _where(step: Step) -> str:
    """The step about the cluster as an inconsistency names it."""
    return f"step {step.id} ({step.effect.kind})"


def _surplus(made: Sequence[Step], removed: Sequence[Step]) -> str:
    """The step about a bridge that is one too many; the steps in general where one is missing."""
    # A second one is the fault, wherever it is; else the only one has no counterpart.
    extra = made[1:] or removed[1:] or made or removed
    if not extra:
        return "its steps"
    return _where(extra[-1])


def _removes_bridge(step: Step) -> bool:
    """Whether a step removes the run's own bridge, and not one that an earlier run left."""
    if not isinstance(step.effect, RemoveBridge):
        return False
    return step.effect.binding_name == BRIDGE_BINDING


def _names_bridge(step: Step) -> bool:
    """Whether a step writes the bridge group on an entry."""
    match step.effect:
        case CreateEntry() | UpdateEntry():
            return BRIDGE_GROUP in step.effect.entry.kubernetes_groups
        case _:
            return False


def _check_binding(step: Step, effect: CreateBinding, read: PlanRead) -> Iterator[Inconsistency]:
    """A parallel binding: of a group that a finding adds or renames, beside a binding that the
    basis has.
    """
    group = effect.group
    # Only the answer `also` binds a group to cluster-admin.
    is_also = _is_announced(step, _ALSO, group, read)
    if is_also and effect == admin_binding_of(group):
        return
    if not _is_announced(step, _RENAMED, group, read):
        yield Inconsistency(
            _where(step), f"No finding of a principal announces the group `{group}`."
        )
        return
    # The name of a parallel binding is made of the group and the binding that it copies.
    names: set[tuple[str | None, str]] = set()
    for namespace, name in _bindings_of_basis(read):
        names.add((namespace, name_of_parallel(group, namespace, name)))
    if (effect.namespace, effect.binding_name) not in names:
        yield Inconsistency(_where(step), "The basis has no binding that it copies.")


def _is_announced(
    step: Step,
    codes: frozenset[str],
    group: str,
    read: PlanRead,
) -> bool:
    """Whether a principal whose rows are the reason of the step announces the group."""
    for principal in read.plan.principals:
        if set(principal.sources).isdisjoint(step.because_of):
            continue
        if read.is_announced(principal, codes, group):
            return True
    return False


def _bindings_of_basis(read: PlanRead) -> Iterator[tuple[str | None, str]]:
    """``(namespace, name)`` of every binding in the basis."""
    for each in read.plan.basis.get("rbac") or ():
        kind, _, name = each.partition(" ")
        match kind:
            case "ClusterRoleBinding":
                yield None, name
            case "RoleBinding":
                namespace, _, rest = name.partition("/")
                yield namespace, rest
            # The basis names roles in the same list.
            case _:
                continue


def _check_leftover(step: Step, effect: RemoveBridge, read: PlanRead) -> Iterator[Inconsistency]:
    """A bridge that another run left: the plan announces it by name."""
    place = effect.binding_name
    if effect.namespace:
        place = f"{effect.namespace}/{effect.binding_name}"
    announced = False
    for finding in read.plan.findings:
        if finding.code != "leftover-bridge":
            continue
        # The message is the one that cluster_findings makes: `PLACE binds GROUPS`.
        names_binding = f" {place} binds " in finding.message
        if names_binding and effect.group in finding.message:
            announced = True
    # Without the prefix of bridge groups the binding may be of any owner.
    if announced and effect.group.startswith(BRIDGE_PREFIX):
        return
    yield Inconsistency(
        _where(step), f"No finding says that {place} is a bridge that an earlier run left."
    )
