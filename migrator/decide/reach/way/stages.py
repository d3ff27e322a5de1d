"""The stages of a way in order: all of them as checks, and the first that failed as an error."""

from migrator.decide.reach.way.cause import HTTP, NAME, PROXY, TCP, TLS, Cause
from migrator.decide.reach.way.clock import clock_check
from migrator.decide.reach.way.name_stage import name_cause, name_check
from migrator.decide.reach.way.proxy_stage import proxy_cause, proxy_check
from migrator.decide.reach.way.tcp_stage import tcp_cause, tcp_check
from migrator.decide.reach.way.tls_stage import http_cause, http_check, tls_cause, tls_check
from migrator.errors import Failed
from migrator.model.diagnosis import Check
from migrator.model.way import Way

_ORDER = (NAME, PROXY, TCP, TLS, HTTP)


def way_cause(way: Way) -> Cause | None:
    """The first stage that failed, and why; None where the way is open."""
    resolved = way.resolved
    causes = (
        name_cause(way.ends, resolved) if resolved is not None else None,
        proxy_cause(way.ends, resolved, way.connected, way.tunnel),
        tcp_cause(way),
        tls_cause(way),
        http_cause(way),
    )
    return next((cause for cause in causes if cause is not None), None)


def way_checks(way: Way) -> tuple[Check, ...]:
    """All stages. Behind the one that failed the others are unknown: nothing was tried."""
    cause = way_cause(way)
    checks = [clock_check(way.clock_skew)]
    for stage in _ORDER:
        if cause is not None and stage == cause.stage:
            checks.append(cause.check())
            return (*checks, *_untried(stage))
        checks.append(_passed(stage, way))
    return tuple(checks)


def _untried(failed: str) -> tuple[Check, ...]:
    behind = _ORDER[_ORDER.index(failed) + 1 :]
    return tuple(Check(stage, "unknown", f"Not tried: {failed} comes first.") for stage in behind)


def _passed(stage: str, way: Way) -> Check:
    if stage == NAME and way.resolved is not None:
        return name_check(way.ends, way.resolved)
    if stage == PROXY:
        return proxy_check(way.ends, way.tunnel)
    if stage == TCP and way.connected is not None:
        return tcp_check(way.ends)
    if stage == TLS and way.tls is not None:
        return tls_check(way.ends)
    if stage == HTTP and way.http is not None:
        return http_check(way.http)
    return Check(stage, "unknown", "Not tried.")


def way_failure(way: Way, said: str) -> Failed:
    """The error of a command that did not reach the API server: its first stage that failed.
    ``said``: what was seen when it failed, for a way that is open again.
    """
    cause = way_cause(way)
    if cause is not None:
        return cause.error()
    return Failed(
        "api-server-unreachable",
        f"The API server of {way.ends.cluster or 'the cluster'} was not reached.",
        why=f"{said}. A moment later the whole way was open.",
        remedy="Run the same command again.",
    )
