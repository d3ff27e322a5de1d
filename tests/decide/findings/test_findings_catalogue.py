"""The catalogue of findings: every code explained, none made up."""

import re
from pathlib import Path

import pytest

from migrator.decide.findings.findings_catalogue import (
    CATALOGUE,
    accounts_for,
    catalogue_markdown,
    make_finding,
)

SOURCES = sorted(
    path for path in Path("migrator/decide").rglob("*.py") if "finding_kinds" not in path.parts
)
NAMED_CODE = re.compile(
    r'(?:DraftFinding|make_finding|_cannot|self\.note|self\.block|role\.block)\(\s*"([a-z0-9-]+)"'
)


def test_every_code_says_what_why_and_what_to_do_with_a_reference() -> None:
    for code, kind in CATALOGUE.items():
        assert code == kind.code
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert all(text.endswith(".") for text in (kind.what, kind.why, kind.remedy)), code
        assert kind.reference.startswith("https://"), code


def test_code_that_is_not_in_the_catalogue_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        make_finding("made-up", "x")


def test_codes_written_in_decisions_are_all_in_the_catalogue() -> None:
    used = {code for path in SOURCES for code in NAMED_CODE.findall(path.read_text())}
    assert len(used) > 50
    assert used <= CATALOGUE.keys()


def test_every_code_of_the_catalogue_is_used() -> None:
    text = "".join(path.read_text() for path in SOURCES)
    assert [code for code in CATALOGUE if f'"{code}"' not in text] == []


def test_finding_takes_severity_remedy_and_reference_from_its_kind_unless_given() -> None:
    made, kind = (
        make_finding("row-shadowed", "x", source="mapRoles[0]", line=3),
        CATALOGUE["row-shadowed"],
    )
    assert (made.severity, made.remedy, made.reference) == (
        kind.severity,
        kind.remedy,
        kind.reference,
    )
    assert make_finding("row-shadowed", "x", severity="info", remedy="r").remedy == "r"


def test_differences_are_accounted_for_by_the_codes_that_say_so() -> None:
    assert accounts_for(["grants-nothing", "loss-accepted"], "loss")
    assert not accounts_for(["loss-accepted"], "gain")
    assert not accounts_for([], "loss")


def test_page_of_findings_has_every_code() -> None:
    page = catalogue_markdown()
    assert re.findall(r"^## `(.+)`$", page, re.M) == sorted(CATALOGUE)
