"""Canary pods on Fargate: where one can run, what it is, and what its state shows about the
pod execution role.

Sources: EKS user guide, "Define which Pods use Fargate when launched" (selectors and their
wildcards; where several profiles select a pod, its label ``eks.amazonaws.com/fargate-profile``
names one) and "Amazon EKS Pod execution IAM role"; Kubernetes documentation, "Pod Security
Standards" (the pod keeps to the restricted profile).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from migrator.decide.reading.row_keys import principal_key
from migrator.model.canary_pod import CanaryPod, PodSeen
from migrator.model.snapshot import FargateProfile, FargateSelector
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL

PROFILE_LABEL = "eks.amazonaws.com/fargate-profile"
CANARY_LABEL = "eks-access-migrator/canary"
# Kubernetes ends the pod after this time, also when this run cannot remove it.
LIVES_SECONDS = 3600
# Namespaces of Kubernetes itself are the last choice for a pod of ours.
_OF_KUBERNETES = ("kube-system", "kube-public", "kube-node-lease")
# "Pod execution role is not found in auth config or does not have all required …"
_REFUSAL = "pod execution role"
_MOST_PLACES = 5
_LONGEST = 256  # characters of foreign text


def places_for(
    role_arn: str,
    profiles: Iterable[FargateProfile],
    namespaces: Sequence[str],
    name: str,
) -> tuple[CanaryPod, ...] | str:
    """Where a canary of the role can go, the best place first; a text with the reason where it
    cannot.

    ``namespaces``: those that there are. None is made for it. Only active profiles count: EKS
    places no pod by others.
    """
    key = principal_key(role_arn)
    mine = [profile for profile in profiles if principal_key(profile.pod_execution_role) == key]
    if not mine:
        return "no Fargate profile uses the role"
    active = [profile for profile in mine if profile.status == "ACTIVE"]
    active.sort(key=lambda profile: profile.name)
    if not active:
        return ", ".join(f"Fargate profile {profile.name} is {profile.status}" for profile in mine)
    found: list[CanaryPod] = []
    wanted: set[str] = set()
    for profile, selector in _selectors(active):
        wanted.add(selector.namespace)
        # EKS user guide, "Define which Pods use Fargate": a namespace may hold wildcards.
        there = [each for each in namespaces if fnmatchcase(each, selector.namespace)]
        labels = _labels(selector)
        found += [CanaryPod(role_arn, profile.name, each, name, labels) for each in there]
    if not found:
        return (
            f"no namespace is there that its Fargate profiles select "
            f"({', '.join(sorted(wanted)) or 'they select none'})"
        )
    return tuple(sorted(found, key=lambda pod: pod.namespace in _OF_KUBERNETES))[:_MOST_PLACES]


def _selectors(
    profiles: Iterable[FargateProfile],
) -> Iterator[tuple[FargateProfile, FargateSelector]]:
    """Every selector with its profile, in the profiles' order."""
    for profile in profiles:
        for selector in profile.selectors:
            yield profile, selector


def _labels(selector: FargateSelector) -> Mapping[str, str]:
    """Labels that the selector matches.

    An ``x`` fits every wildcard and ends a label as well as it begins one.
    """
    labels: dict[str, str] = {}
    for key, value in selector.labels.items():
        labels[_without_wildcards(key)] = _without_wildcards(value)
    return labels


def _without_wildcards(pattern: str) -> str:
    return pattern.replace("*", "x").replace("?", "x")


def canary_manifest(pod: CanaryPod, image: str) -> dict[str, Any]:
    """The Pod: unprivileged, without a token, with small requests and limits, and with an end of
    its own.
    """
    size = {"cpu": "50m", "memory": "32Mi"}
    container = {
        "name": "pause",
        "image": image,
        "resources": {"requests": size, "limits": size},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": {
                **pod.labels,
                PROFILE_LABEL: pod.profile,
                MANAGED_BY_LABEL: MANAGED_BY,
                CANARY_LABEL: "true",
            },
        },
        "spec": {
            "activeDeadlineSeconds": LIVES_SECONDS,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65535,
                "runAsGroup": 65535,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def is_canary(raw: Mapping[str, Any]) -> bool:
    """Whether a pod is one of ours."""
    metadata = raw.get("metadata") or {}
    labels = metadata.get("labels") or {}
    return bool(labels.get(CANARY_LABEL) == "true")


def look_at_pod(raw: Mapping[str, Any], events: Sequence[str] = ()) -> PodSeen:
    """How a pod is: ``placed`` on a node, ``refused`` for its role, or ``waiting``.

    ``raw`` is the Pod as the API server shows it; ``events``: what events say of it, oldest first.
    The last text is shown to people.
    """
    spec = raw.get("spec") or {}
    node = str(spec.get("nodeName") or "")
    # The Fargate scheduler names the node once the pod execution role was accepted.
    if node:
        return PodSeen("placed", node)
    texts: list[str] = []
    for said in (*events, *_unmet_conditions(raw)):
        # On one line, and no longer than people read.
        text = " ".join(said.split())[:_LONGEST]
        if text:
            texts.append(text)
    refusals = [text for text in texts if _REFUSAL in text.lower()]
    if refusals:
        return PodSeen("refused", said=refusals[-1])
    if texts:
        return PodSeen("waiting", said=texts[-1])
    return PodSeen("waiting", said="")


def _unmet_conditions(raw: Mapping[str, Any]) -> list[str]:
    """Messages of the pod's conditions that are False, for example of ``PodScheduled``.

    Shape (Kubernetes API reference, PodCondition)::

        status: {conditions: [{type, status: "True" | "False" | "Unknown", message}]}
    """
    status = raw.get("status") or {}
    messages: list[str] = []
    for condition in status.get("conditions") or ():
        if condition.get("status") == "False":
            messages.append(str(condition.get("message") or ""))
    return messages
