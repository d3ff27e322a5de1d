"""What happens in a cluster besides the client under test: other writers, nodes that hang or join,
forgetful caches.

These are changes for ``POST /_lab/v1/world`` (:attr:`World.controls`); every value names its
``cluster``, and ``region`` and ``account`` where several have that name.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.lab.judge.oracle import control_oracle
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.kubernetes.managed_fields import track_update
from migrator.lab.worlds.principals import Instance
from migrator.lab.worlds.world import World

Change = Mapping[str, Any]


def add_controls(world: World) -> None:
    """Offer the changes of the Kubernetes side."""

    def on_cluster(
        change: Callable[[World, KubernetesApi, Change], Any],
    ) -> Callable[[Change], Any]:
        def run(value: Change) -> Any:  # noqa: ANN401 - JSON
            with world.lock:
                cluster = world.cluster(
                    str(value["cluster"]), region=value.get("region"), account=value.get("account")
                )
                return change(world, kubernetes_api(world, cluster), value)

        return run

    world.controls |= {
        "writeAwsAuth": on_cluster(_write_aws_auth),
        "touchAwsAuth": on_cluster(_touch_aws_auth),
        "putObject": on_cluster(_put_object),
        "deleteObject": on_cluster(_delete_object),
        "stopNode": on_cluster(lambda _, api, value: api.kubelets.stop(str(value["node"]))),
        "startNode": on_cluster(lambda _, api, value: api.kubelets.start(str(value["node"]))),
        "joinNode": on_cluster(_join_node),
        "rotateAuthority": on_cluster(_rotate_authority),
        "fargateRoom": on_cluster(_fargate_room),
        "forgetTokens": on_cluster(lambda _, api, value: api.authenticator.forget()),
        "oracle": lambda value: control_oracle(world, value),
        "compactHistory": on_cluster(lambda _, api, value: api.registry.store.compact()),
    }


def _write_aws_auth(world: World, api: KubernetesApi, value: Change) -> str | None:
    """``{data: {mapRoles: …} | null, manager}``: another writer writes the ConfigMap, or deletes it
    (null).
    """
    if value.get("data") is None:
        api.registry.store.remove(("", "configmaps"), "kube-system", "aws-auth")
        return None
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    found = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": dict(value["data"]),
    }
    return _put_object(world, api, {"object": found, "manager": value.get("manager")})


def _touch_aws_auth(world: World, api: KubernetesApi, value: Change) -> str | None:
    """``{change, manager}``: another writer edits aws-auth (one row more), deletes it, or deletes
    it and creates it again.
    """
    change = value.get("change", "edit")
    if change not in ("edit", "recreate", "delete"):
        raise ValueError("change must be edit, recreate or delete")
    before = api.registry.store.get(("", "configmaps"), "kube-system", "aws-auth")
    data = dict((before or {}).get("data") or {})
    if change == "edit":
        data["mapRoles"] = _one_row_more(
            data, f"arn:{api.cluster.partition}:iam::{api.cluster.account}:role"
        )
    else:
        api.registry.store.remove(("", "configmaps"), "kube-system", "aws-auth")
    if change == "delete":
        return None
    return _write_aws_auth(world, api, {"data": data, "manager": value.get("manager")})


def _one_row_more(data: Mapping[str, str], roles: str) -> str:
    """``mapRoles`` with one row more, for a role that does not exist. Where the text cannot take a
    row, one comment more.
    """
    text = data.get("mapRoles", "")
    rows, body = len(read_aws_auth(data).rows), text.rstrip()
    indent = next(
        (line[: len(line) - len(line.lstrip())] for line in text.splitlines() if line.strip()), ""
    )
    name = f"second-writer-{rows}"
    row = json.dumps({"rolearn": f"{roles}/{name}", "username": name, "groups": []})
    block, flow = (
        f"{body}\n{indent}- {row}\n".lstrip("\n"),
        f"{body[:-1].rstrip().rstrip(',')}, {row}]",
    )
    for tried in (f"[{row}]",) if body in ("", "[]") else (block, flow):
        if len(read_aws_auth({**data, "mapRoles": tried}).rows) == rows + 1:
            return tried
    return f"{text}\n# written by another writer\n"


def _put_object(world: World, api: KubernetesApi, value: Change) -> str:
    """``{object, manager}``: another writer creates or replaces an object. Returns its
    resourceVersion.
    """
    found = dict(value["object"])
    metadata = dict(found["metadata"])
    kind = api.registry.types.of_kind(found["apiVersion"], found["kind"])
    namespace = (
        metadata.setdefault("namespace", "default") if kind is not None and kind.namespaced else ""
    )
    before = (
        api.registry.store.get(kind.key, namespace, metadata["name"]) if kind is not None else None
    )
    if before is not None:
        metadata = {**before["metadata"], **metadata}
    manager = str(value.get("manager") or "somebody-else")
    owned = track_update(
        before, {**found, "metadata": metadata}, manager, found["apiVersion"], _stamp(world.now())
    )
    return str(api.registry.load(owned)["metadata"]["resourceVersion"])


def _delete_object(world: World, api: KubernetesApi, value: Change) -> bool:
    """``{apiVersion, kind, namespace, name}``: another writer deletes the object. Returns whether
    it existed.
    """
    kind = api.registry.types.of_kind(str(value["apiVersion"]), str(value["kind"]))
    if kind is None:
        raise ValueError(f"the cluster knows no {value['kind']} of {value['apiVersion']}")
    namespace = str(value.get("namespace") or "") if kind.namespaced else ""
    return api.registry.store.remove(kind.key, namespace, str(value["name"])) is not None


def _join_node(world: World, api: KubernetesApi, value: Change) -> str:
    """``{node, instanceId, instanceProfile}``: a new instance starts and its kubelet registers, if
    it may log in.
    """
    account = world.accounts[api.cluster.account]
    instance, name = str(value["instanceId"]), str(value["node"])
    account.instances[instance] = Instance(
        instance, api.cluster.region, name, value.get("instanceProfile"), world.now()
    )
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name},
        },
        "spec": {"providerID": f"aws:///{api.cluster.region}a/{instance}"},
    }
    if not api.kubelets.may_register(node):
        return "refused"
    api.registry.load(node)
    api.catch_up()
    return "joined"


def _rotate_authority(world: World, api: KubernetesApi, value: Change) -> None:
    """``{}``: EKS activates a further certificate authority of the cluster."""
    world.kubernetes.rotate(api.cluster)


def _fargate_room(world: World, api: KubernetesApi, value: Change) -> None:
    """``{room: false}``: Fargate has no machine for further pods."""
    api.fargate.room = bool(value["room"])


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
