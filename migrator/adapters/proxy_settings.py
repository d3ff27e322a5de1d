"""Which proxy is on the way to an API server: ``--proxy-url``, else the kubeconfig's, else that of
the environment, unless NO_PROXY exempts the host.

The names of the variables are those of curl(1) and urllib.request ("getproxies"): HTTPS_PROXY, then
ALL_PROXY, in small letters first. NO_PROXY: hosts and their subdomains, addresses, CIDR blocks.
"""

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from migrator.model.proxy import Proxy, parse_proxy


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The proxy in effect, None for a direct way; ``exempt``: one is set, and NO_PROXY exempts the
    host.
    """

    proxy: Proxy | None = None
    exempt: bool = False


def choose_proxy(
    server: str,
    *,
    proxy_url: str | None = None,
    kubeconfig_proxy: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ProxyChoice:
    """The proxy for a server's URL. Raises ``proxy-malformed``, ``proxy-unsupported``."""
    # Asked for: no exceptions.
    if proxy_url:
        return ProxyChoice(parse_proxy(proxy_url, "--proxy-url"))
    if kubeconfig_proxy:
        return ProxyChoice(parse_proxy(kubeconfig_proxy, "the kubeconfig"))
    scheme = server.partition(":")[0].lower()
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        text = environment.get(name, "").strip()
        if not text:
            continue
        if is_exempt(server, environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
            return ProxyChoice(exempt=True)
        return ProxyChoice(parse_proxy(text, name))
    return ProxyChoice()


def is_exempt(server: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host of a URL."""
    parts = urlsplit(server)
    host = (parts.hostname or "").lower()
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return any(_names(entry, host, parts.netloc.lower()) for entry in entries if entry)


def _names(entry: str, host: str, with_port: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:  # one of them is a name
        bare = entry.lstrip("*").lstrip(".")
    return bool(bare) and any(
        name == bare or name.endswith(f".{bare}") for name in (host, with_port)
    )


def proxy_headers(proxy: Proxy) -> dict[str, str]:
    """``Proxy-Authorization`` where the proxy has a user (RFC 7617: Basic, in UTF-8)."""
    if proxy.user is None:
        return {}
    pair = f"{proxy.user}:{proxy.password or ''}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
