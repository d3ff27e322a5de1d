"""The cluster of the policy table, as raw objects, and the short forms of its policies."""

from collections.abc import Mapping, Sequence
from typing import Any

from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.decide.reach.network_policies.targets import targets_in
from migrator.model.network_policies.packets import Answer, Pod
from migrator.model.network_policies.raw_policies import RawPolicies

Raw = Mapping[str, Any]
KUBERNETES, KUBE_DNS = ("default", "kubernetes"), ("kube-system", "kube-dns")
NAMESPACES = {
    "default": {"kubernetes.io/metadata.name": "default"},
    "kube-system": {"kubernetes.io/metadata.name": "kube-system"},
    "team": {"kubernetes.io/metadata.name": "team", "env": "prod", "tier": "web"},
}
LABELS = {"app": "web", "role": "client"}
DNS_LABELS = {"k8s-app": "kube-dns"}
_CALICO, _STORED = "projectcalico.org/v3", "crd.projectcalico.org/v1"
# The short form of the table -> API version, kind, whether it is in a namespace.
_SHORT = {
    "kubernetes": ("networking.k8s.io/v1", "NetworkPolicy", True),
    "calico": (_CALICO, "NetworkPolicy", True),
    "global": (_CALICO, "GlobalNetworkPolicy", False),
    "tier": (_CALICO, "Tier", False),
    "set": (_CALICO, "NetworkSet", True),
    "globalset": (_CALICO, "GlobalNetworkSet", False),
    "admin": ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", False),
    "hostendpoint": (_CALICO, "HostEndpoint", False),
    "felix": (_CALICO, "FelixConfiguration", False),
    "groups": ("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy", True),
    "nodeclass": ("eks.amazonaws.com/v1", "NodeClass", False),
    "baseline": ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", False),
}


def full(short: Raw) -> dict[str, Any]:
    """An object of the table in the form that the API server gives."""
    if "other" in short:
        version, kind, name = short["api"], short["other"], short["name"]
        namespace = short.get("namespace")
    else:
        key = next(each for each in _SHORT if each in short)
        version, kind, namespaced = _SHORT[key]
        name = short[key]
        namespace = short.get("namespace", "team") if namespaced else None
    if short.get("stored"):
        version = _STORED
    metadata = {"name": name, "labels": short.get("labels", {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": short["spec"]}


def slice_of(
    service: tuple[str, str], addresses: Mapping[str, str], name: str, port: int, protocol: str
) -> dict[str, Any]:
    """An EndpointSlice; ``addresses``: address -> name of the pod, empty for none."""
    return {
        "metadata": {
            "namespace": service[0],
            "name": f"{service[1]}-a",
            "labels": {"kubernetes.io/service-name": service[1]},
        },
        "ports": [{"name": name, "port": port, "protocol": protocol}],
        "endpoints": [
            {"addresses": [address], **({"targetRef": {"kind": "Pod", "name": pod}} if pod else {})}
            for address, pod in addresses.items()
        ],
    }


def service(name: tuple[str, str], address: str, port: Raw, selector: Raw) -> dict[str, Any]:
    """A Service with one port."""
    spec = {"clusterIP": address, "clusterIPs": [address], "ports": [port], "selector": selector}
    return {"metadata": {"namespace": name[0], "name": name[1]}, "spec": spec}


def dns_pod(name: str) -> dict[str, Any]:
    """One of CoreDNS."""
    ports = [{"name": "dns", "protocol": "UDP", "containerPort": 53}]
    return {
        "metadata": {"namespace": "kube-system", "name": name, "labels": DNS_LABELS},
        "spec": {"serviceAccountName": "coredns", "containers": [{"ports": ports}]},
    }


def daemon_set(place: str, *containers: Raw) -> dict[str, Any]:
    """A DaemonSet. ``place``: NAMESPACE/NAME."""
    namespace, _, name = place.partition("/")
    spec = {"template": {"spec": {"containers": list(containers)}}}
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


def calico_node(version: str = "v3.31.2", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Calico's container."""
    return {"name": "calico-node", "image": f"registry/calico/node:{version}", **more}


def to_host(action: str) -> dict[str, Any]:
    """Calico's DaemonSet with an action for traffic to the node; its manifests set ACCEPT."""
    return daemon_set("calico-system/calico-node", calico_node(env=_to_host(action)))


def _to_host(action: str) -> list[dict[str, str]]:
    return [{"name": "FELIX_DEFAULTENDPOINTTOHOSTACTION", "value": action}]


def _of_version(version: str) -> dict[str, Any]:
    node = calico_node(version, env=_to_host("ACCEPT"))
    return daemon_set("calico-system/calico-node", node)


STRICT = {"env": [{"name": "NETWORK_POLICY_ENFORCING_MODE", "value": "strict"}]}
# Short forms of plugins other than the VPC CNI's agent.
_OTHER = {
    "calico": to_host("ACCEPT"),
    "calico-drop": to_host("Drop"),
    "calico-return": to_host("RETURN"),
    "calico-other": to_host("Perhaps"),
    "calico-3.28": _of_version("v3.28.5"),
    "calico-3.29": _of_version("v3.29.1"),
    "calico-3.32": _of_version("v3.32.0"),
    "calico-master": _of_version("master"),
    "calico-plain": daemon_set("calico-system/calico-node", calico_node()),
    "calico-from": daemon_set(
        "kube-system/calico-node", calico_node(envFrom=[{"configMapRef": {"name": "felix"}}])
    ),
    "calico-elsewhere": daemon_set("team/calico-node", calico_node(env=_to_host("ACCEPT"))),
    "calico-by-name": daemon_set("team/calico-node", {"name": "main", "image": "y"}),
    "cilium": daemon_set("kube-system/cilium", {"name": "cilium-agent"}),
    "cilium-by-name": daemon_set("team/cilium", {"name": "main"}),
    "cilium-elsewhere": daemon_set("team/cilium", {"name": "cilium-agent"}),
}


def daemon_sets(plugins: Sequence[str]) -> list[dict[str, Any]]:
    """The DaemonSets of plugins: ``vpc-cni``, ``vpc-cni-old``, ``vpc-cni-strict``, and the others
    above.
    """
    found: list[dict[str, Any]] = [_OTHER[each] for each in plugins if each in _OTHER]
    versions = {
        "vpc-cni": "v1.2.7-eksbuild.1",
        "vpc-cni-strict": "v1.2.7-eksbuild.1",
        "vpc-cni-strict-off": "v1.2.7-eksbuild.1",
        "vpc-cni-old": "v1.0.3-eksbuild.1",
    }
    for each in plugins:
        if each in versions:
            agent = {
                "name": "aws-eks-nodeagent",
                "image": f"registry/amazon/aws-network-policy-agent:{versions[each]}",
                "args": [f"--enable-network-policy={'false' if 'off' in each else 'true'}"],
            }
            node = {"name": "aws-node", **(STRICT if "strict" in each else {})}
            found.append(daemon_set("kube-system/aws-node", node, agent))
    return found


def raw_policies(
    objects: Sequence[Raw], plugins: Sequence[str] | None, unread: Sequence[str] = ()
) -> RawPolicies:
    """The cluster with these objects. ``plugins`` None: the DaemonSets may not be read."""
    account = {
        "metadata": {"namespace": "team", "name": "runner", "labels": {"level": "low"}},
    }
    dns_port = {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}
    return RawPolicies(
        objects=tuple(objects),
        namespaces=[{"metadata": {"name": n, "labels": v}} for n, v in NAMESPACES.items()],
        accounts=[account],
        services={
            KUBERNETES: service(KUBERNETES, "10.100.0.1", {"name": "https", "port": 443}, {}),
            KUBE_DNS: service(KUBE_DNS, "10.100.0.10", dns_port, DNS_LABELS),
        },
        slices={
            KUBERNETES: [
                slice_of(KUBERNETES, {"192.168.1.10": "", "192.168.2.10": ""}, "https", 443, "TCP")
            ],
            KUBE_DNS: [
                slice_of(
                    KUBE_DNS, {"192.168.3.5": "dns-a", "192.168.3.6": "dns-b"}, "dns", 53, "UDP"
                )
            ],
        },
        pods=[dns_pod("dns-a"), dns_pod("dns-b")],
        daemon_sets=None if plugins is None else daemon_sets(plugins),
        unread=tuple(unread),
    )


def answers(raw: RawPolicies, pod: Pod) -> list[Answer]:
    """The four answers."""
    world = policy_world(raw)
    return [reaches(pod, target, world) for target in targets_in(raw)]
