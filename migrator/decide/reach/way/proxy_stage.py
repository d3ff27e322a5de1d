"""Stage "proxy in effect": can it be reached, does it make a tunnel (CONNECT: RFC 9110, 9.3.6)."""

from migrator.decide.reach.way.cause import PROXY, Cause
from migrator.model.diagnosis import Check
from migrator.model.proxy import Proxy
from migrator.model.way import Connected, Resolved, Tunnel, WayEnds

_HOW = {
    "timeout": "It does not answer",
    "refused": "It refuses connections",
    "reset": "It resets the connection",
    "no-route": "This machine has no route to it",
}
_CONNECT_UNKNOWN = (400, 404, 405, 501)
# 407 is the status for it (RFC 9110, 15.5.8); some proxies answer as servers do.
_LOGIN = (401, 407)


def proxy_cause(
    ends: WayEnds,
    resolved: Resolved | None,
    connected: Connected | None,
    tunnel: Tunnel | None,
) -> Cause | None:
    """Why no tunnel through the proxy was made."""
    proxy = ends.proxy
    if proxy is None:
        return None
    if resolved is not None and not resolved.addresses:
        return _unreachable(ends, proxy, f"Its name does not resolve: {resolved.said}.")
    if connected is not None and connected.kind != "open":
        how = _HOW.get(connected.kind, "The connection fails")
        return _unreachable(ends, proxy, f"{how}: {connected.said}.")
    if tunnel is None or tunnel.kind == "open":
        return None
    return _tunnel_cause(ends, proxy, tunnel)


def _unreachable(ends: WayEnds, proxy: Proxy, why: str) -> Cause:
    return Cause(
        "proxy-unreachable",
        PROXY,
        f"The proxy {proxy.shown} cannot be reached.",
        why,
        f"Correct the address in {proxy.origin}{_or_without(ends, proxy)}.",
    )


def _or_without(ends: WayEnds, proxy: Proxy) -> str:
    # An option and a kubeconfig are asked for: NO_PROXY makes no exceptions of them.
    if proxy.origin in ("--proxy-url", "the kubeconfig"):
        return ""
    return f", or go without it where a direct way exists: `export NO_PROXY={ends.host}`"


def _tunnel_cause(ends: WayEnds, proxy: Proxy, tunnel: Tunnel) -> Cause:
    target = f"{ends.host}:{ends.port}"
    if tunnel.kind == "silent":
        return Cause(
            "proxy-slow",
            PROXY,
            f"The proxy {proxy.shown} did not answer CONNECT {target} in time.",
            f"It accepted the connection and sent {tunnel.said}: it may not reach the endpoint "
            f"itself.",
            f"Ask who runs the proxy whether it reaches {target}{_or_without(ends, proxy)}.",
        )
    if tunnel.kind == "closed":
        return Cause(
            "proxy-closed",
            PROXY,
            f"The proxy {proxy.shown} closed the connection at CONNECT {target}.",
            tunnel.said,
            f"Check that {proxy.url} is an HTTP proxy that runs{_or_without(ends, proxy)}.",
        )
    if tunnel.kind == "no-http":
        return Cause(
            "proxy-no-connect",
            PROXY,
            f"What answers at {proxy.shown} is no HTTP proxy.",
            f"It answered: {tunnel.said}",
            f"Correct the address in {proxy.origin} (a SOCKS proxy is not supported).",
        )
    if tunnel.kind == "page":
        return Cause(
            "proxy-no-connect",
            PROXY,
            f"The proxy {proxy.shown} answered CONNECT with a page.",
            f"It said {tunnel.said}: a page to log in to the network, or a web server.",
            f"Log in to the network in a browser, or correct the address in {proxy.origin}.",
        )
    return _refusal(ends, proxy, tunnel)


def _refusal(ends: WayEnds, proxy: Proxy, tunnel: Tunnel) -> Cause:
    target = f"{ends.host}:{ends.port}"
    said = f"It said {tunnel.said}."
    if tunnel.status in _LOGIN and not _takes_basic(tunnel):
        return Cause(
            "proxy-login-refused",
            PROXY,
            f"The proxy {proxy.shown} wants a way to log in that is not supported here.",
            f"{said} It offers {', '.join(tunnel.schemes)}; this program sends a user and a "
            f"password (Basic).",
            "Start a local proxy that logs in by that way (px, cntlm), and name it with "
            "--proxy-url.",
        )
    if tunnel.status in _LOGIN and proxy.user is None:
        return Cause(
            "proxy-login-missing",
            PROXY,
            f"The proxy {proxy.shown} wants a user and a password.",
            said,
            f"Put them into the address in {proxy.origin}: "
            f"{proxy.scheme}://USER:PASSWORD@{proxy.url.partition('://')[2]} (special characters "
            f"as %XX).",
        )
    if tunnel.status in _LOGIN:
        return Cause(
            "proxy-login-refused",
            PROXY,
            f"The proxy {proxy.shown} does not accept the user and password that it was sent.",
            f"{said} They were sent as Basic authentication.",
            f"Correct user and password in {proxy.origin}; a proxy that takes Kerberos or NTLM "
            f"alone needs a local proxy before it.",
        )
    if tunnel.status == 403:
        return Cause(
            "proxy-denied",
            PROXY,
            f"The proxy {proxy.shown} does not allow CONNECT {target}.",
            said,
            f"Have its operator allow CONNECT to {target}{_or_without(ends, proxy)}.",
        )
    if tunnel.status in _CONNECT_UNKNOWN:
        return Cause(
            "proxy-no-connect",
            PROXY,
            f"The proxy {proxy.shown} does not know CONNECT.",
            said,
            f"Name a proxy that does with --proxy-url{_or_without(ends, proxy)}.",
        )
    if tunnel.status is not None and tunnel.status < 500:
        return Cause(
            "proxy-failed",
            PROXY,
            f"The proxy {proxy.shown} did not make the tunnel to {target}.",
            said,
            f"Run the same command again; if it stays, ask who runs the proxy why it answers "
            f"{tunnel.status}.",
        )
    return Cause(
        "proxy-failed",
        PROXY,
        f"The proxy {proxy.shown} could not connect to {target}.",
        said,
        f"Run the same command again; if it stays, ask who runs the proxy whether it reaches "
        f"{target}.",
    )


def _takes_basic(tunnel: Tunnel) -> bool:
    """Whether a user and a password may be what the proxy wants: it says so, or does not say."""
    return not tunnel.schemes or any(each.lower() == "basic" for each in tunnel.schemes)


def proxy_check(ends: WayEnds, tunnel: Tunnel | None) -> Check:
    """The proxy in effect, for doctor."""
    if ends.exempt:
        return Check(PROXY, "ok", f"NO_PROXY exempts {ends.host}: no proxy is in effect.")
    if ends.proxy is None:
        return Check(PROXY, "ok", "No proxy is in effect.")
    login = "" if ends.proxy.user is None else ", with a user and password"
    said = f"The proxy {ends.proxy.shown} is in effect{login}"
    if tunnel is None:
        return Check(PROXY, "unknown", f"{said}.")
    return Check(PROXY, "ok", f"{said}: it connects to {ends.host}:{ends.port}.")
