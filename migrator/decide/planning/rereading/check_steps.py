"""Steps of a plan that was read: simulated from the basis, one principal after the other.

They must end in exactly the entries of the plan's principals. In between they must give nothing
that neither the identity before nor the entry gives. Each must hold its undo, and must require what
keeps an administrator from losing access (the bridge, the first principal of each kind).
"""

from collections.abc import Iterator, Mapping, Sequence

from migrator.decide.planning.order.order_steps import kind_of_entry
from migrator.decide.planning.rereading.check_bindings import check_bindings
from migrator.decide.planning.rereading.check_sequence import check_sequence
from migrator.decide.planning.rereading.inconsistency import Inconsistency
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.decide.steps.undo import undo_of
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import CreateBinding, EnableEntries, Step

_WORKS = frozenset({"create", "recreate", "update"})


def check_steps(read: PlanRead) -> Iterator[Inconsistency]:
    """Ids, order, undo, the steps of each principal, and the steps about the cluster."""
    plan = read.plan
    yield from _check_ids(plan)
    rests_on = closures(plan.steps)
    yield from _check_each(plan)
    sequences: dict[str, list[Step]] = {}
    for step in plan.steps:
        if step.principal_arn is not None:
            sequences.setdefault(step.principal_arn, []).append(step)
    for principal in plan.principals:
        yield from check_sequence(principal, sequences.get(principal.principal_arn, []), read)
    yield from _check_mode(plan, rests_on)
    yield from check_bindings(read, sequences, rests_on)
    yield from _check_order(plan, sequences, rests_on)


def closures(steps: Sequence[Step]) -> Mapping[str, int]:
    """For each step all steps that it requires, itself included, as bits: step number N of the plan
    is bit N.
    """
    found: dict[str, int] = {}
    for place, step in enumerate(steps):
        bits = 1 << place
        for each in step.requires:
            bits |= found.get(each, 0)
        found[step.id] = bits
    return found


def _check_ids(plan: Plan) -> Iterator[Inconsistency]:
    """Each id once; each step requires earlier steps only, so that no two wait for each other."""
    earlier: set[str] = set()
    for step in plan.steps:
        where = f"step {step.id}"
        if step.id in earlier:
            yield Inconsistency(where, "Two steps have this id.")
        unknown = [each for each in step.requires if each not in earlier]
        if unknown:
            yield Inconsistency(where, f"It requires {unknown[0]}, which is no step before it.")
        earlier.add(step.id)


def _check_each(plan: Plan) -> Iterator[Inconsistency]:
    """Undo, and the principal and the rows that each step names."""
    principals = {principal.principal_arn: principal for principal in plan.principals}
    sources: set[str] = set()
    for principal in plan.principals:
        sources.update(principal.sources)
    for step in plan.steps:
        where = f"step {step.id} ({step.effect.kind})"
        # The undo is stored in the plan, and a run that goes back trusts it.
        if step.undo != undo_of(step.effect):
            yield Inconsistency(where, "Its undo does not take it back.")
        if step.principal_arn is None:
            if not sources.issuperset(step.because_of):
                yield Inconsistency(where, "It is because of a row that no principal has.")
            continue
        owner = principals.get(step.principal_arn)
        if owner is None:
            yield Inconsistency(where, f"Its principal {step.principal_arn} is not in the plan.")
        elif step.because_of != owner.sources:
            yield Inconsistency(
                f"{where} of {step.principal_arn}",
                "It is because of other rows than its principal's.",
            )


def _check_mode(plan: Plan, rests_on: Mapping[str, int]) -> Iterator[Inconsistency]:
    """In CONFIG_MAP mode the switch comes first and every step requires it; in other modes there is
    none.
    """
    switches: list[Step] = []
    for step in plan.steps:
        if isinstance(step.effect, EnableEntries):
            switches.append(step)
    # EKS API: a mode cannot be switched to itself or back.
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        for step in switches:
            yield Inconsistency(f"step {step.id}", "The cluster has access entries already.")
        return
    # EKS API: before the switch, every call about access entries is refused.
    if len(switches) != 1 or plan.steps[0].effect != EnableEntries():
        yield Inconsistency("its first step", "It must be the switch to API_AND_CONFIG_MAP, once.")
        return
    # The switch is step number 0: bit 0 of what a step rests on.
    for step in plan.steps:
        if rests_on[step.id] & 1:
            continue
        yield Inconsistency(
            f"step {step.id}", "It does not wait for the switch to API_AND_CONFIG_MAP."
        )


def _base(plan: Plan, sequences: Mapping[str, Sequence[Step]], place: Mapping[str, int]) -> int:
    """What every other step waits for, as bits: parallel bindings, and EKS's own entries."""
    base = 0
    for step in plan.steps:
        if isinstance(step.effect, CreateBinding):
            base |= 1 << place[step.id]
    for principal in plan.principals:
        if principal.action != "await":
            continue
        steps = sequences.get(principal.principal_arn)
        if steps:
            base |= 1 << place[steps[-1].id]
    return base


def _in_order(
    plan: Plan, sequences: Mapping[str, Sequence[Step]], place: Mapping[str, int]
) -> list[PlannedPrincipal]:
    """The principals that the run works on, in the order of their first steps."""
    first: dict[int, PlannedPrincipal] = {}
    for principal in plan.principals:
        if principal.action not in _WORKS:
            continue
        # check_principals says that an entry is missing.
        if principal.entry is None:
            continue
        steps = sequences.get(principal.principal_arn)
        if steps:
            first[place[steps[0].id]] = principal
    return [first[number] for number in sorted(first)]


def _check_order(
    plan: Plan, sequences: Mapping[str, Sequence[Step]], rests_on: Mapping[str, int]
) -> Iterator[Inconsistency]:
    """EKS's own entries and parallel bindings come first, then the first of each kind, alone, then
    the others.
    """
    place = {step.id: number for number, step in enumerate(plan.steps)}
    base = _base(plan, sequences, place)
    canaries: dict[str, int] = {}
    for principal in _in_order(plan, sequences, place):
        steps = sequences[principal.principal_arn]
        kind = kind_of_entry(principal.entry)
        needed = base
        # The first of a kind goes alone: it waits for the first of each kind before it.
        if kind in canaries:
            needed |= canaries[kind]
        else:
            for bit in canaries.values():
                needed |= bit
            canaries[kind] = 1 << place[steps[-1].id]
        if needed & ~rests_on[steps[0].id]:
            why = (
                "It does not wait for EKS's own entries, the bindings and the first principal "
                "of "
                "its kind."
            )
            yield Inconsistency(f"step {steps[0].id} of {principal.principal_arn}", why)
