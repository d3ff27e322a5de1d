"""Stage "credentials": how far this machine's clock is off, by the Date header of AWS's answers.

AWS refuses a signature that is older than 5 minutes (IAM user guide, "Elements of an AWS API
request signature"), and certificates are judged by this clock.
"""

from datetime import timedelta
from typing import Final

from migrator.decide.reach.way.cause import CLOCK
from migrator.model.diagnosis import Check
from migrator.model.way import said_skew

WARN: Final = timedelta(minutes=1)
FAR: Final = timedelta(minutes=5)
SET_CLOCK: Final = "Set this machine's clock: `sudo timedatectl set-ntp true`"


def clock_check(skew: timedelta | None) -> Check:
    """``skew``: how far the clock is ahead; None: AWS has not answered."""
    if skew is None:
        said = "Whether this machine's clock is right is not known: no answer of AWS has a date."
        return Check(CLOCK, "unknown", said, "Compare it: `date -u`")
    if abs(skew) < WARN:
        return Check(CLOCK, "ok", "This machine's clock agrees with AWS's.")
    if abs(skew) < FAR:
        return Check(CLOCK, "warn", said_skew(skew), SET_CLOCK)
    said = f"{said_skew(skew)} AWS refuses signatures that are 5 minutes off."
    return Check(CLOCK, "fail", said, SET_CLOCK)
