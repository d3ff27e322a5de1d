"""What a command over a fleet will do, cluster by cluster and in sum: shown above its question."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from migrator.decide.running.progress import SETTLED, Progress
from migrator.decide.running.proposals import ONE_WAY_CUT_OVER
from migrator.decide.running.unfinished import still_to_undo
from migrator.fleet.model.outcome import ClusterResult
from migrator.fleet.model.short_texts import short_cluster
from migrator.model.plan import Plan
from migrator.model.proposal import Part, Proposal
from migrator.model.step import EnableEntries, Step

_NOTHING = "nothing"
# The shown is what this state has: a run from another one is found when the cluster is read, by the
# tags of entries that it created. Without its journal, a changed entry of another owner stays.
_NOTHING_TO_UNDO = (
    "nothing by this state; what a run of this plan from another one made is undone, too, and what "
    "it changed of older entries is not"
)
_SWITCHED = "one-way switch to API_AND_CONFIG_MAP"


@dataclass(frozen=True, slots=True)
class PlannedCluster:
    """A cluster and what is left of its plan. ``counts``: action -> principals, None where no plan
    can be read. ``switches``: the one-way mode step is left. ``older``: what runs of plans before
    this one made and a roll-back of this one leaves, by the file of each plan; None where that
    cannot be read.
    """

    arn: str
    counts: Mapping[str, int] | None
    switches: bool = False
    older: Mapping[str, Mapping[str, int] | None] = field(default_factory=dict)


def to_apply(arn: str, plan: Plan, progress: Progress) -> PlannedCluster:
    """What an apply has left to do on a cluster."""
    left = [step for step in plan.steps if progress.of(step.id).status not in SETTLED]
    switches = any(isinstance(step.effect, EnableEntries) for step in left)
    return PlannedCluster(arn, _by_action(plan, left), switches)


def to_roll_back(
    arn: str,
    plan: Plan,
    progress: Progress,
    older: Mapping[str, tuple[Plan, Progress] | None],
) -> PlannedCluster:
    """What a roll-back has left to undo on a cluster. ``older``: plans before this one, by file."""
    stays: dict[str, Mapping[str, int] | None] = {}
    for name, read in older.items():
        counts = None if read is None else _by_action(read[0], still_to_undo(*read))
        # Of a plan that was rolled back nothing stays.
        if counts is None or counts:
            stays[name] = counts
    return PlannedCluster(arn, _by_action(plan, still_to_undo(plan, progress)), older=stays)


def _by_action(plan: Plan, steps: Iterable[Step]) -> dict[str, int]:
    """The principals of these steps by the action of the plan."""
    concerned = {step.principal_arn for step in steps}
    return dict(Counter(p.action for p in plan.principals if p.principal_arn in concerned))


def planned_proposal(title: str, clusters: Sequence[PlannedCluster], *, forward: bool) -> Proposal:
    """What the plans of the clusters come to. ``forward``: entries are made, so that the mode step
    belongs to it.
    """
    in_all = _numbers(_total(each.counts for each in clusters))
    one_way = ""
    switched = sum(each.switches for each in clusters)
    if forward and switched:
        in_all.append(f"{_SWITCHED} on {switched} clusters")
        one_way = f"The switch to API_AND_CONFIG_MAP is one-way: {switched} clusters."
    return Proposal(
        title,
        parts=(
            Part("Principals by action, in all", tuple(in_all)),
            Part("Clusters", tuple(_of_plan(each, forward=forward) for each in clusters)),
        ),
        one_way=one_way,
    )


def _total(counts: Iterable[Mapping[str, int] | None]) -> Counter[str]:
    """The sum of the counts by their keys, in the order in which keys first come; None adds
    nothing.
    """
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each or {})
    return total


def _numbers(counts: Mapping[str, int]) -> list[str]:
    """``3 create``, one text a key; what is 0 is left out."""
    return [f"{number} {action}" for action, number in counts.items() if number]


def _of_plan(cluster: PlannedCluster, *, forward: bool) -> str:
    name = short_cluster(cluster.arn)
    if cluster.counts is None:
        return f"{name}: no plan that can be read"
    said = _numbers(cluster.counts)
    if forward and cluster.switches:
        said.append(_SWITCHED)
    for plan, counts in cluster.older.items():
        if counts is None:
            said.append(f"what an older plan made stays, and is not known: {plan} cannot be read")
            continue
        numbers = ", ".join(_numbers(counts))
        said.append(f"{numbers} of an older plan stay (that plan is {plan})")
    return f"{name}: {', '.join(said) or (_NOTHING if forward else _NOTHING_TO_UNDO)}"


def cut_over_proposal(fleet: str, results: Sequence[ClusterResult]) -> Proposal:
    """What the gates of each cluster say, from results of the gates alone."""
    ready = [each for each in results if each.done]
    kept = [each for each in results if not each.done]
    waivers = Counter(waiver for each in results for waiver in each.detail.get("waivers", ()))
    parts = [
        Part("Clusters with every gate open", tuple(map(_of_gates, ready))),
        Part(
            "Clusters with a closed gate, judged again at their turn",
            tuple(map(_of_gates, kept)),
        ),
        Part(
            "Waivers, in all",
            tuple(f"{each}: {n} clusters" for each, n in waivers.items()),
            whole=True,
        ),
        Part("Principals by verdict, in all", _verdicts(results)),
    ]
    title = (
        f"Switch clusters of fleet {fleet} to API mode, wave by wave: {len(ready)} of "
        f"{len(results)} have every gate open."
    )
    return Proposal(
        title, parts=tuple(part for part in parts if part.names), one_way=ONE_WAY_CUT_OVER
    )


def _of_gates(result: ClusterResult) -> str:
    said = []
    if not result.done:
        said.append(result.why or result.message)
    if result.done and result.detail.get("mode") == "API":
        said.append("in API mode already")
    verdicts = result.detail.get("verdicts") or {}
    if verdicts:
        said.append("principals: " + _counted(verdicts))
    waived = result.detail.get("waived") or ()
    if waived:
        said.append(f"waived: {'; '.join(waived)}")
    return f"{short_cluster(result.arn)}: {', '.join(said)}"


def _verdicts(results: Iterable[ClusterResult]) -> tuple[str, ...]:
    total = _total(each.detail.get("verdicts") for each in results)
    return (_counted(total),) if total else ()


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
