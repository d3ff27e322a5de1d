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


def refuse_timer_cut_off(policies: NetworkPolicies | None, events: Events) -> None:
    """Raises ``Refused`` ``timer-cut-off``, with a policy that lets it through, where the timer
    cannot reach the API server. Where that is not known it is said, and the timer shows it: nothing
    is blanked before it has written that it is armed.
    """
    if policies is None:
        return
    try:
        raw = policies.read()
    except MigratorError as error:
        events.say("warn", f"network policies were not read: {error.message}")
        return
    answer = timer_answer(raw)
    if answer.state == "no":
        # A separate line: an error shows no command that is so long.
        events.say("warn", timer_remedy(raw))
        raise Refused(
            "timer-cut-off",
            "Network policies keep the rehearsal's timer from the API server: it could not put "
            "aws-auth back.",
            why=f"{answer.why}.",
            remedy="Do what the line above says (`migrate doctor` says it, too), and run the same "
            "command again.",
        )
    if answer.state != "yes":
        events.say("warn", f"whether the timer reaches the API server is not known: {answer.why}")


def timer_answer(raw: RawPolicies) -> Answer:
    """Whether the timer reaches the API server."""
    return reaches(TIMER_POD, targets_in(raw)[0], policy_world(raw))


def timer_remedy(raw: RawPolicies) -> str:
    """The command that lets the timer through."""
    made = letting_through(raw, TIMER_POD, REHEARSAL_LABEL, targets_in(raw)[0], name=NAME)
    if not made:
        return "Change the policy that denies it: none that is added would let it through."
    return (
        f"This lets the timer through: `{apply_command(made)}`. It is for the addresses that the "
        f"API server has now; delete it after the rehearsal."
    )
