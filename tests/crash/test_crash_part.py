"""All parts together try every place once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.crash_part import part_of


@given(st.lists(st.integers()), st.integers(1, 9))
def test_the_parts_together_are_every_place_once(places: list[int], of: int) -> None:
    found = [place for number in range(of) for place in part_of(places, f"{number}/{of}")]
    assert sorted(found) == sorted(places)


@pytest.mark.parametrize("part", ["4/4", "-1/4", "1", "a/b", "0/0"])
def test_a_part_that_is_written_otherwise_is_refused(part: str) -> None:
    with pytest.raises(ValueError):
        part_of([1, 2, 3], part)


def test_without_a_part_every_place_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRASH_PART", raising=False)
    assert list(part_of([1, 2, 3])) == [1, 2, 3]
