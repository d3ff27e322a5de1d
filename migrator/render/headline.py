"""The verdict of a report in one sentence, and the figures beside it: Markdown and HTML say the
same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.model.evidence import PrincipalVerdict, Verdict
from migrator.model.gate import Gate
from migrator.model.plan import AccessChange
from migrator.model.rbac import PermissionRow
from migrator.model.report import Report

WORST_FIRST: tuple[Verdict, ...] = ("failed", "unknown", "partial", "ok")
_SEVERITIES = ("block", "warn", "info")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``Figure("Proven", "12 of 12", "all as demanded", "ok")``. ``tone``: ok, warn,
    bad or plain.
    """

    label: str
    value: str
    detail: str
    tone: str = "plain"


def sentence(report: Report) -> str:
    """What the verdict means, for a person who reads nothing else."""
    text = f"{_means(report)} {_asked(report)}"
    blocking = sum(finding.severity == "block" for finding in report.plan.findings)
    if not blocking:
        return text
    findings = "1 finding" if blocking == 1 else f"{blocking} findings"
    return f"{text} The plan is blocked: {findings} must be decided by a person first."


def _means(report: Report) -> str:
    verdict, verdicts = report.verification.verdict, report.verification.verdicts
    wrong = sum(each.verdict == verdict for each in verdicts)
    who = "1 principal" if wrong == 1 else f"{wrong} principals"
    match verdict:
        case "ok":
            return "The access of every principal is proven."
        case "partial":
            return f"Nothing is wrong, but {who} must be proven more strongly."
        case "failed":
            return f"The access of {who} is not what it was."
        case "unknown" if verdicts:
            return f"Of {who} nothing is known yet."
        case "unknown":
            return "No principal's access was proven."


def _asked(report: Report) -> str:
    """Whether rows still admit any principal, which is what the mode is about."""
    mode = report.verification.mode
    if mode == "API":
        return "aws-auth is not asked any more."
    if mode == "API_AND_CONFIG_MAP":
        return "aws-auth is still asked for principals without an access entry."
    return "The cluster still works by aws-auth alone."


def figures(report: Report) -> tuple[Figure, ...]:
    """The figures under the verdict."""
    return (
        _principals(report),
        _proven(report),
        _access(report),
        _steps(report),
        _gates(report),
        _findings(report),
    )


def _principals(report: Report) -> Figure:
    counts = ", ".join(
        f"{count} {action}" for action, count in report.plan.summary.items() if count
    )
    return Figure("Principals", str(len(report.plan.principals)), counts or "none in aws-auth")


def _proven(report: Report) -> Figure:
    verdicts = report.verification.verdicts
    good = sum(each.verdict == "ok" for each in verdicts)
    rest = count_words(each for each in verdicts if each.verdict != "ok")
    return Figure(
        "Proven",
        f"{good} of {len(verdicts)}",
        rest or "each as its policy demands",
        _tone_of_proof(report, good),
    )


def _tone_of_proof(report: Report, good: int) -> str:
    verdicts = report.verification.verdicts
    if verdicts and good == len(verdicts):
        return "ok"
    if report.verification.verdict == "failed":
        return "bad"
    return "warn"


def count_words(verdicts: Iterable[PrincipalVerdict]) -> str:
    """``2 ok, 1 failed``; empty without principals."""
    found = [each.verdict for each in verdicts]
    return ", ".join(
        f"{found.count(name)} {name}" for name in reversed(WORST_FIRST) if name in found
    )


def _access(report: Report) -> Figure:
    changes = [each.access for each in report.plan.principals]
    gained = sum(map(_gains, changes))
    lost = sum(map(_loses, changes))
    changed = sum(_gains(change) or _loses(change) for change in changes)
    unsure = sum(map(_is_unsure, changes))
    if not changed and not unsure:
        return Figure(
            "Access changed", "0", "by the rules no principal gains or loses access", "ok"
        )
    detail = f"by the rules {gained} gain, {lost} lose"
    if unsure:
        detail += f", {unsure} not known"
    return Figure("Access changed", f"{changed} of {len(changes)}", detail, "warn")


def _gains(change: AccessChange) -> bool:
    return bool(change.log_ins_gained) or _any_known(change.gained)


def _loses(change: AccessChange) -> bool:
    return bool(change.log_ins_lost) or _any_known(change.lost)


def _is_unsure(change: AccessChange) -> bool:
    return any(row.unknown for row in change.gained + change.lost)


def _any_known(rows: Iterable[PermissionRow]) -> bool:
    return any(not row.unknown for row in rows)


def _steps(report: Report) -> Figure:
    status = report.status
    total, done = status.total, status.done
    open_ones = len(status.refused) + len(status.outstanding)
    if not total:
        return Figure("Steps done", "0 of 0", "nothing to do")
    if open_ones:
        detail = f"{open_ones} given up or waiting"
    elif done == total:
        detail = "all"
    else:
        detail = "not finished"
    return Figure("Steps done", f"{done} of {total}", detail, "ok" if done == total else "warn")


def _gates(report: Report) -> Figure:
    gates = report.gates
    if not gates:
        return Figure("Gates open", "none", "not judged here")
    passing = sum(gate.passes for gate in gates)
    waived = sum(_needs_its_waiver(gate) for gate in gates)
    detail = "at the cut-over" if report.gates_at else "now"
    if waived:
        detail += f", {waived} of them waived"
    tone = "ok" if passing == len(gates) else "warn"
    return Figure("Gates open", f"{passing} of {len(gates)}", detail, tone)


def _needs_its_waiver(gate: Gate) -> bool:
    return gate.waived_by is not None and gate.state != "pass"


def _findings(report: Report) -> Figure:
    found = [finding.severity for finding in report.plan.findings]
    counts = []
    for severity in _SEVERITIES:
        if severity in found:
            counts.append(f"{found.count(severity)} {severity}")
    detail = ", ".join(counts) or "nothing to know"
    tone = "bad" if "block" in found else "plain"
    return Figure("Findings", str(len(found)), detail, tone)
