"""Pods that a Fargate profile selects get a node of their own, if the pod execution role may log in as that node.

Source: EKS user guide, "Define which Pods use Fargate when launched", "Amazon EKS Pod execution IAM role". The text of
a refusal is the one that people find in the pod's events.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.kubelets import Kubelets
from migrator.lab.kubernetes.registry import Registry
from migrator.lab.world import LabCluster

PODS, NODES = ("", "pods"), ("", "nodes")
REFUSAL = (
    "Pod execution role is not found in auth config or does not have all required permissions for launching "
    "fargate pods."
)
_AGAIN = timedelta(seconds=10)


class FargatePods:
    """Schedules the Fargate pods of one cluster; :meth:`catch_up` is called with world and store locked."""

    def __init__(
        self, cluster: LabCluster, registry: Registry, kubelets: Kubelets, now: Callable[[], datetime]
    ) -> None:
        self._cluster, self._registry, self._kubelets, self._now = cluster, registry, kubelets, now
        self._tried: dict[str, datetime] = {}

    def catch_up(self) -> None:
        """Start what waits, and take the nodes of pods away that are gone."""
        if not self._cluster.fargate_profiles:
            return
        store = self._registry.store
        waiting = [pod for pod in store.items(PODS)[0] if not (pod.get("spec") or {}).get("nodeName")]
        for pod in waiting:
            if self._selected(pod) and not (pod.get("status") or {}).get("containerStatuses"):
                self._start(pod)
        uids = {pod["metadata"]["uid"] for pod in store.items(PODS)[0]}
        for node in store.items(NODES)[0]:
            owner = (node["metadata"].get("annotations") or {}).get("lab/pod")
            if owner is not None and owner not in uids:
                store.remove(NODES, "", node["metadata"]["name"])

    def _selected(self, pod: Json) -> bool:
        metadata = pod["metadata"]
        labels = metadata.get("labels") or {}
        for profile in self._cluster.fargate_profiles.values():
            for selector in profile.get("selectors") or ():
                wanted = selector.get("labels") or {}
                if selector.get("namespace") == metadata["namespace"] and wanted.items() <= labels.items():
                    return bool(profile.get("status", "ACTIVE") == "ACTIVE")
        return False

    def _start(self, pod: Json) -> None:
        metadata, now = pod["metadata"], self._now()
        tried = self._tried.get(metadata["uid"])
        if tried is not None and now - tried < _AGAIN:
            return
        self._tried[metadata["uid"]] = now
        node = self._node_for(pod)
        if not self._kubelets.may_register(node):
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": REFUSAL}
            self._put(pod, {"phase": "Pending", "conditions": [condition]})
            return
        self._registry.load(node)
        ready = {"type": "Ready", "status": "True"}
        scheduled = {**pod, "spec": {**pod["spec"], "nodeName": node["metadata"]["name"]}}
        self._put(scheduled, {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, ready]})

    def _node_for(self, pod: Json) -> Json:
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
            "metadata": {"name": name, "labels": labels, "annotations": {"lab/pod": pod["metadata"]["uid"]}},
            "spec": {"providerID": f"aws:///{region}a/{digest.hex()[:10]}-{digest.hex()[10:42]}/{name}"},
        }

    def _put(self, pod: Json, status: Json) -> None:
        if pod.get("status") != status or "nodeName" in pod["spec"]:
            metadata = pod["metadata"]
            self._registry.store.put(PODS, metadata["namespace"], metadata["name"], {**pod, "status": status})
