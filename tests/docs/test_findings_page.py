"""reference/findings.md is generated from the catalogue. ``UPDATE_GOLDEN=1`` writes it."""

from pathlib import Path

from migrator.decide.findings.findings_catalogue import CATALOGUE, catalogue_markdown
from tests.support.golden import assert_golden

PAGE = Path(__file__).parents[2] / "playbooks" / "reference" / "findings.md"


def test_the_findings_page_is_the_catalogue() -> None:
    assert_golden(PAGE, catalogue_markdown().encode())


def test_every_code_has_a_place_on_the_page() -> None:
    text = catalogue_markdown()
    assert all(f"`{code}`" in text or f"## {code}" in text for code in CATALOGUE)
