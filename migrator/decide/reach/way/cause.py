"""Why a way ends where it does: one cause, its sentence and its remedy."""

from dataclasses import dataclass
from typing import Final

from migrator.errors import Failed
from migrator.model.diagnosis import Check

CLOCK: Final = "clock"
NAME: Final = "way-name"
PROXY: Final = "way-proxy"
TCP: Final = "way-tcp"
TLS: Final = "way-tls"
HTTP: Final = "way-http"


@dataclass(frozen=True, slots=True)
class Cause:
    """``code`` is that of the error, ``stage`` the name of the check. ``why`` says more than one
    thing only where it is not known which; ``remedy`` is for this cause alone.
    """

    code: str
    stage: str
    what: str
    why: str
    remedy: str

    def check(self) -> Check:
        """The failed check of doctor."""
        return Check(self.stage, "fail", f"{self.what} {self.why}".strip(), self.remedy)

    def error(self) -> Failed:
        """The error of a command."""
        return Failed(self.code, self.what, why=self.why, remedy=self.remedy)
