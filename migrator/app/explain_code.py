"""What the code of a finding or of an error means."""

from collections.abc import Iterator

from migrator.errors import WrongUse
from migrator.model.code_meaning import CodeMeaning

_NEAR = 3  # codes that an unknown one may mean


def explain_code(code: str) -> tuple[CodeMeaning, ...]:
    """The meanings of a code: some are codes of a finding and of an error.

    Raises ``WrongUse`` ``code-unknown``, which names the codes that are nearest.
    """
    found = tuple(_meanings(code.strip().strip("[]`").lower()))
    if not found:
        raise _unknown(code)
    return found


def all_codes() -> tuple[str, ...]:
    """The codes of findings and errors, in the order of the alphabet."""
    from migrator.decide.findings.findings_catalogue import CATALOGUE
    from migrator.model.error_catalogue import ERRORS

    return tuple(sorted({*CATALOGUE, *ERRORS}))


def _meanings(code: str) -> Iterator[CodeMeaning]:
    from migrator.decide.findings.findings_catalogue import CATALOGUE
    from migrator.decide.findings.rule_evidence import EVIDENCE_MEANS, evidence_of
    from migrator.model.error_catalogue import ERRORS

    finding, error = CATALOGUE.get(code), ERRORS.get(code)
    if finding is not None:
        evidence = evidence_of(finding)
        yield CodeMeaning(
            code,
            "finding",
            finding.severity,
            finding.what,
            finding.why,
            finding.remedy,
            _example(code),
            finding.reference,
            f"{evidence}: {EVIDENCE_MEANS[evidence]}",
        )
    if error is not None:
        exits = "exit code " + " or ".join(map(str, error.exit_codes))
        yield CodeMeaning(
            code,
            "error",
            exits,
            error.what,
            error.why,
            error.remedy,
            error.example,
        )


def _example(code: str) -> str:
    """The first answer of decisions.yaml that lifts a finding; empty where no answer does."""
    from migrator.decide.planning.stubs import example_of
    from migrator.model.files.yaml_text import yaml_lines

    sections: dict[str, dict[str, object]] = {}
    for stub in example_of(code):
        if stub.key is None:
            return "\n".join(yaml_lines({stub.section: stub.answer}))
        sections.setdefault(stub.section, {})[stub.key] = stub.answer
    return "\n".join(yaml_lines(sections)) if sections else ""


def _unknown(code: str) -> WrongUse:
    from difflib import get_close_matches

    from migrator.decide.findings.findings_catalogue import CATALOGUE
    from migrator.model.error_catalogue import ERRORS

    near = get_close_matches(code.lower(), sorted({*CATALOGUE, *ERRORS}), _NEAR, 0.4)
    why = f"Nearest: {', '.join(near)}." if near else "No code is like it."
    return WrongUse(
        "code-unknown",
        f"There is no finding and no error with the code {code!r}.",
        why=why,
        remedy=f"migrate explain {near[0]}"
        if near
        else "All codes are in playbooks/reference/findings.md and playbooks/reference/errors.md.",
    )
