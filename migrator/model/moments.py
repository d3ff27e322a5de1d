"""Times as people, other programs and this one write them, read alike by every Python.

``datetime.fromisoformat`` takes far more from Python 3.11 on: a date without dashes, a week, a zone
without a colon. What means something on one machine must not mean something else on another.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

# RFC 3339, and what it leaves out: a date alone, a time without seconds or zone. Go writes as many
# digits of a second as there are.
_MOMENT: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2})(?:\.(?P<part>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


# Runs ask for the same few times again and again.
@lru_cache(maxsize=4096)
def moment_of_text(text: str) -> datetime:
    """The time; without a zone where the text has none. Digits beyond a microsecond do not count.

    Raises ``ValueError`` for any other text.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"no date or time: {text[:40]!r}")
    if found["minute"] is None:
        return datetime.fromisoformat(found["date"])
    second = found["second"] or "00"
    part = f"{found['part'] or '':0<6.6}"
    zone = (found["zone"] or "").replace("Z", "+00:00")
    return datetime.fromisoformat(f"{found['date']}T{found['minute']}:{second}.{part}{zone}")
