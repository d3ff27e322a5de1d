"""Network policies as raw JSON, of every kind that the cluster serves, and what decides about them.

Sources: Kubernetes API reference (NetworkPolicy, EndpointSlice, DaemonSet); Network Policy API;
Calico, reference of its resources (``projectcalico.org/v3``, stored as
``crd.projectcalico.org/v1``); EKS user guide, "Assign security groups to individual Pods" and
"Create a Node Class for Amazon EKS"; Cilium, Antrea and the VPC CNI, whose kinds are listed to be
named. What is not served is absent; what is served and may not be read is named.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.errors import MigratorError
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.ports import Raw, TaskRunner

_CALICO: Final = (
    "networkpolicies",
    "globalnetworkpolicies",
    "tiers",
    "networksets",
    "globalnetworksets",
    "hostendpoints",
    "felixconfigurations",
    "egressgatewaypolicies",
)
_CALICO_GROUPS: Final = ("projectcalico.org", "crd.projectcalico.org")
_ADMIN: Final = ("adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies")
# API group -> resources that are policies, or that policies refer to.
_WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "networking.k8s.io": ("networkpolicies",),
    "policy.networking.k8s.io": _ADMIN,
    "projectcalico.org": _CALICO,
    "crd.projectcalico.org": _CALICO,
    "cilium.io": ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"),
    "networking.k8s.aws": ("clusternetworkpolicies", "applicationnetworkpolicies"),
    "vpcresources.k8s.aws": ("securitygrouppolicies",),
    "eks.amazonaws.com": ("nodeclasses",),
    "crd.antrea.io": ("clusternetworkpolicies", "networkpolicies"),
}
_SERVICES: Final = (("default", "kubernetes"), ("kube-system", "kube-dns"))
_DNS_PODS: Final = "k8s-app=kube-dns"  # EKS user guide, "Manage CoreDNS"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_DENIED: Final = "kubernetes-denied"
# What is taken for an error, by its code: an API service that is down lists nothing.
_DOWN: Final[Mapping[str, Any]] = {"not-found": {}}
# A definition that was deleted since it was found has no objects.
_NOT_LISTED: Final[Mapping[str, Any]] = {_DENIED: None, "not-found": []}
_NOT_GOT: Final[Mapping[str, Any]] = {_DENIED: None}


class _Kind(NamedTuple):
    """A resource that is served. ``title``: for people."""

    group: str
    version: str
    resource: str

    @property
    def path(self) -> str:
        return f"/apis/{self.group}/{self.version}/{self.resource}"

    @property
    def title(self) -> str:
        return f"{self.resource}.{self.group}"


class KubernetesNetworkPolicies:
    """:class:`migrator.ports.NetworkPolicies`."""

    def __init__(self, client: KubernetesClient, tasks: TaskRunner) -> None:
        self._client, self._tasks = client, tasks
        self._denied: dict[str, None] = {}

    def read(self) -> RawPolicies:
        """Policies first; what decides about them only where there are some."""
        self._denied.clear()
        kinds = self._served()
        lists = dict(zip(kinds, self._tasks.map(self._listed, kinds), strict=True))
        objects = tuple(each for kind in kinds for each in lists[kind] or ())
        unread = tuple(kind.title for kind in kinds if lists[kind] is None)
        if not objects:
            # A plugin may deny what no policy allows.
            daemons = self._list("/apis/apps/v1/daemonsets", "daemonsets")
            return RawPolicies(
                unread=unread, daemon_sets=daemons, denied=tuple(sorted(self._denied))
            )
        return self._with_surroundings(objects, unread)

    def _with_surroundings(self, objects: tuple[Raw, ...], unread: tuple[str, ...]) -> RawPolicies:
        services = sorted({*_SERVICES, *_named_services(objects)})
        accounts = self._if_named(objects, "serviceAccount")
        reads: list[Callable[[], Any]] = [
            lambda: self._list("/api/v1/namespaces", "namespaces"),
            lambda: self._list("/apis/apps/v1/daemonsets", "daemonsets"),
            lambda: self._list("/api/v1/serviceaccounts", "serviceaccounts") if accounts else [],
            lambda: self._list(
                "/api/v1/namespaces/kube-system/pods", "pods", labelSelector=_DNS_PODS
            ),
            *(self._get_of(each) for each in _SERVICES),
            *(self._slices_of(each) for each in services),
        ]
        namespaces, daemons, named, pods, *rest = self._tasks.map(lambda read: read(), reads)
        found, slices = rest[: len(_SERVICES)], rest[len(_SERVICES) :]
        return RawPolicies(
            objects=objects,
            namespaces=namespaces or (),
            accounts=named,
            services={
                name: each for name, each in zip(_SERVICES, found, strict=True) if each is not None
            },
            slices={
                name: each for name, each in zip(services, slices, strict=True) if each is not None
            },
            pods=pods or (),
            daemon_sets=daemons,
            unread=unread,
            denied=tuple(sorted(self._denied)),
        )

    def _if_named(self, objects: Iterable[Raw], field: str) -> bool:
        """Whether a policy speaks of ServiceAccounts: else they are not asked for."""
        return any(field in json.dumps(each.get("spec")) for each in objects)

    def _served(self) -> list[_Kind]:
        """The wanted kinds that the cluster serves, each in the group's preferred version."""
        groups = self._client.get("/apis", "apis").get("groups") or ()
        versions = [
            (str(group["name"]), str(version["version"]))
            for group in groups
            if group.get("name") in _WANTED
            for version in group.get("versions") or ()
        ]
        found: dict[tuple[str, str], _Kind] = {}
        resources = self._tasks.map(lambda pair: self._resources(*pair), versions)
        for (group, version), names in zip(versions, resources, strict=True):
            for name in names:
                found.setdefault((group, name), _Kind(group, version, name))
        return [kind for kind in found.values() if not _is_copy(kind, found)]

    def _resources(self, group: str, version: str) -> list[str]:
        """The wanted resources of a group's version, in the order of the API server."""
        place = f"apis/{group}/{version}"
        found = self._read(lambda: self._client.get(f"/{place}", place), _DOWN)
        names = [str(each.get("name")) for each in found.get("resources") or ()]
        return [name for name in names if name in _WANTED[group]]

    def _listed(self, kind: _Kind) -> list[Raw] | None:
        """All objects of a kind; None where they may not be listed."""
        return self._list(kind.path, kind.resource)

    def _list(self, path: str, resource: str, **parameters: str) -> list[Raw] | None:
        """The objects of a path; None where they may not be listed."""
        found: list[Raw] | None = self._read(
            lambda: self._client.list(path, resource, **parameters),
            _NOT_LISTED,
        )
        return found

    def _read(self, read: Callable[[], Any], instead: Mapping[str, Any]) -> Any:
        """What a read gives. ``instead``: code of an error -> what is taken for it.

        Raises every error of another code.
        """
        try:
            return read()
        except MigratorError as error:
            if error.code not in instead:
                raise
            if error.code == "kubernetes-denied":
                self._denied[error.message] = None
            return instead[error.code]

    def _get_of(self, service: tuple[str, str]) -> Callable[[], Raw | None]:
        """A read of one Service; it gives None where there is none, or it may not be read."""
        namespace, name = service
        path = f"/api/v1/namespaces/{namespace}/services/{name}"
        return lambda: self._read(lambda: self._client.find(path, "services"), _NOT_GOT)

    def _slices_of(self, service: tuple[str, str]) -> Callable[[], list[Raw] | None]:
        """A read of a Service's EndpointSlices; it gives None where they may not be listed."""
        namespace, name = service
        path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace, safe='')}/endpointslices"
        selector = f"kubernetes.io/service-name={name}"
        return lambda: self._list(path, "endpointslices", labelSelector=selector)


def _is_copy(kind: _Kind, found: Mapping[tuple[str, str], _Kind]) -> bool:
    """Calico's stored objects are not read beside the API that serves them."""
    first, stored = _CALICO_GROUPS
    return kind.group == stored and (first, kind.resource) in found


def _named_services(objects: Iterable[Raw]) -> Iterator[tuple[str, str]]:
    """The Services that rules name. What is no name of a Service is left out: the rule then is not
    understood.
    """
    for each in objects:
        namespace = str((each.get("metadata") or {}).get("namespace") or "")
        for found in _with_services(each.get("spec")):
            pair = (str(found.get("namespace") or namespace), str(found.get("name") or ""))
            if all(map(_NAME.fullmatch, pair)):
                yield pair


def _with_services(spec: object) -> Iterator[Mapping[str, Any]]:
    """``services`` of either end of a rule."""
    if not isinstance(spec, Mapping):
        return
    lists = (spec.get("ingress"), spec.get("egress"))
    for rules in lists:
        if isinstance(rules, list):
            ends = _objects(rules, "source", "destination")
            yield from _objects(ends, "services")


def _objects(raw: Iterable[object], *keys: str) -> list[Mapping[str, Any]]:
    """The objects under the keys of objects; what is no object is left out on either level."""
    holders = [each for each in raw if isinstance(each, Mapping)]
    found = [each.get(key) for each in holders for key in keys]
    return [each for each in found if isinstance(each, Mapping)]
