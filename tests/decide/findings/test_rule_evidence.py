"""How the rule behind a finding is known."""

from migrator.decide.findings.findings_catalogue import CATALOGUE, catalogue_markdown
from migrator.decide.findings.rule_evidence import EVIDENCE_MEANS, KNOWN_OTHERWISE, evidence_of


def test_every_kind_says_how_its_rule_is_known() -> None:
    found = {evidence_of(kind) for kind in CATALOGUE.values()}
    assert found == set(EVIDENCE_MEANS)


def test_table_names_kinds_that_exist_and_only_what_their_source_does_not_say() -> None:
    assert KNOWN_OTHERWISE.keys() <= CATALOGUE.keys()
    for code, evidence in KNOWN_OTHERWISE.items():
        assert evidence not in ("documented", "source code"), code


def test_source_says_the_rest() -> None:
    assert evidence_of(CATALOGUE["masters-becomes-policy"]) == "documented"
    assert evidence_of(CATALOGUE["group-template"]) == "source code"
    assert evidence_of(CATALOGUE["row-shadowed"]) == "recorded"


def test_page_of_findings_explains_each_word() -> None:
    page = catalogue_markdown()
    for evidence, means in EVIDENCE_MEANS.items():
        assert f"- *{evidence}*: {means}" in page
        assert f"\nSource ({evidence}): <" in page
