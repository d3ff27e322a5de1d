"""What the network policies of a cluster let pods reach: the checks of ``doctor``."""

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.decide.reach.network_policies.services import pod_of
from migrator.decide.reach.network_policies.targets import API_SERVER, DNS, targets_in
from migrator.errors import MigratorError
from migrator.model.diagnosis import Check, CheckState
from migrator.model.network_policies.packets import Answer, Pod, PodPlace, State
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.ports import NetworkPolicies, PodLookup, Raw
from migrator.run.timer_reach import permissions_remedy, timer_answer, timer_remedy
from migrator.run.writer_reach import writer_checks

_TIMER = "network-policies-timer"
_POD = "network-policies-pod"
# A pod without the API server or DNS does nothing; of the two sources of credentials one is enough.
_ESSENTIAL = frozenset({API_SERVER, DNS})
_STATES: dict[State, CheckState] = {
    "yes": "ok",
    "no": "fail",
    "depends": "warn",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class NearPods:
    """Pods of the cluster that are judged unasked. ``here``: the one in which this command runs,
    None where that is none. ``aws_auth``: as it was read, for who writes it.
    """

    pods: PodLookup
    here: PodPlace | None = None
    aws_auth: Raw | None = None


def reach_checks(
    policies: NetworkPolicies | None,
    pod: Pod | None,
    near: NearPods | None = None,
) -> list[Check]:
    """Whether the rehearsal's timer reaches the API server, what ``pod`` reaches, or the pod of
    this command, and whether controllers that write aws-auth are cut off.
    """
    if policies is None:
        return []
    try:
        raw = policies.read()
    except MigratorError as error:
        said = f"{error.message} {error.why}".strip()
        return [Check(_TIMER, "unknown", said, error.remedy)]
    checks = [_timer(raw)]
    if near is not None:
        checks += writer_checks(raw, near.pods, near.aws_auth)
    if pod is not None:
        checks += _of_pod(raw, pod)
    elif near is not None and near.here is not None:
        checks += _of_pod_here(raw, near.pods, near.here)
    return checks


def _of_pod_here(raw: RawPolicies, pods: PodLookup, here: PodPlace) -> Iterator[Check]:
    """The pod of this command; none where it is one of another cluster."""
    try:
        found = pods.read(here.namespace, here.name)
    except MigratorError as error:
        # Without policies the labels, which could not be read, decide nothing.
        if not raw.objects and not raw.unread:
            yield from _of_pod(raw, Pod(here.namespace, name=here.name))
            return
        said = f"This command runs in pod {here.namespace}/{here.name}, which could not be read"
        ask = f"--pod {here.namespace}/ACCOUNT --pod-labels KEY=VALUE"
        yield Check(_POD, "unknown", f"{said}: {error.message}", f"Name what it is: {ask}")
        return
    if found is not None:
        yield from _of_pod(raw, pod_of(found))


def _timer(raw: RawPolicies) -> Check:
    answer = timer_answer(raw)
    if answer.state == "yes":
        return Check(_TIMER, "ok", "Network policies let a rehearsal's timer reach the API server.")
    if answer.state == "no":
        said = f"Network policies cut a rehearsal's timer off: {answer.why}."
        return Check(_TIMER, "fail", said, timer_remedy(raw, answer))
    said = f"Whether a rehearsal's timer reaches the API server is not known: {answer.why}."
    do = timer_remedy(raw, answer)
    remedy = f"`migrate rehearse PLAN` refuses this without --accept-timer-reach. {do}"
    return Check(_TIMER, "warn", said, remedy)


def _of_pod(raw: RawPolicies, pod: Pod) -> Iterator[Check]:
    """One check a target."""
    world = policy_world(raw)
    for target in targets_in(raw):
        yield _one(reaches(pod, target, world), pod, permissions_remedy(raw))


def _one(answer: Answer, pod: Pod, missing: str) -> Check:
    who = f"A pod of {pod.namespace}/{pod.service_account}"
    if pod.labels:
        who += " with " + ", ".join(f"{key}={value}" for key, value in sorted(pod.labels.items()))
    state = _STATES[answer.state]
    if answer.state == "no" and answer.target not in _ESSENTIAL:
        state = "warn"
    said = {
        "yes": f"{who} reaches {answer.target}.",
        "no": f"{who} does not reach {answer.target}: {answer.why}.",
        "depends": f"Whether {who[0].lower()}{who[1:]} reaches {answer.target}: {answer.why}.",
        "unknown": f"Whether {who[0].lower()}{who[1:]} reaches {answer.target} is not known: "
        f"{answer.why}.",
    }
    remedy = "" if answer.state == "yes" else "Read the policy that is named, and allow it there."
    if missing and answer.state in ("depends", "unknown"):
        remedy = missing
    return Check(_POD, state, said[answer.state], remedy)
