"""One principal of a report in full: row and line, before, after, proof, findings; values for the
HTML template.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.evidence import Evidence, PrincipalVerdict, ProbeResult
from migrator.model.finding import Finding
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest
from migrator.model.report import Report
from migrator.model.step import ProofClass
from migrator.render.facts import (
    Fact,
    access_questions,
    after_facts,
    before_facts,
    is_link,
    place,
    place_of,
    short_arn,
)

Judged: TypeAlias = Literal["ok", "partial", "failed", "unknown", "skipped"]
# What each class of proof means, for people who see the word for the first time.
PROOF_MEANS: Mapping[ProofClass, str] = {
    "live": "logged in as this principal with a fresh token, asked who it is and what it may do",
    "observed": "seen in the cluster: nodes that renewed their leases by new tokens, or logins in "
    "its logs",
    "simulated": "not seen: the rules were evaluated, and give the same",
    "attested": "a named person vouches for it",
    "unverified": "nothing shows it",
}


@dataclass(frozen=True, slots=True)
class Name:
    """A principal's name in parts, so that the part that tells it from others stands out."""

    account: str
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Login:
    """Who a login was, as the API server said."""

    username: str
    groups: tuple[str, ...]
    at: str


@dataclass(frozen=True, slots=True)
class FindingCard:
    """A finding; ``link`` is empty unless its reference is a plain https address."""

    severity: str
    code: str
    message: str
    remedy: str
    where: str
    link: str


@dataclass(frozen=True, slots=True)
class Question:
    """A probe: what was asked, the answer, whether it is right, and the authorizer's reason."""

    words: str
    allowed: bool
    right: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A difference of access, and the command that asks for it; empty where there is none."""

    words: str
    command: str


@dataclass(frozen=True, slots=True)
class Card:
    """A principal as the report shows it. ``anchor`` is its id in the page."""

    anchor: str
    arn: str
    name: Name
    action: str
    judged: Judged
    proof_class: str
    means: str
    required: str
    why: str
    places: tuple[str, ...]
    before: tuple[Fact, ...]
    after: tuple[Fact, ...]
    was: Login | None
    is_now: Login | None
    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    notes: tuple[FindingCard, ...]
    questions: tuple[Question, ...]


def cards(report: Report) -> tuple[Card, ...]:
    """All principals in the plan's order, which is that of their rows."""
    plan = report.plan
    verdicts = {each.principal_arn: each for each in report.verification.verdicts}
    notes = _notes_by_principal(report)
    lines = {**plan.lines, **report.lines}
    return tuple(
        _card(
            f"p{number}",
            principal,
            report,
            verdict=verdicts.get(principal.principal_arn),
            notes=notes.get(principal.principal_arn, ()),
            lines=lines,
        )
        for number, principal in enumerate(plan.principals, start=1)
    )


def _card(
    anchor: str,
    principal: PlannedPrincipal,
    report: Report,
    *,
    verdict: PrincipalVerdict | None,
    notes: Iterable[FindingCard],
    lines: Mapping[str, int],
) -> Card:
    """One principal with everything that the report knows of it. ``verdict`` is None where none was
    made; ``lines`` are those of the rows.
    """
    evidence = None
    if verdict is not None:
        evidence = verdict.evidence
    probes = evidence.probes if evidence is not None else ()
    baseline = report.baseline.get(principal.principal_arn)
    return Card(
        anchor=anchor,
        arn=principal.principal_arn,
        name=name_of(short_arn(principal.principal_arn, report.plan)),
        action=principal.action,
        judged=_judged(principal, verdict),
        proof_class="" if verdict is None else verdict.proof_class,
        means="" if verdict is None else PROOF_MEANS[verdict.proof_class],
        required=principal.required_proof if verdict is None else verdict.required,
        why=_why(principal, verdict),
        places=tuple(place(source, lines) for source in principal.sources),
        before=before_facts(principal.before),
        after=after_facts(principal),
        was=_login(baseline),
        is_now=_login(evidence),
        gained=_changes(principal, "gains"),
        lost=_changes(principal, "loses"),
        notes=tuple(notes),
        questions=tuple(map(_question, probes)),
    )


def _changes(principal: PlannedPrincipal, label: str) -> tuple[Change, ...]:
    """The differences with this label, each with the command that asks for it."""
    return tuple(
        Change(words, command)
        for which, words, command in access_questions(principal.access)
        if which == label
    )


def name_of(short: str) -> Name:
    """``111122223333:role/teams/data/analyst`` as account, path (``role/teams/data/``) and name."""
    account, colon, rest = short.partition(":")
    if not colon:
        return Name("", "", short)
    path, slash, name = rest.rpartition("/")
    return Name(account, f"{path}{slash}", name)


def _judged(principal: PlannedPrincipal, verdict: PrincipalVerdict | None) -> Judged:
    """The verdict as the page filters by it: a principal that is left out has none."""
    if verdict is not None:
        return verdict.verdict
    if principal.action == "skip":
        return "skipped"
    return "unknown"


def _why(principal: PlannedPrincipal, verdict: PrincipalVerdict | None) -> str:
    """Why the verdict is what it is, for people."""
    if verdict is not None:
        return verdict.why
    if principal.action == "skip":
        return "nothing is migrated, so there is nothing to prove"
    return "nothing was shown"


def _login(evidence: Evidence | None) -> Login | None:
    """The login that a piece of evidence shows; None where it is no login."""
    if evidence is None or evidence.subject is None:
        return None
    return Login(evidence.subject.username, evidence.subject.groups, evidence.at)


def _question(result: ProbeResult) -> Question:
    """A probe with the API server's answer; one that the plan announces says so."""
    said = ""
    if result.probe.announced:
        said = f" (announced as {result.probe.announced})"
    return Question(
        f"{request_words(result.probe.request)}{said}", result.allowed, result.right, result.reason
    )


def request_words(request: AccessRequest) -> str:
    """``create pods/exec in namespace shop``, ``get /healthz``."""
    if request.path is not None:
        return f"{request.verb} {request.path}"
    thing = request.resource
    if request.api_group:
        thing += f".{request.api_group}"
    if request.subresource:
        thing += f"/{request.subresource}"
    if request.name:
        thing += f" {request.name}"
    if request.namespace is None:
        return f"{request.verb} {thing} in the whole cluster"
    return f"{request.verb} {thing} in namespace {request.namespace}"


def _notes_by_principal(report: Report) -> dict[str | None, list[FindingCard]]:
    """Every finding at exactly one place: at its principal, at the principal of its row, or at the
    cluster (None).
    """
    planned = {each.principal_arn for each in report.plan.principals}
    by_row: dict[str, str] = {}
    for principal in report.plan.principals:
        by_row.update(dict.fromkeys(principal.sources, principal.principal_arn))
    found: dict[str | None, list[FindingCard]] = {}
    for finding in _sorted(report.plan.findings):
        owner = finding.principal_arn
        if owner not in planned:
            owner = by_row.get(finding.source or "")
        found.setdefault(owner, []).append(note_of(finding, report, about_cluster=owner is None))
    return found


def cluster_notes(report: Report) -> tuple[FindingCard, ...]:
    """The findings that are about no principal of the plan."""
    return tuple(_notes_by_principal(report).get(None, ()))


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, those that block first."""
    return sorted(findings, key=lambda finding: ("block", "warn", "info").index(finding.severity))


def note_of(finding: Finding, report: Report, *, about_cluster: bool) -> FindingCard:
    """A finding as a note; it names its principal only where the note is not shown next to it."""
    where: list[str] = []
    if finding.source is not None:
        where.append(place_of(finding.source, finding.line))
    if about_cluster and finding.principal_arn is not None:
        where.append(short_arn(finding.principal_arn, report.plan))
    return FindingCard(
        finding.severity,
        finding.code,
        finding.message,
        finding.remedy,
        ", ".join(where),
        finding.reference if is_link(finding.reference) else "",
    )
