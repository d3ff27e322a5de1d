"""Which resources the server knows: the built-in ones that access is about, and custom ones that a
world brings.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.worlds.raw_parts import items_of


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of object and where it lives. ``versions`` are served, the first one is preferred and
    stored.
    """

    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    unconditional_update: bool = True
    create_on_update: bool = False
    custom: bool = False
    singular_name: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """(API group, plural): what the store files objects under."""
        return (self.group, self.plural)

    @property
    def singular(self) -> str:
        """``configmap``."""
        return self.singular_name or self.kind.lower()

    def api_version(self, version: str | None = None) -> str:
        """``v1`` or ``rbac.authorization.k8s.io/v1``: of the preferred version, or of the one
        given.
        """
        chosen = version or self.versions[0]
        # The core group has no name, and its versions no prefix.
        if not self.group:
            return chosen
        return f"{self.group}/{chosen}"


_V1 = ("v1",)
_RBAC, _ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
_ALL = ("all",)

BUILT_IN: tuple[ResourceType, ...] = (
    ResourceType("", _V1, "configmaps", "ConfigMap", short_names=("cm",)),
    ResourceType("", _V1, "namespaces", "Namespace", False, ("ns",), (), ("status", "finalize")),
    ResourceType("", _V1, "nodes", "Node", False, ("no",), (), ("status", "proxy")),
    ResourceType(
        "",
        _V1,
        "pods",
        "Pod",
        True,
        ("po",),
        _ALL,
        (
            "status",
            "log",
            "exec",
            "attach",
            "portforward",
            "proxy",
            "eviction",
            "binding",
            "ephemeralcontainers",
        ),
    ),
    ResourceType("", _V1, "secrets", "Secret"),
    ResourceType(
        "", _V1, "serviceaccounts", "ServiceAccount", short_names=("sa",), subresources=("token",)
    ),
    ResourceType("", _V1, "services", "Service", True, ("svc",), _ALL, ("status", "proxy")),
    ResourceType("", _V1, "endpoints", "Endpoints", short_names=("ep",)),
    ResourceType("", _V1, "events", "Event", short_names=("ev",)),
    ResourceType("", _V1, "persistentvolumes", "PersistentVolume", False, ("pv",), (), ("status",)),
    ResourceType(
        "", _V1, "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), (), ("status",)
    ),
    ResourceType("", _V1, "resourcequotas", "ResourceQuota", True, ("quota",), (), ("status",)),
    ResourceType("", _V1, "limitranges", "LimitRange", short_names=("limits",)),
    ResourceType(
        "",
        _V1,
        "replicationcontrollers",
        "ReplicationController",
        True,
        ("rc",),
        _ALL,
        ("status", "scale"),
    ),
    ResourceType(
        "apps", _V1, "deployments", "Deployment", True, ("deploy",), _ALL, ("status", "scale")
    ),
    ResourceType("apps", _V1, "daemonsets", "DaemonSet", True, ("ds",), _ALL, ("status",)),
    ResourceType(
        "apps", _V1, "statefulsets", "StatefulSet", True, ("sts",), _ALL, ("status", "scale")
    ),
    ResourceType(
        "apps", _V1, "replicasets", "ReplicaSet", True, ("rs",), _ALL, ("status", "scale")
    ),
    ResourceType("batch", _V1, "jobs", "Job", True, (), _ALL, ("status",)),
    ResourceType("batch", _V1, "cronjobs", "CronJob", True, ("cj",), _ALL, ("status",)),
    ResourceType(
        "coordination.k8s.io",
        _V1,
        "leases",
        "Lease",
        unconditional_update=False,
        create_on_update=True,
    ),
    ResourceType("discovery.k8s.io", _V1, "endpointslices", "EndpointSlice"),
    ResourceType(
        "networking.k8s.io", _V1, "networkpolicies", "NetworkPolicy", short_names=("netpol",)
    ),
    ResourceType(
        "networking.k8s.io",
        _V1,
        "ingresses",
        "Ingress",
        short_names=("ing",),
        subresources=("status",),
    ),
    ResourceType(
        "policy",
        _V1,
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        True,
        ("pdb",),
        (),
        ("status",),
    ),
    ResourceType("storage.k8s.io", _V1, "storageclasses", "StorageClass", False, ("sc",)),
    ResourceType("scheduling.k8s.io", _V1, "priorityclasses", "PriorityClass", False, ("pc",)),
    ResourceType("apiregistration.k8s.io", _V1, "apiservices", "APIService", False),
    ResourceType(_RBAC, _V1, "roles", "Role", create_on_update=True),
    ResourceType(_RBAC, _V1, "rolebindings", "RoleBinding", create_on_update=True),
    ResourceType(_RBAC, _V1, "clusterroles", "ClusterRole", False, create_on_update=True),
    ResourceType(
        _RBAC, _V1, "clusterrolebindings", "ClusterRoleBinding", False, create_on_update=True
    ),
    ResourceType(
        "flowcontrol.apiserver.k8s.io", _V1, "flowschemas", "FlowSchema", False, (), (), ("status",)
    ),
    ResourceType(
        "flowcontrol.apiserver.k8s.io",
        _V1,
        "prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        False,
    ),
    ResourceType(
        _ADMISSION, _V1, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False
    ),
    ResourceType(
        _ADMISSION,
        _V1,
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        False,
    ),
    ResourceType(
        _ADMISSION, _V1, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False
    ),
    ResourceType(
        _ADMISSION, _V1, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False
    ),
    ResourceType(
        "apiextensions.k8s.io",
        _V1,
        "customresourcedefinitions",
        "CustomResourceDefinition",
        False,
        ("crd", "crds"),
    ),
)

_CALICO = {
    "NetworkPolicy": True,
    "GlobalNetworkPolicy": False,
    "Tier": False,
    "NetworkSet": True,
    "GlobalNetworkSet": False,
    "HostEndpoint": False,
    "FelixConfiguration": False,
}
# Kinds that an installation brings together, and whether they are in namespaces: a world that has
# an object of one serves all.
_INSTALLED_TOGETHER = {
    "projectcalico.org": _CALICO,
    "crd.projectcalico.org": _CALICO,
    "policy.networking.k8s.io": {
        "AdminNetworkPolicy": False,
        "BaselineAdminNetworkPolicy": False,
    },
}


class ResourceTypes:
    """The resources of one cluster: the built-in ones, and custom ones as definitions come and
    go.
    """

    def __init__(self, types: Iterable[ResourceType] = BUILT_IN) -> None:
        self._by_key = {found.key: found for found in types}

    def all(self) -> tuple[ResourceType, ...]:
        """Every resource that is served now."""
        return tuple(self._by_key.values())

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The resource at this place of the API, if it is served in this version."""
        found = self._by_key.get((group, plural))
        if found is None or version not in found.versions:
            return None
        return found

    def of_kind(self, api_version: str, kind: str) -> ResourceType | None:
        """The resource whose objects carry this ``apiVersion`` and ``kind``."""
        group, _, version = api_version.rpartition("/")
        for found in self.all():
            if (found.group, found.kind) == (group, kind) and version in found.versions:
                return found
        return None

    def add(self, found: ResourceType) -> None:
        """Serve a resource from now on."""
        self._by_key[found.key] = found

    def remove(self, group: str, plural: str) -> None:
        """Serve it no longer."""
        self._by_key.pop((group, plural), None)

    def add_unannounced(self, api_version: str, kind: str, *, namespaced: bool) -> ResourceType:
        """Serve a custom resource whose definition the world does not hold, under English's usual
        plural.
        """
        group, _, version = api_version.rpartition("/")
        for each, in_namespace in _INSTALLED_TOGETHER.get(group, {}).items():
            if self.of_kind(api_version, each) is None:
                self.add(_custom(group, version, each, namespaced=in_namespace))
        found = self.of_kind(api_version, kind)
        if found is None:
            found = _custom(group, version, kind, namespaced=namespaced)
            self.add(found)
        return found


def _custom(group: str, version: str, kind: str, *, namespaced: bool) -> ResourceType:
    """A custom resource under English's usual plural."""
    return ResourceType(
        group,
        (version,),
        _plural(kind.lower()),
        kind,
        namespaced,
        unconditional_update=False,
        custom=True,
    )


def type_of_definition(definition: Json) -> ResourceType | None:
    """The resource that a CustomResourceDefinition announces; None while it serves no version or
    lacks a name or group.

    The stored version comes first, as the preferred one; the subresources are that version's.
    """
    spec = definition.get("spec", {})
    names = spec.get("names", {})
    versions = [found for found in spec.get("versions", []) if found.get("served")]
    needed = (versions, spec.get("group"), names.get("plural"), names.get("kind"))
    if not all(needed):
        return None
    versions.sort(key=lambda found: not found.get("storage"))
    return ResourceType(
        spec["group"],
        tuple(found["name"] for found in versions),
        names["plural"],
        names["kind"],
        spec.get("scope", "Namespaced") == "Namespaced",
        tuple(items_of(names, "shortNames")),
        tuple(items_of(names, "categories")),
        tuple((versions[0].get("subresources") or {}).keys()),
        unconditional_update=False,
        custom=True,
        singular_name=names.get("singular", ""),
    )


def _plural(word: str) -> str:
    """English's usual plural of a kind: ``proxies``, ``ingresses``, ``gateways``. It is a guess,
    which the definition in a world replaces.
    """
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"
