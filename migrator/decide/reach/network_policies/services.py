"""Services, their endpoints and pods, parsed (Kubernetes API reference, Service, EndpointSlice,
Pod).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    address_of,
    labels_of,
    listed,
    name_of,
    part,
    parts,
    port_number,
    protocol_in,
)
from migrator.model.network_policies.packets import Endpoint, Pod, PodPort, Service

Raw = Mapping[str, Any]


def endpoints_in(
    slices: Iterable[Raw], pods: Iterable[Raw], port_name: str | None = None
) -> tuple[Endpoint, ...]:
    """Where a Service leads, by its EndpointSlices: at the port of that name, at every port where
    it is None. A slice that is not understood leads nowhere.
    """
    by_name = {name_of(each): each for each in pods}
    found: list[Endpoint] = []
    for each in slices:
        found += _endpoints_of(each, by_name, port_name)
    return tuple(found)


def _endpoints_of(
    raw: Raw, pods: Mapping[tuple[str, str], Raw], port_name: str | None
) -> list[Endpoint]:
    try:
        return list(_of_slice(raw, pods, port_name))
    except NotUnderstood:
        return []


def _of_slice(
    raw: Raw, pods: Mapping[tuple[str, str], Raw], port_name: str | None
) -> Iterator[Endpoint]:
    ports = [each for each in parts(raw, "ports") if port_name in (None, each.get("name") or "")]
    for each in parts(raw, "endpoints"):
        pod = _target(part(each, "targetRef"), name_of(raw)[0], pods)
        for address in map(address_of, listed(each, "addresses")):
            for port in ports:
                if address is not None:
                    yield Endpoint(
                        address,
                        port_number(port.get("port")),
                        protocol_in(port),
                        pod,
                    )


def _target(reference: Raw, namespace: str, pods: Mapping[tuple[str, str], Raw]) -> Pod | None:
    """The pod that an endpoint is. One that was not read is a pod without labels."""
    if reference.get("kind") != "Pod":
        return None
    name = str(reference.get("name"))
    found = pods.get((namespace, name))
    return Pod(namespace, name=name) if found is None else pod_of(found)


def service_in(
    raw: Raw,
    slices: Iterable[Raw],
    pods: Iterable[Raw],
    *,
    port: int,
    protocol: str = "TCP",
) -> Service | None:
    """A Service at one of its ports; None where it has no such port, or is not understood."""
    try:
        return _service(
            raw,
            slices,
            pods,
            port,
            protocol,
        )
    except NotUnderstood:
        return None


def _service(
    raw: Raw,
    slices: Iterable[Raw],
    pods: Iterable[Raw],
    port: int,
    protocol: str,
) -> Service | None:
    spec, (namespace, name) = part(raw, "spec"), name_of(raw)
    wanted = (port, protocol)
    ports = [
        each for each in parts(spec, "ports") if (each.get("port"), protocol_in(each)) == wanted
    ]
    if not ports:
        return None
    given = listed(spec, "clusterIPs") or [spec.get("clusterIP")]
    addresses = [found for found in map(address_of, given) if found is not None]
    selector = part(spec, "selector")
    return Service(
        namespace,
        name,
        tuple(addresses),
        port,
        protocol,
        {str(key): str(value) for key, value in selector.items()},
        endpoints_in(slices, pods, str(ports[0].get("name") or "")),
    )


def pod_of(raw: Raw) -> Pod:
    """A pod that there is. A shape that is not understood leaves the ports out."""
    namespace, name = name_of(raw)
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        return Pod(namespace, labels_of(raw), name=name)
    account = str(spec.get("serviceAccountName") or "default")
    return Pod(
        namespace,
        labels_of(raw),
        account,
        name,
        _pod_ports(spec),
    )


def _pod_ports(spec: Raw) -> tuple[PodPort, ...]:
    """The ports that have a name."""
    try:
        ports = [port for each in parts(spec, "containers") for port in parts(each, "ports")]
        return tuple(
            PodPort(
                str(port["name"]),
                protocol_in(port),
                port_number(port.get("containerPort")),
            )
            for port in ports
            if port.get("name")
        )
    except NotUnderstood:
        return ()
