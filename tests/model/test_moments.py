"""Times as people write them: one grammar on every Python."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import migrator
from migrator.model.moments import moment_of_text

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31)),
        ("2027-01-31T10:00", datetime(2027, 1, 31, 10)),
        ("2027-01-31 10:00:05", datetime(2027, 1, 31, 10, 0, 5)),
        ("2027-01-31T10:00:05Z", datetime(2027, 1, 31, 10, 0, 5, tzinfo=UTC)),
        ("2027-01-31T10:00:05.5Z", datetime(2027, 1, 31, 10, 0, 5, 500_000, UTC)),
        ("2027-01-31T10:00:05.123456789Z", datetime(2027, 1, 31, 10, 0, 5, 123_456, UTC)),
        (
            "2027-01-31T10:00:05+01:30",
            datetime(2027, 1, 31, 10, 0, 5, tzinfo=timezone(timedelta(hours=1.5))),
        ),
    ],
)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    found = moment_of_text(text)
    assert (found, found.tzinfo is None) == (moment, moment.tzinfo is None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "20270131", "2027-W05-1", "2027-01-31T", "2027-01-31T10", "2027-1-31"),
        *("2027-01-31T10:00:00+0100", "20270131T100000Z", "2027-01-31T10:00.5", "2027-02-30"),
        *(
            "2027-01-31T25:00",
            "2027-01-31T10:00:05,5Z",
            "٢٠٢٧-01-31",
            " 2027-01-31",
            "2027-01-31\n",
        ),
    ],
)
def test_what_only_some_pythons_read_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment_of_text(text)


@given(st.datetimes(timezones=st.just(UTC) | st.none()))
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    assert moment_of_text(moment.isoformat()) == moment
    assert moment_of_text(str(moment)) == moment


def test_every_reader_of_times_goes_by_the_one_grammar() -> None:
    """What ``datetime.fromisoformat`` reads differs between versions of Python."""
    root = Path(migrator.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "fromisoformat" in path.read_text(encoding="utf-8")
    }
    assert found == {"model/moments.py"}
