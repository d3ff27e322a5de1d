"""Whether the network policies let the rehearsal's timer reach the API server: a Job that is cut
off can put nothing back.
"""

from migrator.decide.reach.network_policies.let_through import apply_command, letting_through
from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.decide.reach.network_policies.targets import targets_in
from migrator.decide.running.dead_man import NAME, NAMESPACE
from migrator.decide.steps.rehearsal_objects import REHEARSAL_LABEL
from migrator.errors import MigratorError, Refused
from migrator.model.network_policies.packets import Answer, Pod
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from migrator.ports import Events, NetworkPolicies

_LABELS = {MANAGED_BY_LABEL: MANAGED_BY, REHEARSAL_LABEL: "0000000000000000"}
# Labels of the Job controller (Kubernetes documentation, "Jobs").
_JOB_LABELS = {"batch.kubernetes.io/job-name": NAME, "job-name": NAME}
TIMER_POD = Pod(NAMESPACE, _LABELS | _JOB_LABELS, NAME, account_labels=_LABELS)


def refuse_timer_cut_off(
    policies: NetworkPolicies | None,
    events: Events,
    *,
    accepted: bool = False,
) -> None:
    """Raises ``Refused`` where the timer cannot reach the API server (``timer-cut-off``), and where
    that depends or is not known (``timer-reach-unproven``) and is not ``accepted``; a policy that
    lets it through is said before, where one would do.

    That the timer has armed itself, before which nothing is blanked, shows one connection from one
    node: it has to reach the API server again, maybe from another node or by another endpoint.
    """
    if policies is None:
        return
    try:
        raw = policies.read()
    except MigratorError as error:
        _refuse_unproven(f"{error.message} {error.why}".strip(" ."), events, accepted=accepted)
        return
    answer = timer_answer(raw)
    if answer.state == "yes":
        return
    # A separate line: an error shows no command that is so long.
    if not accepted or answer.state == "no":
        events.say("warn", timer_remedy(raw, answer), event="timer")
    if answer.state != "no":
        _refuse_unproven(answer.why, events, accepted=accepted)
        return
    raise Refused(
        "timer-cut-off",
        "Network policies keep the rehearsal's timer from the API server: it could not put "
        "aws-auth back.",
        why=f"{answer.why}.",
        remedy="Do what the line above says (`migrate doctor` says it, too), and run the same "
        "command again.",
    )


def _refuse_unproven(why: str, events: Events, *, accepted: bool) -> None:
    """Raises ``Refused`` ``timer-reach-unproven`` unless it is accepted; then it is said."""
    if accepted:
        events.say(
            "warn",
            f"accepted: whether the timer reaches the API server is unknown: {why}",
            event="timer",
        )
        return
    raise Refused(
        "timer-reach-unproven",
        "Whether network policies let the rehearsal's timer reach the API server is not known: "
        "it may be unable to put aws-auth back.",
        why=f"{why}.",
        remedy="Change what is named, or read it and add --accept-timer-reach: then aws-auth may "
        "stay blank when this process dies.",
    )


def timer_answer(raw: RawPolicies) -> Answer:
    """Whether the timer reaches the API server."""
    return reaches(TIMER_POD, targets_in(raw)[0], policy_world(raw))


def permissions_remedy(raw: RawPolicies) -> str:
    """The permissions without which an answer is not known; empty where none is missing."""
    if not raw.denied:
        return ""
    return f"Give the caller what it may not read: {' '.join(raw.denied)}"


def timer_remedy(raw: RawPolicies, answer: Answer) -> str:
    """The command that lets the timer through, or what makes known whether one is needed."""
    missing = permissions_remedy(raw)
    if missing and answer.state != "no":
        return missing
    made = letting_through(raw, TIMER_POD, REHEARSAL_LABEL, targets_in(raw)[0], name=NAME)
    if not made:
        return "Change what is named: no policy that is added would surely let the timer through."
    return (
        f"This lets the timer through: `{apply_command(made)}`. It is for the addresses that the "
        f"API server has now; delete it after the rehearsal."
    )
