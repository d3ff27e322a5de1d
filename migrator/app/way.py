"""The way to the API server for one command: what its errors say, and what doctor looks at."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from migrator.app.settings import Settings
from migrator.errors import Failed, MigratorError
from migrator.model.way import Way

if TYPE_CHECKING:
    from migrator.adapters.aws_session import AwsSession
    from migrator.adapters.kubernetes_wire import KubernetesWire


def way_explainer(settings: Settings, session: "AwsSession") -> Callable[[Way, str], Failed]:
    """Makes the error of a way that failed; this machine's address is asked for only where a filter
    of addresses may be in the way.
    """

    def explain(way: Way, said: str) -> Failed:
        from migrator.decide.reach.way.stages import way_failure

        return way_failure(completed(way, settings, session), said)

    return explain


def login_explainer(
    session: "AwsSession", described: Mapping[str, Any], *, is_own: bool
) -> Callable[[MigratorError], MigratorError]:
    """Adds to the error of a login that is not accepted who it is, what would admit it, and a clock
    that is off. ``is_own``: it is the login of the AWS credentials.
    """

    def explain(error: MigratorError) -> MigratorError:
        from migrator.decide.findings.platform import mode_of
        from migrator.decide.reach.way.login import login_not_accepted

        caller = ""
        with suppress(MigratorError):  # of STS: the API server's answer is what is reported
            caller = session.caller_chain()[-1] if is_own else ""
        return login_not_accepted(error, caller, mode_of(described), session.clock_skew)

    return explain


@dataclass(frozen=True, slots=True)
class WayHere:
    """:class:`migrator.ports.WayIn` of a command's own wire."""

    settings: Settings
    session: "AwsSession"
    wire: "KubernetesWire"

    def observe(self) -> Way:
        """The way as the wire takes it, with the clock, and the address where it matters."""
        from migrator.adapters.observe_way import observe_way

        seen = observe_way(self.wire.ends, self.wire.endpoint.ca_pem)
        return completed(seen, self.settings, self.session)


def completed(way: Way, settings: Settings, session: "AwsSession") -> Way:
    """The way with the clock, and with this machine's address where that is asked for."""
    from migrator.decide.reach.way.tcp_stage import is_filter_possible

    seen = replace(way, clock_skew=session.clock_skew)
    if not is_filter_possible(seen):
        return seen
    return replace(seen, source_address=source_address(settings))


def source_address(settings: Settings) -> str | None:
    """The address that this machine is seen under: as ``--source-address`` says, else asked for on
    a direct way, as a filtered connection is.
    """
    from migrator.adapters.caller_permissions import CheckIp, KnownAddress

    if settings.source_address is not None:
        return KnownAddress(settings.source_address).public_address()
    return CheckIp(seconds=2.0, direct=True).public_address()
