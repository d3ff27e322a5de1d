"""Raw objects in which group names and usernames may stand, besides RBAC: of every kind that the
cluster serves.

FlowSchemas, admission policies and webhook configurations (Kubernetes API reference), Kyverno's and
Gatekeeper's policies, and Argo CD's RBAC ConfigMap. Which kinds and versions there are is asked
from discovery; what a cluster does not serve is left out, what it serves and does not show is an
error.
"""

from collections.abc import Sequence
from typing import NamedTuple

from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.errors import MigratorError
from migrator.ports import Raw, TaskRunner

# API group -> resources; an empty list: all that the group serves
_WANTED: dict[str, tuple[str, ...]] = {
    "flowcontrol.apiserver.k8s.io": ("flowschemas",),
    "admissionregistration.k8s.io": (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
    ),
    "kyverno.io": ("clusterpolicies", "policies", "policyexceptions"),
    "policies.kyverno.io": (),
    "templates.gatekeeper.sh": ("constrainttemplates",),
    "constraints.gatekeeper.sh": (),
}
_ARGO_CD = "argocd-rbac-cm"


class _Listing(NamedTuple):
    path: str
    resource: str
    selector: str = ""


def list_group_reference_objects(client: KubernetesClient, tasks: TaskRunner) -> list[Raw]:
    """The objects, in the order of the kinds above. Raises ``kubernetes-denied`` for a served
    kind.
    """
    served = {group["name"]: group for group in client.get("/apis", "apis").get("groups") or ()}
    versions = [
        (name, str(version["version"]))
        for name in _WANTED
        if name in served
        for version in _preferred_first(served[name])
    ]
    found = tasks.map(lambda pair: _resources(client, *pair), versions)
    listings: dict[tuple[str, str], _Listing] = {}
    for (group, version), resources in zip(versions, found, strict=True):
        for resource in resources:
            listings.setdefault(
                (group, resource), _Listing(f"/apis/{group}/{version}/{resource}", resource)
            )
    argo = _Listing("/api/v1/configmaps", "configmaps", f"metadata.name={_ARGO_CD}")
    lists = tasks.map(lambda one: _objects(client, one), [*listings.values(), argo])
    return [item for items in lists for item in items]


def _preferred_first(group: Raw) -> Sequence[Raw]:
    preferred = (group.get("preferredVersion") or {}).get("version")
    return sorted(
        group.get("versions") or (), key=lambda version: version.get("version") != preferred
    )


def _resources(client: KubernetesClient, group: str, version: str) -> list[str]:
    """The wanted resources of one API group and version that can be listed."""
    try:
        document = client.get(f"/apis/{group}/{version}", f"apis/{group}/{version}")
    except MigratorError as error:
        if error.code == "not-found":
            return []  # the group went away, or its API service is down and lists nothing
        raise
    names = [
        str(resource["name"])
        for resource in document.get("resources") or ()
        if "/" not in resource["name"] and "list" in (resource.get("verbs") or ())
    ]
    wanted = _WANTED[group]
    return [name for name in names if not wanted or name in wanted]


def _objects(client: KubernetesClient, listing: _Listing) -> list[Raw]:
    parameters = {"fieldSelector": listing.selector} if listing.selector else {}
    try:
        return client.list(listing.path, listing.resource, **parameters)
    except MigratorError as error:
        if error.code == "not-found":
            return []  # its CustomResourceDefinition went away after discovery
        raise
