"""Pods that a Fargate profile selects get a node of their own, if the pod execution role may log in
as that node.

Source: EKS user guide, "Define which Pods use Fargate when launched", "Amazon EKS Pod execution IAM
role". The text of a refusal is the one that people find in the pod's events.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.kubelets import PROFILE_ANNOTATION, Kubelets
from migrator.lab.kubernetes.registry import Registry
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.lab.worlds.world import LabCluster

PODS, NODES = ("", "pods"), ("", "nodes")
PROFILE_LABEL = "eks.amazonaws.com/fargate-profile"
REFUSAL = (
    "Pod execution role is not found in auth config or does not have all required permissions for "
    "launching "
    "fargate pods."
)
TIMED_OUT = "Pod provisioning timed out (will retry) for pod: "
_AGAIN = timedelta(seconds=10)


class FargatePods:
    """Schedules the Fargate pods of one cluster; :meth:`catch_up` is called with world and store
    locked.
    """

    def __init__(
        self,
        cluster: LabCluster,
        registry: Registry,
        kubelets: Kubelets,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster, self._registry, self._kubelets, self._now = cluster, registry, kubelets, now
        self._tried: dict[str, datetime] = {}
        self.room = True  # False: no machine is to be had, as where a subnet has no free address

    def catch_up(self) -> None:
        """Start the pods that wait, and remove the nodes of deleted pods."""
        if not self._cluster.fargate_profiles:
            return
        self._start_waiting()
        self._remove_nodes()

    def _start_waiting(self) -> None:
        """Try to start the pods that have no node and no container yet, and that a profile
        takes.
        """
        for pod in self._registry.store.items(PODS)[0]:
            spec, status = part_of(pod, "spec"), part_of(pod, "status")
            if spec.get("nodeName") or status.get("containerStatuses"):
                continue
            profile = self._profile_of(pod)
            if profile is not None:
                self._start(pod, profile)

    def _remove_nodes(self) -> None:
        """A node of Fargate ends with its pod."""
        store = self._registry.store
        uids = {pod["metadata"]["uid"] for pod in store.items(PODS)[0]}
        for node in store.items(NODES)[0]:
            owner = part_of(node["metadata"], "annotations").get("lab/pod")
            if owner is not None and owner not in uids:
                store.remove(NODES, "", node["metadata"]["name"])

    def _profile_of(self, pod: Json) -> str | None:
        """The profile that takes a pod: the one that its label names, if that selects it; else any
        that does.
        """
        named = part_of(pod["metadata"], "labels").get(PROFILE_LABEL)
        for name, profile in sorted(self._cluster.fargate_profiles.items()):
            if named not in (None, name):
                continue
            if profile.get("status", "ACTIVE") == "ACTIVE" and _selects(profile, pod):
                return name
        return None

    def _start(self, pod: Json, profile: str) -> None:
        """Give a pod its node, or say in its status and an event why it waits. It is tried again
        after 10 seconds of lab time.
        """
        metadata, now = pod["metadata"], self._now()
        tried = self._tried.get(metadata["uid"])
        if tried is not None and now - tried < _AGAIN:
            return
        self._tried[metadata["uid"]] = now
        if not self.room:
            self._warn(pod, now, f"{TIMED_OUT}{metadata['namespace']}/{metadata['name']}")
            return
        node = self._node_for(pod, profile)
        if not self._kubelets.may_register(node):
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": REFUSAL,
            }
            self._put(pod, {"phase": "Pending", "conditions": [condition]})
            self._warn(pod, now, REFUSAL)
            return
        self._registry.load(node)
        ready = {"type": "Ready", "status": "True"}
        labels = {**part_of(pod["metadata"], "labels"), PROFILE_LABEL: profile}
        scheduled = {
            **pod,
            "metadata": {**pod["metadata"], "labels": labels},
            "spec": {**pod["spec"], "nodeName": node["metadata"]["name"]},
        }
        self._put(
            scheduled,
            {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, ready]},
        )

    def _warn(self, pod: Json, now: datetime, message: str) -> None:
        """The event that ``kubectl describe pod`` shows."""
        metadata, stamp = pod["metadata"], now.strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        self._registry.load(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": f"{metadata['name']}.fargate",
                    "namespace": metadata["namespace"],
                },
                "involvedObject": about,
                "reason": "FailedScheduling",
                "type": "Warning",
                "message": message,
                "source": {"component": "fargate-scheduler"},
                "lastTimestamp": stamp,
            }
        )

    def _node_for(self, pod: Json, profile: str) -> Json:
        """The node that a pod would get: its name follows from the pod's uid, so that a second
        attempt asks for the same one.
        """
        digest = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()
        region = self._cluster.region
        name = f"fargate-ip-10-0-{digest[0]}-{digest[1]}.{region}.compute.internal"
        labels = {
            "kubernetes.io/os": "linux",
            "kubernetes.io/hostname": name,
            "eks.amazonaws.com/compute-type": "fargate",
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": labels,
                "annotations": {"lab/pod": pod["metadata"]["uid"], PROFILE_ANNOTATION: profile},
            },
            "spec": {
                "providerID": f"aws:///{region}a/{digest.hex()[:10]}-{digest.hex()[10:42]}/{name}"
            },
        }

    def _put(self, pod: Json, status: Json) -> None:
        """Write the pod with a status."""
        # A refusal that is repeated makes no new revision.
        if pod.get("status") == status and "nodeName" not in pod["spec"]:
            return
        metadata = pod["metadata"]
        shown = {**pod, "status": status}
        self._registry.store.put(PODS, metadata["namespace"], metadata["name"], shown)


def _selects(profile: Mapping[str, Any], pod: Json) -> bool:
    """Whether one of the profile's selectors takes the pod; ``*`` matches any
    characters, ``?`` matches one.
    """
    namespace, labels = pod["metadata"]["namespace"], part_of(pod["metadata"], "labels")
    for selector in items_of(profile, "selectors"):
        if not fnmatchcase(namespace, str(selector.get("namespace") or "")):
            continue
        wanted = part_of(selector, "labels").items()
        if all(_has_label(labels, key, value) for key, value in wanted):
            return True
    return False


def _has_label(labels: Mapping[str, str], key: str, wanted: str) -> bool:
    """Whether a pod has a label that matches; key and value of a selector may both have
    wildcards.
    """
    for name, value in labels.items():
        if fnmatchcase(name, key) and fnmatchcase(value, wanted):
            return True
    return False
