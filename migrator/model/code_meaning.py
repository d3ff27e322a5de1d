"""What a code of a finding or of an error means, for people who look it up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """``sort`` is ``finding`` or ``error``; ``weight`` the severity of a finding, or the exit codes
    of an error in words. ``example`` is a command to copy or lines for decisions.yaml, and
    ``reference`` a page; both are empty where there is none. ``evidence`` says how the rule behind
    a finding is known, as ``documented: …``; it is empty for an error.
    """

    code: str
    sort: str
    weight: str
    what: str
    why: str
    remedy: str
    example: str = ""
    reference: str = ""
    evidence: str = ""
