"""The journal's text: a torn last line is tolerated, any other damage is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import Failed
from migrator.model.journal import EVENTS, Journal, decode_journal, encode_record, next_record

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def journals(draw: st.DrawFn, least: int = 0) -> Journal:
    journal: Journal = ()
    for _ in range(draw(st.integers(least, 6))):
        effect: dict[str, Any] = draw(st.dictionaries(st.text(max_size=5), json_values, max_size=3))
        step = draw(st.none() | st.text(max_size=4))
        record = next_record(
            journal,
            at="2026-11-22T00:00:00Z",
            step=step,
            event=draw(st.sampled_from(EVENTS)),
            effect=effect,
        )
        journal = (*journal, record)
    return journal


def text_of(journal: Journal) -> bytes:
    return b"".join(map(encode_record, journal))


@given(journals())
def test_what_was_written_is_read_back(journal: Journal) -> None:
    content = text_of(journal)
    assert decode_journal(content) == (journal, len(content))


@given(journals(least=1), st.data())
def test_a_journal_cut_at_any_byte_gives_its_whole_lines(
    journal: Journal, data: st.DataObject
) -> None:
    content = text_of(journal)
    cut = content[: data.draw(st.integers(0, len(content)))]
    records, whole = decode_journal(cut)
    assert records == journal[: len(records)]
    assert cut[:whole] == text_of(records)
    assert whole == len(cut) or cut[whole:] == content[whole : len(cut)]


@given(journals(least=1), st.data())
def test_a_changed_byte_in_a_whole_line_is_damage(journal: Journal, data: st.DataObject) -> None:
    content = text_of(journal)
    place = data.draw(
        st.integers(0, len(content) - 2)
    )  # the very last line feed missing is a torn line
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    with pytest.raises(Failed) as failed:
        decode_journal(changed)
    assert failed.value.code == "journal-damaged"


@given(journals(least=2), st.data())
def test_a_line_that_is_missing_moved_or_repeated_is_damage(
    journal: Journal, data: st.DataObject
) -> None:
    lines = [encode_record(record) for record in journal]
    place = data.draw(st.integers(0, len(lines) - 2))
    for broken in (
        lines[:place] + lines[place + 1 :],
        lines[: place + 1] + lines[place:],
        [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]],
    ):
        with pytest.raises(Failed):
            decode_journal(b"".join(broken))


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b"null", b"\xff\xfe", b'{"n":1}', b"[" * 5000, b'{"n": NaN}'],
)
def test_lines_that_are_no_records_are_damage(line: bytes) -> None:
    with pytest.raises(Failed):
        decode_journal(line + b"\n")
