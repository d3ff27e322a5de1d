"""The stage of a cluster of a fleet, by its own files, and the command of the next stage."""

from migrator.fleet.model.fleet import FleetAccount, FleetCluster, way_into
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult
from migrator.model.outcome import DECIDE_FINDINGS, DO_WHAT_FINDINGS_SAY
from migrator.model.state_folder import DEFAULT_STATE_DIR

# In the order of the migration; the first four come before it.
STAGES = (
    "unknown",
    "unreachable",
    "denied",
    "not planned",
    "blocked",
    "planned",
    "applying",
    "rolling back",
    "applied",
    "verified",
    "rehearsed",
    "dual",
    "switched",
    "cut over",
    "retired",
)
MIGRATED = frozenset({"dual", "cut over", "retired"})
FINISHED = frozenset({"dual", "retired"})
# Nothing that was begun is left to do or to prove; what is next is a decision.
_AT_REST = frozenset({"applied", "verified", "rehearsed", "dual", "cut over", "retired"})
_NOT_READ = ("unreachable", "denied")


def stage_of(facts: ClusterFacts, last: ClusterResult | None = None) -> str:
    """One of :data:`STAGES`. ``last``, the latest result of any command, says why there is no plan.

    ``verified`` means proven after the entries were made; ``dual`` that the plan ends with both
    ways in, and did; ``switched`` that no principal was proven since the switch to API mode.
    """
    # Files that cannot be read prove no stage, whatever else is known.
    if facts.problem:
        return "unknown"
    # In mode API the API server reads access entries alone (EKS user guide, "Authentication mode"):
    # the plan's steps say nothing any more.
    if facts.mode == "API":
        return _after_switch(facts)
    if facts.plan_digest is None:
        return _without_plan(last)
    # The plan cannot be finished before an administrator decides its blocking findings.
    if facts.blocked:
        return "blocked"
    # Its steps are counted down, not up.
    if facts.begun == "rollback" or facts.rolled_back_in_part:
        return "rolling back"
    if facts.done < facts.steps:
        # The mode step and the entries of EKS stay after a roll-back.
        return "applying" if facts.done and not facts.rolled_back else "planned"
    return _after_apply(facts)


def _after_switch(facts: ClusterFacts) -> str:
    """The stage of a cluster in API mode."""
    if facts.begun in ("cutover", "verify"):
        return "switched"
    return "retired" if facts.retired else "cut over"


def is_open(facts: ClusterFacts, stage: str) -> bool:
    """Whether anything is left to do or to prove, as the status of the cluster alone has it."""
    if facts.begun:
        return True
    # A roll-back that is complete leaves nothing.
    if facts.rolled_back_in_part or (facts.rolled_back and stage == "planned"):
        return False
    return stage not in _AT_REST


def _without_plan(last: ClusterResult | None) -> str:
    """The stage of a cluster without a plan: the latest result says why it has none."""
    if last is not None and last.status in _NOT_READ:
        return last.status
    return "not planned"


def _after_apply(facts: ClusterFacts) -> str:
    """The stage of a cluster whose plan has no open step."""
    # A plan whose target mode keeps aws-auth ends here: no cut-over follows it.
    if facts.target != "API":
        return "dual"
    # The gates of the cut-over ask for a rehearsal, a stronger proof than verify.
    if facts.rehearsed:
        return "rehearsed"
    return "verified" if facts.verdict == "ok" else "applied"


def left_of(facts: ClusterFacts, stage: str) -> str:
    """What is left to do, in words that are the same for all clusters at the same point; empty:
    nothing.
    """
    if stage in FINISHED:
        return ""
    if stage == "rolling back" and not facts.begun:
        return "nothing: some principals are rolled back"
    words = {
        "unknown": facts.problem,
        "unreachable": "make it reachable, then plan it",
        "denied": "allow it to be read, then plan it",
        "not planned": "plan it",
        "blocked": DECIDE_FINDINGS if facts.stubs else DO_WHAT_FINDINGS_SAY,
        "verified": "rehearse, then cut over",
        "rehearsed": "cut over",
        "applied": "verify",
        "rolling back": "roll back the rest, or apply",
        "switched": "verify, then retire aws-auth",
        "cut over": "retire aws-auth",
    }
    return words.get(stage) or facts.next or "apply"


def next_command(
    cluster: FleetCluster,
    facts: ClusterFacts,
    stage: str,
    fleet_file: str,
    account: FleetAccount | None = None,
    *,
    state: str = DEFAULT_STATE_DIR,
) -> tuple[str, ...]:
    """The command that brings the cluster on, as arguments; empty where there is none, or none is
    known to fit.

    ``state`` is the state directory, named where it is not the one that commands use anyway.
    ``<image>`` is for the timer's image, which is in a registry that only its operators know.
    """
    one = (fleet_file, "--cluster", cluster.arn, *_in(state))
    match stage:
        case "unreachable" | "denied" | "not planned":
            return ("migrate", "fleet", "plan", *one)
        case "blocked" if not facts.stubs:
            return ("migrate", "fleet", "plan", *one)
        case "blocked":
            return ("migrate", "fleet", "plan", *one, "--decisions", "decisions.yaml")
        case "planned" | "applying":
            return ("migrate", "fleet", "apply", *one)
        case "rolling back" if facts.begun == "rollback":
            return ("migrate", "fleet", "rollback", *one)
        case "applied" | "switched":
            return ("migrate", "fleet", "verify", *one)
        case "verified":
            return ("migrate", "fleet", "rehearse", *one, "--image", "<image>")
        case "rehearsed":
            return ("migrate", "fleet", "cutover", *one)
        case "cut over":
            return _retire(cluster, facts, account)
        case _:
            return ()


def _retire(
    cluster: FleetCluster, facts: ClusterFacts, account: FleetAccount | None
) -> tuple[str, ...]:
    """The command of a single cluster on the plan in its folder, with the way into its account."""
    tail = f"/{cluster.partition}/{cluster.account}/{cluster.region}/{cluster.name}"
    # The plan is in a bucket: it has to be fetched first.
    if "://" in facts.folder:
        return ()
    if not facts.folder.endswith(tail):
        return ()
    way = ["--region", cluster.region]
    if account is not None:
        way = way_into(account, cluster.region)
    return (
        "migrate",
        "retire",
        f"{facts.folder}/plan.json",
        *_in(facts.folder.removesuffix(tail)),
        *way,
    )


def _in(state: str) -> tuple[str, ...]:
    return () if state == DEFAULT_STATE_DIR else ("--state-dir", state)
