"""Canary pods on Fargate: made where a person allowed it, waited for, and removed whatever happens.

A Fargate node is made for one pod. So an idle profile has no node whose login could show that its
pod execution role is admitted. A pod is recorded before it is made: the next run finds and removes
what a killed run leaves behind. A pod of another owner is never touched.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from migrator.decide.proving.canary_pods import canary_manifest, is_canary, look_at_pod, places_for
from migrator.decide.reading.row_keys import principal_key
from migrator.errors import MigratorError, Refused
from migrator.model.canary_pod import CanaryPod, PodSeen
from migrator.model.canonical import pretty_bytes
from migrator.model.node_health import NodesUnread
from migrator.model.snapshot import FargateProfile
from migrator.ports import Pods
from migrator.run.begin_run import RunPorts
from migrator.run.journaled_run import JournaledRun, OpenItems
from migrator.run.node_evidence import read_nodes

RECORD = "canary-pods.json"
PATIENCE = timedelta(minutes=5)  # a pod on Fargate starts within one or two minutes
# how long a refusal must last: an entry takes up to 30 seconds to be in force
REFUSED_FOR = timedelta(minutes=2)
GONE = timedelta(minutes=2)
POLL = timedelta(seconds=5)
_NOT_MADE = frozenset({"kubernetes-denied", "kubernetes-refused", "not-found"})


@dataclass(frozen=True, slots=True)
class Canaries:
    """The canary of each role (by key), or the reason why it has none."""

    pods: Mapping[str, CanaryPod] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def of(self, role_arn: str) -> CanaryPod | str:
        """The pod of a role, else the reason, empty where none was asked for."""
        key = principal_key(role_arn)
        return self.pods.get(key) or self.reasons.get(key, "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What happened to a canary: ``node`` is where it runs, ``refused`` why its node may not log
    in; ``how`` says it.
    """

    how: str
    node: str = ""
    refused: str = ""


@contextmanager
def canary_pods(
    ports: RunPorts,
    roles: Sequence[str],
    profiles: Sequence[FargateProfile] | None,
    namespaces: Sequence[str] | None,
    *,
    image: str,
) -> Iterator[Canaries]:
    """A canary for each of the roles while the context lives. The cluster's lock must be held."""
    pods = ports.pods
    if pods is None or not roles:
        yield Canaries()
        return
    remove_left_pods(ports)
    made: dict[str, CanaryPod] = {}
    reasons: dict[str, str] = {}
    with ExitStack() as stack:
        stack.callback(remove_left_pods, ports)
        for role in roles:
            found = _made(ports, pods, role, profiles, namespaces, image)
            if isinstance(found, CanaryPod):
                made[principal_key(role)] = found
            else:
                reasons[principal_key(role)] = f"no canary pod: {found}"
                ports.events.say("warn", f"no canary pod for {role}: {found}", event="canary-pod")
        yield Canaries(made, reasons)


def _made(
    ports: RunPorts,
    pods: Pods,
    role: str,
    profiles: Sequence[FargateProfile] | None,
    namespaces: Sequence[str] | None,
    image: str,
) -> CanaryPod | str:
    """The pod, made in the first place that takes it; else why there is none."""
    if profiles is None or namespaces is None:
        return "Fargate profiles or namespaces could not be read"
    name = f"migrate-canary-{ports.entropy.run_id()[:8]}"
    places = places_for(role, profiles, namespaces, name)
    if isinstance(places, str):
        return places
    refusals: list[str] = []
    journal = _journal(ports)
    for pod in places:
        ports.events.say(
            "step",
            f"canary: makes pod {pod.name} ({image}) in namespace {pod.namespace}, on Fargate "
            f"profile {pod.profile} "
            f"of {role}; it is removed again",
            event="canary-pod",
        )
        error = journal.carry_out(
            pod.full_name,
            intended=_document(pod),
            effect=partial(pods.create, canary_manifest(pod, image)),
            done=lambda _: {},
            over=lambda error: error.code in _NOT_MADE,
        )
        if error is None:
            return pod
        refusals.append(f"namespace {pod.namespace}: {error.why or error.message}")
    return "; ".join(refusals)


def await_arrival(ports: RunPorts, pod: CanaryPod) -> Arrival:
    """Wait until the pod is on a Fargate node whose lease is fresh, or it is clear that it will not
    be.
    """
    assert ports.pods is not None  # noqa: S101 - the pod was made through it
    begun, said = ports.clock.now(), ""
    refused_since: datetime | None = None
    while True:
        raw, now = ports.pods.read(pod.namespace, pod.name), ports.clock.now()
        if raw is None:
            return Arrival(f"canary pod {pod.full_name} was removed by another writer")
        seen = look_at_pod(raw, ports.pods.messages(pod.namespace, pod.name))
        if seen.state == "placed":
            arrival = _on_node(ports, pod, seen.node, now)
            if arrival is not None:
                return arrival
        # A refusal counts when it lasts.
        if seen.state != "refused":
            refused_since = None
        elif refused_since is None:
            refused_since = now
        if refused_since is not None and now - refused_since >= REFUSED_FOR:
            return Arrival(
                f"canary pod {pod.full_name} could not start: {seen.said}", refused=seen.said
            )
        if now - begun >= PATIENCE:
            return Arrival(_stuck(pod, seen))
        line = _waiting(pod, seen)
        if line != said:
            ports.events.say("info", line, event="canary-pod")
        said = line
        ports.clock.sleep(POLL)


def _waiting(pod: CanaryPod, seen: PodSeen) -> str:
    """The line about a pod that has not started, with what Kubernetes says of it."""
    line = f"waiting: canary pod {pod.full_name} {seen.state}"
    if not seen.said:
        return line
    return f"{line} ({seen.said})"


def _on_node(
    ports: RunPorts,
    pod: CanaryPod,
    name: str,
    now: datetime,
) -> Arrival | None:
    """What the pod's node shows; None while it shows nothing."""
    found = read_nodes(ports.nodes)
    if isinstance(found, NodesUnread):
        return Arrival(
            f"canary pod {pod.full_name} is on {name}, whose lease may not be read ({found.why})"
        )
    node = next((each for each in found.nodes if each.name == name), None)
    if node is not None and node.compute != "fargate":
        return Arrival(f"canary pod {pod.full_name} was placed on {name}, which is no Fargate node")
    if node is None or not node.fresh(now):
        return None
    return Arrival(
        f"canary pod {pod.full_name} (Fargate profile {pod.profile}) ran on {name}", node=name
    )


def _stuck(pod: CanaryPod, seen: PodSeen) -> str:
    """Why a pod shows nothing in time: it is on no node, or its node does not renew its lease."""
    minutes = PATIENCE // timedelta(minutes=1)
    if seen.node:
        return (
            f"canary pod {pod.full_name} is on {seen.node}, which has no fresh lease after "
            f"{minutes} minutes"
        )
    text = f"canary pod {pod.full_name} is on no node after {minutes} minutes"
    # The reason that Kubernetes gives.
    if seen.said:
        text += f": {seen.said}"
    return text


# removing


def clean_up_after_others(ports: RunPorts) -> None:
    """Remove what a killed run left, unless a run is using it right now."""
    if ports.pods is None or not _noted(ports):
        return
    try:
        with ports.store.lock("canary pods"):
            remove_left_pods(ports)
    except Refused as error:
        if error.code != "locked":
            raise


def remove_left_pods(ports: RunPorts) -> None:
    """Remove every recorded pod, and wait until it is deleted. A pod that cannot be removed stays
    recorded and is reported.
    """
    journal = _journal(ports)
    for pod in _noted(ports):
        journal.take_back(
            pod.full_name,
            undoing={},
            effect=partial(_removed_or_said, ports, pod),
            undone=lambda removed: {} if removed else None,
        )


def _removed_or_said(ports: RunPorts, pod: CanaryPod) -> bool:
    """Whether the pod is removed. What cannot be removed is named with the command for it: a run
    does not fail because of a pod that is left.
    """
    try:
        if _removed(ports, pod):
            return True
    except MigratorError as error:
        ports.events.say(
            "warn",
            f"canary pod {pod.full_name} could not be removed: {error.message}",
            event="canary-pod",
        )
    by_hand = f"kubectl delete pod {pod.name} --namespace {pod.namespace}"
    ports.events.say(
        "warn", f"canary pod {pod.full_name} is still there. By hand: {by_hand}", event="canary-pod"
    )
    return False


def _removed(ports: RunPorts, pod: CanaryPod) -> bool:
    """Delete the pod and wait until it is not there any more; False where that takes too long. A
    pod that is no canary is never deleted, whatever its name is.
    """
    assert ports.pods is not None  # noqa: S101 - asked before
    found = ports.pods.read(pod.namespace, pod.name)
    if found is None:
        return True
    if not is_canary(found):
        ports.events.say(
            "warn",
            f"pod {pod.full_name} is on record as a canary and is none: it is left alone",
            event="canary-pod",
        )
        return True
    ports.pods.delete(pod.namespace, pod.name)
    until = ports.clock.now() + GONE
    while ports.pods.read(pod.namespace, pod.name) is not None:
        if ports.clock.now() >= until:
            return False
        ports.clock.sleep(POLL)
    ports.events.say("done", f"canary pod {pod.full_name} is removed", event="canary-pod")
    return True


def _noted(ports: RunPorts) -> list[CanaryPod]:
    """The pods on record, which an earlier process may have left; none where the record is
    damaged.
    """
    try:
        found = json.loads(ports.store.read(RECORD) or b"{}").get("pods", [])
        return [
            CanaryPod(each["role"], each["profile"], each["namespace"], each["name"])
            for each in found
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        ports.events.say(
            "warn",
            f"{RECORD} cannot be read; canary pods carry the label eks-access-migrator/canary",
            event="canary-pod",
        )
        return []


def _journal(ports: RunPorts) -> JournaledRun:
    """The record of pods as a journal: written before a pod is made, and after it is removed."""

    def read() -> Mapping[str, Mapping[str, Any]]:
        return {pod.full_name: _document(pod) for pod in _noted(ports)}

    def write(items: Mapping[str, Mapping[str, Any]]) -> None:
        ports.store.write(RECORD, pretty_bytes({"pods": list(items.values())}))

    return JournaledRun(OpenItems(read, write).record)


def _document(pod: CanaryPod) -> dict[str, str]:
    return {
        "role": pod.role_arn,
        "profile": pod.profile,
        "namespace": pod.namespace,
        "name": pod.name,
    }
