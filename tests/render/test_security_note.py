"""The note for a SOC in every form: the same calls, sessions, detections; foreign text is text."""

import json
from dataclasses import replace
from pathlib import Path

from jsonschema import Draft202012Validator
from rich.cells import cell_len

from migrator.decide.reach.security_note import security_note
from migrator.model.files.security_note import security_note_document, security_note_schema
from migrator.model.security_note import SESSION_NAMES, USER_AGENT, NotedRun, SecurityNote
from migrator.render.html import report_html
from migrator.render.report import report_markdown
from migrator.render.security_note import security_markdown, security_text
from tests.support.golden import assert_golden
from tests.support.plans import company
from tests.support.reports import DIGEST, good, journal_of

_GOLDEN = Path(__file__).parent / "security_note"
_EVIL = "arn:aws:sts::1:assumed-role/x/`|<b>\x1b[31m\u202e"


def _note(**changes: object) -> SecurityNote:
    planned = company()
    note = security_note(planned, DIGEST, journal=journal_of(planned), source="203.0.113.10")
    return replace(note, **changes)  # type: ignore[arg-type]


def test_the_forms_are_as_they_were_reviewed() -> None:
    whole = _note()
    # Reads are the stated permissions, which the story of every command is compared with.
    note = replace(whole, calls=tuple(each for each in whole.calls if each.effect != "read"))
    document = json.dumps(security_note_document(note), indent=2) + "\n"
    assert_golden(_GOLDEN / "note.json", document.encode())
    assert_golden(_GOLDEN / "note.txt", security_text(note).encode())
    assert_golden(_GOLDEN / "note.md", security_markdown(note).encode())


def test_every_note_is_a_document_of_the_published_schema() -> None:
    hostile = NotedRun("r", "apply", _EVIL, "2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z", True)
    for note in (_note(), _note(source=None, runs=()), _note(runs=(hostile,))):
        document = json.loads(json.dumps(security_note_document(note)))
        Draft202012Validator(security_note_schema()).validate(document)
        assert len(document["calls"]) == len(note.calls)


def test_every_form_says_session_source_time_and_detections() -> None:
    note = _note()
    report = replace(good(), security_note=note)
    for form in (security_text(note), security_markdown(note), report_html(report)):
        flat = " ".join(form.replace("\\", "").split())
        said = [SESSION_NAMES[0], USER_AGENT, "203.0.113.10", "eks:CreateAccessEntry"]
        said += [note.runs[0].command, *(each.source for each in note.detections)]
        for text in said:
            assert text.replace(" ", "") in flat.replace(" ", ""), text


def test_a_source_that_is_not_known_is_said_so() -> None:
    note = _note(source=None)
    assert "the machine that runs migrate" in security_text(note)
    assert security_note_document(note)["sourceAddress"] is None


def test_the_terminal_form_is_never_wider_than_100_columns() -> None:
    assert all(cell_len(line) <= 100 for line in security_text(_note()).splitlines())
    assert all(cell_len(line) <= 60 for line in security_text(_note(), width=60).splitlines())


def test_text_of_a_caller_is_text_in_every_form() -> None:
    run = NotedRun("r", "apply", _EVIL, "2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z", True)
    note = _note(runs=(run,))
    for form in (security_text(note), security_markdown(note)):
        assert all(char == "\n" or char.isprintable() for char in form)
    section = report_html(replace(good(), security_note=note)).partition('id="soc"')[2]
    assert "<b>" not in section.partition("</section>")[0]


def test_a_report_without_a_note_has_no_section_for_it() -> None:
    assert 'id="soc"' not in report_html(good())
    assert "SOC" not in report_markdown(good())
