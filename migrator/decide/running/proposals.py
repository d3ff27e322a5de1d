"""What a command will do, from the plan and the journal: shown above its question."""

from collections.abc import Iterable, Mapping, Sequence

from migrator.decide.running.carriers import carries
from migrator.decide.running.progress import SETTLED, Progress
from migrator.decide.running.row_identity import groups_by_row
from migrator.model.access_entry import AuthenticationMode
from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate
from migrator.model.plan import Plan
from migrator.model.proposal import Part, Proposal
from migrator.model.step import (
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DisassociatePolicy,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)

ONE_WAY_CUT_OVER = (
    "There is no way back from API mode: EKS never reads aws-auth again, and a principal without "
    "an access entry has no access."
)
_FORWARD: Mapping[str, str] = {
    "enable-entries": "Authentication mode to switch",
    "create-bridge": "Groups to bind to cluster-admin during the run",
    "create-binding": "Bindings to make",
    "delete-entry": "Access entries to delete, before they are made again",
    "create-entry": "Access entries to create",
    "update-entry": "Access entries to change",
    "associate-policy": "Access policies to associate",
    "disassociate-policy": "Access policies to take away",
    "remove-bridge": "Bindings to remove at the end",
}
_BACK: Mapping[str, str] = {
    "create-entry": "Access entries to delete",
    "update-entry": "Access entries to put back as they were",
    "delete-entry": "Access entries to make again",
    "associate-policy": "Access policies to take away",
    "disassociate-policy": "Access policies to give back",
    "create-bridge": "Bindings to cluster-admin to remove",
    "create-binding": "Bindings to remove",
}


def writes_left(
    plan: Plan,
    progress: Progress,
    only: frozenset[str] | None,
    mode: AuthenticationMode,
) -> tuple[Step, ...]:
    """Steps of an apply that change the cluster and are not done. ``only``: these principals, and
    what comes before any; None: all. ``mode``: the cluster's now, which may be switched already.
    """
    left: list[Step] = []
    for step in plan.steps:
        if progress.of(step.id).status in SETTLED:
            continue
        # These only read.
        if isinstance(step.effect, Prove | AwaitEntry):
            continue
        if isinstance(step.effect, EnableEntries) and mode != step.effect.mode_from:
            continue
        if _is_asked_for(plan, progress, step, only):
            left.append(step)
    return tuple(left)


def _is_asked_for(
    plan: Plan,
    progress: Progress,
    step: Step,
    only: frozenset[str] | None,
) -> bool:
    """Whether ``--only`` does not leave a step out. A step about the cluster serves them all, but a
    bridge is built for those who need it in this run alone (:mod:`obstacles`).
    """
    if only is None:
        return True
    if step.principal_arn is not None:
        return step.principal_arn in only
    match step.effect:
        case CreateBridge(group=group):
            return _is_crossed(plan, progress, only, group)
        case RemoveBridge(group=group):
            # What was built before is removed, and so is what this run builds.
            return not _is_unbuilt(plan, progress, group) or _is_crossed(
                plan, progress, only, group
            )
        case _:
            return True


def _is_crossed(
    plan: Plan,
    progress: Progress,
    only: frozenset[str],
    group: str,
) -> bool:
    """Whether a principal that is asked for, and is not finished, carries the bridge's group."""
    for arn in only:
        sequence = plan.sequences.get(arn, ())
        is_finished = all(progress.of(step.id).status in SETTLED for step in sequence)
        if not is_finished and carries(sequence, "{run}", group):
            return True
    return False


def _is_unbuilt(plan: Plan, progress: Progress, group: str) -> bool:
    """Whether the plan builds the bridge of this group and did not yet; a bridge that another run
    left is there.
    """
    for step in plan.steps:
        if isinstance(step.effect, CreateBridge) and step.effect.group == group:
            return progress.of(step.id).status not in SETTLED
    return False


def apply_proposal(plan: Plan, steps: Sequence[Step]) -> Proposal:
    """What an apply is about to write."""
    # The change of an entry that is created in the same run takes its marker group off.
    # Where the entry was created before, the change is all that is left, and is shown.
    created = {s.principal_arn for s in steps if isinstance(s.effect, CreateEntry)}
    shown: list[Step] = []
    for step in steps:
        if isinstance(step.effect, UpdateEntry) and step.principal_arn in created:
            continue
        shown.append(step)
    one_way = ""
    if any(isinstance(step.effect, EnableEntries) for step in steps):
        one_way = (
            "The switch to API_AND_CONFIG_MAP is one-way, and EKS immediately makes entries for "
            "the creator, managed node groups and Fargate."
        )
    title = f"Apply the plan to cluster {plan.cluster.name}."
    return Proposal(title, plan.cluster, _parts(shown, _FORWARD), one_way=one_way)


def own_entry_proposal(plan: Plan, creation: Step) -> Proposal:
    """What is deleted before anything else where the caller's own entry has no policy yet."""
    title = (
        f"Delete your own access entry on cluster {plan.cluster.name} first: a run of this plan "
        "stopped before its access policy, and the API server refuses you since. Your row in "
        "aws-auth decides again."
    )
    return Proposal(title, plan.cluster, _parts((creation,), _BACK))


def roll_back_proposal(plan: Plan, steps: Iterable[Step]) -> Proposal:
    """What a roll-back is about to undo."""
    title = (
        f"Roll back the plan on cluster {plan.cluster.name}: its principals log in through "
        "aws-auth again. The authentication mode stays."
    )
    return Proposal(title, plan.cluster, _parts(steps, _BACK))


def retire_proposal(plan: Plan, data: Mapping[str, str] | None) -> Proposal:
    """What is lost with aws-auth. ``data``: the ConfigMap's."""
    rows = tuple(
        each.principal_arn
        for each in plan.principals
        if groups_by_row(data, each.principal_arn) is not None
    )
    title = (
        f"Delete the ConfigMap kube-system/aws-auth of cluster {plan.cluster.name}; a backup goes "
        "into the state."
    )
    return Proposal(title, plan.cluster, (Part("Principals with a row, which is inert", rows),))


def cut_over_proposal(
    plan: Plan, gates: tuple[Gate, ...], verdicts: tuple[PrincipalVerdict, ...]
) -> Proposal:
    """What the cut-over was judged by."""
    waived = tuple(gate.waiver for gate in gates if gate.is_waived)
    parts: tuple[Part, ...] = ()
    if waived:
        parts = (Part("Gates that are waived", waived),)
    return Proposal(
        f"Switch cluster {plan.cluster.name} to API mode.",
        plan.cluster,
        parts,
        gates,
        verdicts,
        ONE_WAY_CUT_OVER,
    )


def _parts(steps: Iterable[Step], headings: Mapping[str, str]) -> tuple[Part, ...]:
    """The steps under their headings, each name once; a kind without a heading is not shown."""
    names: dict[str, dict[str, None]] = {}
    for step in steps:
        heading = headings.get(step.effect.kind)
        if heading is not None:
            names.setdefault(heading, {})[_name(step)] = None
    return tuple(Part(what, tuple(found)) for what, found in names.items())


def _name(step: Step) -> str:
    """What a step changes, by the name that a person knows it by."""
    match step.effect:
        case EnableEntries() as effect:
            return f"{effect.mode_from} to {effect.mode_to}"
        case CreateBridge() | RemoveBridge() as effect:
            return effect.binding_name.replace("{run}", "RUN")
        case CreateBinding() as effect:
            text = f"{effect.binding_name}: {effect.group} to {effect.role_name}"
            if effect.namespace:
                text += f" in namespace {effect.namespace}"
            return text
        case AssociatePolicy() | DisassociatePolicy() as effect:
            return f"{effect.policy.policy_name} of {effect.principal_arn}"
        case effect:
            return effect.principal_arn
