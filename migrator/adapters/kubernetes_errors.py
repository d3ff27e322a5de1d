"""What went wrong on the way to an API server of EKS, or in its answer, as our errors.

Source of the endpoint modes: EKS user guide, "Cluster API server endpoint". A filtered source
address gets no answer that says so: the connection just times out, which is why a time-out names
``publicAccessCidrs`` first.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.errors import Changed, Failed, MigratorError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server is, and what DescribeCluster reports about the ways to it (None: not
    known).

    ``ca_pem`` None means the certificate authorities of the system. ``proxy_url`` wins over
    ``HTTPS_PROXY``. ``direct``: no proxy, whatever the environment says: the server is a tunnel's
    port on this machine. ``why_lost`` says why a request that failed just now did, where the tunnel
    is the cause.
    """

    server: str
    ca_pem: str | None = None
    cluster_name: str = ""
    region: str = ""
    public: bool | None = None
    private: bool | None = None
    public_cidrs: tuple[str, ...] = ()
    proxy_url: str | None = None
    tls_server_name: str | None = None
    direct: bool = False
    why_lost: Callable[[], MigratorError | None] | None = field(
        default=None, compare=False, repr=False
    )

    @property
    def access(self) -> str:
        """The endpoint access mode in words."""
        if self.public is None and self.private is None:
            return "access mode not known"
        both = "public and private" if self.private else "public"
        return f"{both} access" if self.public else "private access only"


def unreachable(endpoint: Endpoint, cause: object, *, timed_out: bool) -> Failed:
    """``api-server-unreachable``: nothing was sent. Names the access mode, the likely cause and the
    ways out.
    """
    name = endpoint.cluster_name or "the cluster"
    if endpoint.public is False:
        why = "Its endpoint answers inside the VPC only (endpointPublicAccess is off)."
        remedy = "Use --proxy-url, a VPN, or a host in the VPC."
    else:
        why = _likely(endpoint, timed_out)
        allowed = ",".join((*endpoint.public_cidrs, "YOUR-ADDRESS/32"))
        where = f" --region {endpoint.region}" if endpoint.region else ""
        remedy = (
            "Use --proxy-url or a VPN, or let this machine in: "
            f"`aws eks update-cluster-config{where} --name {name} --resources-vpc-config "
            f"publicAccessCidrs={allowed}`."
        )
    return Failed(
        "api-server-unreachable",
        f"The API server of {name} cannot be reached ({endpoint.access}).",
        why=f"{why} {foreign(cause, limit=160)}",
        remedy=remedy,
    )


def _likely(endpoint: Endpoint, timed_out: bool) -> str:
    how = "The connection timed out" if timed_out else "The connection failed"
    cidrs = endpoint.public_cidrs
    if not cidrs:
        return f"{how}."
    if "0.0.0.0/0" in cidrs:
        return (
            f"{how}, although publicAccessCidrs lets every address in: a firewall or proxy on "
            f"the way is likely."
        )
    if timed_out:
        return (
            f"{how}: this machine's address is probably not among its publicAccessCidrs "
            f"({', '.join(cidrs)})."
        )
    return f"{how}; its publicAccessCidrs are {', '.join(cidrs)}."


def no_answer(endpoint: Endpoint, verb: str, resource: str, cause: object) -> Failed:
    """``api-server-no-answer``: it was sent, and may have been done."""
    return Failed(
        "api-server-no-answer",
        f"The API server of {endpoint.cluster_name or endpoint.server} did not answer {verb} "
        f"{resource}.",
        why=foreign(cause),
        remedy="Run the same command again; what was sent may have been done, which is found out "
        "by looking.",
    )


def tls_failed(endpoint: Endpoint, cause: object, *, certificate: bool) -> Failed:
    """``api-server-tls-failed``: no TLS; with ``certificate``, who answered is not who
    DescribeCluster promised.
    """
    where = foreign(endpoint.server)
    if not certificate:
        return Failed(
            "api-server-tls-failed",
            f"Could not establish a TLS connection to the API server at {where}.",
            why=foreign(cause),
            remedy="Run the command again; a proxy or tunnel in between may cut the connection.",
        )
    return Failed(
        "api-server-tls-failed",
        f"The certificate of the API server at {where} is not the cluster's.",
        why=foreign(cause),
        remedy="A proxy that opens TLS must let this host pass; behind a tunnel name the TLS "
        "server (tls-server-name).",
    )


def refused(
    endpoint: Endpoint, status: int, body: bytes, verb: str, resource: str
) -> MigratorError:
    """An answer that is no success, by status code (Kubernetes API conventions, "HTTP status
    codes").
    """
    text = foreign(_message(body))
    name = endpoint.cluster_name or "the cluster"
    if status == 401:
        return Failed(
            "not-authenticated",
            f"The API server of {name} does not accept this login.",
            why=text or "neither an access entry nor a row of aws-auth matches the caller",
            remedy="Use a principal that has access to the cluster (--profile, --assume-role).",
        )
    if status == 403:
        return Failed(
            "kubernetes-denied",
            f"The API server of {name} does not allow {verb} {resource}.",
            why=text,
            remedy=f"Give the caller {verb} on {resource} (RBAC or an access policy).",
        )
    if status == 404:
        return Failed("not-found", f"The API server of {name} has no {resource}.", why=text)
    if status == 409 and resource == "configmaps aws-auth":
        return Changed(
            "aws-auth-changed",
            "Another writer changed the aws-auth ConfigMap at the same time.",
            why=text,
            remedy="Find out who writes it (managedFields), then make a fresh plan.",
        )
    if status == 409:
        return Failed(
            "kubernetes-conflict", f"Another writer changed {resource} at the same time.", why=text
        )
    if status in (400, 405, 406, 413, 415, 422):
        return Failed(
            "kubernetes-refused", f"The API server of {name} refuses {verb} {resource}.", why=text
        )
    return Failed(
        "api-server-failed",
        f"The API server of {name} answered {verb} {resource} with HTTP {status}.",
        why=text,
        remedy="Run the same command again.",
    )


def _message(body: bytes) -> str:
    """The message of a Kubernetes Status, else the body as text."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body[:2048].decode(errors="replace")
    return str(document.get("message", "")) if isinstance(document, Mapping) else ""
