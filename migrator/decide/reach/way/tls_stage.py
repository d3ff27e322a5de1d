"""Stages "TLS" and "HTTP": who answers. Trust is the certificate authority in DescribeCluster."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from migrator.decide.reach.way.cause import HTTP, TLS, Cause
from migrator.decide.reach.way.clock import FAR, SET_CLOCK, WARN
from migrator.model.diagnosis import Check
from migrator.model.way import Certificate, Http, Tls, TlsKind, Way, WayEnds, said_skew


def tls_cause(way: Way) -> Cause | None:
    """Why TLS failed."""
    tls = way.tls
    if tls is None or tls.kind == "ok":
        return None
    judge = _CERTIFICATES.get(tls.kind)
    if judge is None:
        return _no_handshake(way.ends, tls)
    return judge(way, tls, tls.certificate or Certificate())


def _old_form(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """A form that ``VERIFY_X509_STRICT`` refuses, which Python 3.13 sets (``ssl``)."""
    return Cause(
        "certificate-old-form",
        TLS,
        f"A certificate of {way.ends.tls_name} has a form that this Python refuses.",
        f"OpenSSL says: {tls.said}. Clusters made on Kubernetes 1.16 or earlier have such "
        f"authorities.",
        "Run the tool with Python 3.10 to 3.12.",
    )


def _refused(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """A verdict of OpenSSL that has no words here."""
    return Cause(
        "certificate-refused",
        TLS,
        f"The certificate of {way.ends.tls_name} cannot be verified.",
        f"OpenSSL says: {tls.said}.{_shown(shown)}",
        f"Look at the certificate: `{_s_client(way.ends)}`",
    )


def _expired(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """Past its end: the clock decides whether the certificate or this machine is wrong."""
    what = f"The certificate of {way.ends.tls_name} has expired{_when('on', shown.not_after)}."
    skew = way.clock_skew
    if skew is not None and skew >= FAR:
        return Cause("certificate-expired", TLS, what, said_skew(skew), SET_CLOCK)
    # A clock that is behind lets a certificate be valid for longer, not shorter.
    if skew is not None and skew < WARN:
        return Cause(
            "certificate-expired",
            TLS,
            what,
            f"This machine's clock is {_right_or(skew, 'not ahead')}.{_shown(shown)}",
            "Have it renewed by who runs what answers there: EKS renews its own.",
        )
    known = "It is not known whether this machine's clock is right."
    return Cause(
        "certificate-expired",
        TLS,
        what,
        f"{known if skew is None else said_skew(skew)}{_shown(shown)}",
        "Compare the clock with the time in Date: `date -u; curl -sI https://aws.amazon.com`",
    )


def _not_yet_valid(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """Before its begin: as a rule the clock of this machine is behind."""
    begins = _when("but from", shown.not_before)
    what = f"The certificate of {way.ends.tls_name} is not valid yet{begins}."
    skew = way.clock_skew
    # A clock that is ahead lets a certificate be valid earlier, not later.
    if skew is not None and skew > -WARN:
        return Cause(
            "certificate-not-yet-valid",
            TLS,
            what,
            f"This machine's clock is {_right_or(skew, 'not behind')}.{_shown(shown)}",
            "Wait until then, and run the same command again.",
        )
    known = "This machine's clock is behind, as far as is known."
    return Cause(
        "certificate-not-yet-valid",
        TLS,
        what,
        f"{known if skew is None else said_skew(skew)}{_shown(shown)}",
        SET_CLOCK,
    )


def _right_or(skew: timedelta, otherwise: str) -> str:
    """``right``, or what is known of a clock that is wrong and not the reason."""
    return "right" if abs(skew) < WARN else otherwise


def _wrong_name(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """The cluster's certificate at an address that it does not name."""
    ends = way.ends
    names = ", ".join(shown.names) or "no name"
    remedy = "Give the address that DescribeCluster has: leave out --kubeconfig and --context."
    if ends.tunnelled:
        remedy = "Give the name of DescribeCluster's endpoint as tls-server-name in the kubeconfig."
    return Cause(
        "certificate-wrong-name",
        TLS,
        f"The certificate at {ends.host}:{ends.port} is not for {ends.tls_name}.",
        f"The cluster's authority signed it, for {names}.",
        remedy,
    )


def _unknown_issuer(way: Way, tls: Tls, shown: Certificate) -> Cause:
    """A certificate of another authority than DescribeCluster has."""
    ends = way.ends
    issuer = shown.issuer or "an unnamed authority"
    through = f" behind {ends.proxy.shown}" if ends.proxy else ""
    return Cause(
        "certificate-unknown-issuer",
        TLS,
        f"What answers at {ends.host}:{ends.port}{through} is not the cluster's API server.",
        f"The cluster's authority did not sign its certificate, {issuer} did"
        f"{f' (for {shown.subject})' if shown.subject else ''}: a proxy or firewall that opens TLS "
        f"shows its own, or the address is another cluster's.",
        f"Have {ends.tls_name} exempted from the inspection of TLS; see who answers: "
        f"`{_s_client(ends)}`",
    )


# What is wrong with the certificate, by the kind of the observation.
_CERTIFICATES: Mapping[TlsKind, Callable[[Way, Tls, Certificate], Cause]] = {
    "expired": _expired,
    "not-yet-valid": _not_yet_valid,
    "wrong-name": _wrong_name,
    "unknown-issuer": _unknown_issuer,
    "old-form": _old_form,
    "refused": _refused,
}


def _no_handshake(ends: WayEnds, tls: Tls) -> Cause:
    where = f"{ends.host}:{ends.port}"
    # The near end of a tunnel accepts whatever the far end does, and its port is closed when the
    # command has ended.
    if tls.kind == "silent" and ends.tunnelled:
        return Cause(
            "tls-silent",
            TLS,
            f"The tunnel at {where} is open, and nothing came back from {ends.tls_name}.",
            "The host that it goes through may not reach the endpoint: a security group drops "
            "packets without a word.",
            "Let that host's security group out to TCP 443, and into the cluster's security group "
            "from it, or go through another host.",
        )
    if tls.kind == "silent":
        return Cause(
            "tls-silent",
            TLS,
            f"{where} accepted the connection and said nothing.",
            "The TLS handshake was not answered: a middlebox or a load balancer holds it.",
            f"Run the same command again; see whether it is answered: `{_s_client(ends)}`",
        )
    if tls.kind == "no-tls":
        return Cause(
            "tls-not-spoken",
            TLS,
            f"What answers at {where} speaks no TLS.",
            f"OpenSSL says: {tls.said}.",
            "Correct the address: a kubeconfig, a tunnel or a proxy leads elsewhere.",
        )
    return Cause(
        "tls-closed",
        TLS,
        f"The connection to {where} was closed in the TLS handshake.",
        f"OpenSSL says: {tls.said}.",
        "Run the same command again; if it stays, a firewall or proxy in between cuts TLS to this "
        "name: have it allowed.",
    )


def _s_client(ends: WayEnds) -> str:
    proxy = f" -proxy {ends.proxy.host}:{ends.proxy.port}" if ends.proxy else ""
    return (
        f"openssl s_client{proxy} -connect {ends.host}:{ends.port} -servername {ends.tls_name} "
        f"</dev/null"
    )


def _when(word: str, moment: datetime | None) -> str:
    return "" if moment is None else f", {word} {moment:%Y-%m-%d %H:%M} UTC"


def _shown(shown: Certificate) -> str:
    if not shown.subject and not shown.issuer:
        return ""
    return f" It is that of {shown.subject or 'no subject'}, issued by {shown.issuer}."


def tls_check(ends: WayEnds) -> Check:
    """A handshake that was made, for doctor."""
    return Check(TLS, "ok", f"The cluster's authority vouches for {ends.tls_name}.")


def http_cause(way: Way) -> Cause | None:
    """Why the answer is not that of an API server."""
    if way.http is None or way.http.kind == "api-server":
        return None
    where = f"{way.ends.host}:{way.ends.port}"
    if way.http.kind in ("silent", "closed"):
        how = "did not answer" if way.http.kind == "silent" else "closed the connection on"
        return Cause(
            "api-server-no-answer",
            HTTP,
            f"The API server at {where} {how} a request.",
            "TLS was made, and the cluster's authority vouches for it.",
            "Run the same command again: the control plane may be busy or updated.",
        )
    said = "with a page" if way.http.kind == "page" else "with no JSON"
    return Cause(
        "not-an-api-server",
        HTTP,
        f"What answers at {where} is no Kubernetes API.",
        f"It answered {said} (HTTP {way.http.status or 'unknown'}).",
        "Correct the address: a tunnel or a kubeconfig leads to another server.",
    )


def http_check(http: Http) -> Check:
    """An answer, for doctor."""
    return Check(HTTP, "ok", f"A Kubernetes API answers (HTTP {http.status} without a login).")
