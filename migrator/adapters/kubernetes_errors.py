"""Where an API server of EKS is, and what its answers mean, as our errors.

Source of the endpoint modes: EKS user guide, "Cluster API server endpoint". What fails before an
answer is looked at by :mod:`migrator.adapters.observe_way`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from migrator.adapters.foreign_text import foreign
from migrator.adapters.proxy_settings import ProxyChoice
from migrator.errors import Changed, Failed, MigratorError
from migrator.model.way import WayEnds

# How the API server begins the denial of a webhook and of a policy of its own (apiserver
# ``pkg/admission/plugin``).
_ADMISSION = re.compile(r"admission webhook .* denied the request|ValidatingAdmissionPolicy '")
_CANNOT = re.compile(r" cannot (\w+) resource ")
ANOTHER_SERVER = "Correct the address: a proxy, a tunnel or a kubeconfig leads to another server."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server is, and what DescribeCluster reports about the ways to it (None: not
    known).

    ``ca_pem`` None means the certificate authorities of the system. ``proxy_url`` wins over
    ``HTTPS_PROXY``, and may hold a password. ``direct``: no proxy, whatever the environment says:
    the server is a tunnel's port on this machine. ``why_lost`` says why a request that failed just
    now did, where the tunnel is the cause. ``kubeconfig_proxy``: that of the kubeconfig in use.
    ``described``: the server of DescribeCluster, where ``server`` is the tunnel's port.
    ``renew_ca`` asks whom to trust now, where no authority of ``ca_pem`` fits.
    """

    server: str
    ca_pem: str | None = None
    cluster_name: str = ""
    region: str = ""
    public: bool | None = None
    private: bool | None = None
    public_cidrs: tuple[str, ...] = ()
    proxy_url: str | None = field(default=None, repr=False)
    tls_server_name: str | None = None
    direct: bool = False
    why_lost: Callable[[], MigratorError | None] | None = field(
        default=None, compare=False, repr=False
    )
    kubeconfig_proxy: str | None = field(default=None, repr=False)
    described: str = ""
    renew_ca: Callable[[], str | None] | None = field(default=None, compare=False, repr=False)

    @property
    def access(self) -> str:
        """The endpoint access mode in words."""
        if self.public is None and self.private is None:
            return "access mode not known"
        both = "public and private" if self.private else "public"
        return f"{both} access" if self.public else "private access only"


def ends_of(endpoint: Endpoint, choice: ProxyChoice) -> WayEnds:
    """What is known of the way before it is tried."""
    server = urlsplit(endpoint.server)
    host = server.hostname or ""
    return WayEnds(
        cluster=endpoint.cluster_name,
        region=endpoint.region,
        host=host,
        port=server.port or (443 if server.scheme == "https" else 80),
        tls_name=endpoint.tls_server_name or host,
        public=endpoint.public,
        private=endpoint.private,
        public_cidrs=endpoint.public_cidrs,
        proxy=choice.proxy,
        exempt=choice.exempt,
    )


def unreachable(endpoint: Endpoint, cause: object) -> Failed:
    """``api-server-unreachable``: nothing was sent, and the way was not looked at."""
    name = endpoint.cluster_name
    return Failed(
        "api-server-unreachable",
        f"The API server of {name or 'the cluster'} cannot be reached ({endpoint.access}).",
        why=foreign(cause, limit=160),
        remedy=f"See which stage of the way fails: `migrate doctor {name or 'CLUSTER'}`",
    )


def no_answer(
    endpoint: Endpoint,
    verb: str,
    resource: str,
    cause: object,
) -> Failed:
    """``api-server-no-answer``: it was sent, and may have been done."""
    return Failed(
        "api-server-no-answer",
        f"The API server of {endpoint.cluster_name or endpoint.server} did not answer {verb} "
        f"{resource}.",
        why=foreign(cause),
        remedy="Run the same command again; what was sent may have been done, which is found out "
        "by looking.",
    )


def refused(
    endpoint: Endpoint,
    status: int,
    body: bytes,
    verb: str,
    resource: str,
) -> MigratorError:
    """An answer that is no success, by status code (Kubernetes API conventions, "HTTP status
    codes").
    """
    if is_page(body):
        return no_kubernetes(endpoint, status, body)
    text = foreign(_message(body))
    name = endpoint.cluster_name or "the cluster"
    if status == 401:
        return Failed(
            "not-authenticated",
            f"The API server of {name} does not accept this login.",
            why=text or "neither an access entry nor a row of aws-auth matches the caller",
            remedy="Use a principal that has access to the cluster (--profile, --assume-role).",
        )
    if status == 403 and _ADMISSION.search(text):
        return Failed(
            "kubernetes-denied",
            f"An admission rule of {name} refuses {verb} {resource}.",
            why=text,
            remedy="No permission of the caller helps: have the rule admit it, at least while the "
            "run lasts, then run the same command again.",
        )
    if status == 403:
        # A server-side apply is asked as patch, and of a new object as create, too.
        denied = _CANNOT.search(text)
        verb = denied.group(1) if denied else verb
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


def is_page(body: bytes) -> bool:
    """Whether a body is a page of HTML: an API server answers in JSON or plain text."""
    return body[:256].lstrip().startswith(b"<")


def no_kubernetes(endpoint: Endpoint, status: int, body: bytes) -> Failed:
    """``not-an-api-server``: a proxy or a web server answered instead."""
    return Failed(
        "not-an-api-server",
        f"What answered at {foreign(endpoint.server)} is no Kubernetes API.",
        why=f"HTTP {status}: {foreign(body[:2048].decode(errors='replace'), limit=200)}",
        remedy=ANOTHER_SERVER,
    )


def _message(body: bytes) -> str:
    """The message of a Kubernetes Status, else the body as text."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body[:2048].decode(errors="replace")
    return str(document.get("message", "")) if isinstance(document, Mapping) else ""
