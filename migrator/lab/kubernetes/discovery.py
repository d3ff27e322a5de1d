"""What the server offers: API groups, resources with verbs and short names, version. kubectl reads
these first.
"""

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.resources import ResourceType, ResourceTypes
from migrator.lab.kubernetes.reviews import REVIEWS
from migrator.lab.kubernetes.reviews import VERSIONS as REVIEW_VERSIONS

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def discover(types: ResourceTypes, path: str) -> Json | None:
    """Discovery at ``path``: ``/api``, ``/apis``, ``/apis/GROUP``, ``…/VERSION``. None if there is
    none.

    The shapes are those of ``meta.k8s.io`` (Kubernetes documentation, "The Kubernetes API",
    "Unaggregated discovery").
    """
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api"]:
            return {
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [
                    {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443"}
                ],
            }
        case ["apis"]:
            groups = group_versions(types)
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(name, versions) for name, versions in groups.items() if name],
            }
        case ["apis", name]:
            found = group_versions(types).get(name)
            if not found:
                return None
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, found)}
        case ["api", "v1"]:
            return _resources(types, "", "v1")
        case ["apis", name, version]:
            if version not in group_versions(types).get(name, ()):
                return None
            return _resources(types, name, version)
        case _:
            return None


def group_versions(types: ResourceTypes) -> dict[str, list[str]]:
    """API groups and their versions, the preferred version first."""
    groups: dict[str, list[str]] = {}
    for kind in types.all():
        for version in kind.versions:
            versions = groups.setdefault(kind.group, [])
            if version not in versions:
                versions.append(version)
    for name, review_versions in REVIEW_VERSIONS.items():
        groups.setdefault(name, list(review_versions))
    return groups


def version_info(kubernetes_version: str) -> Json:
    """``/version`` of a cluster of EKS version ``1.34``."""
    major, _, minor = kubernetes_version.partition(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{kubernetes_version}.1-eks-0000000",
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.24.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def _group(name: str, versions: list[str]) -> Json:
    """An API group with its versions; the first one is preferred."""
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": shown, "preferredVersion": shown[0]}


def _resources(types: ResourceTypes, group: str, version: str) -> Json:
    """The resources of a group version, the reviews among them, which can only be created."""
    resources: list[Json] = []
    for kind in types.all():
        if kind.group == group and version in kind.versions:
            resources += _of_type(kind)
    for (review_group, plural), (name, namespaced) in REVIEWS.items():
        if review_group != group:
            continue
        shown = {
            "name": plural,
            "singularName": name.lower(),
            "namespaced": namespaced,
            "kind": name,
            "verbs": ["create"],
        }
        resources.append(shown)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _of_type(kind: ResourceType) -> list[Json]:
    """A resource and its subresources. A subresource has the kind of its resource, but for
    ``token``, which is created.
    """
    shown: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS,
    }
    if kind.short_names:
        shown["shortNames"] = list(kind.short_names)
    if kind.categories:
        shown["categories"] = list(kind.categories)
    found = [shown]
    for name in kind.subresources:
        subresource = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
        }
        if name == "token":
            extra = {
                "group": "authentication.k8s.io",
                "version": "v1",
                "kind": "TokenRequest",
                "verbs": ["create"],
            }
        else:
            extra = {"kind": kind.kind, "verbs": ["get", "patch", "update"]}
        found.append({**subresource, **extra})
    return found
