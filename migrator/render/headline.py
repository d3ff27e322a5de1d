"""The verdict of a report in one sentence, and the figures beside it: Markdown and HTML say the
same.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from migrator.model.evidence import PrincipalVerdict, Verdict
from migrator.model.finding import Severity
from migrator.model.gate import Gate
from migrator.model.report import Report
from migrator.render.access_counts import gains, is_unsure, loses

WORST_FIRST: tuple[Verdict, ...] = ("failed", "unknown", "partial", "ok")
_SEVERITIES: tuple[Severity, ...] = ("block", "warn", "info")


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
    text = " ".join(filter(None, (_means(report), _changed_since(report), _asked(report))))
    blocking = sum(finding.severity == "block" for finding in report.plan.findings)
    if not blocking:
        return text
    findings = _counted(blocking, "finding")
    return f"{text} The plan is blocked: {findings} must be decided by a person first."


def _counted(count: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"


def _means(report: Report) -> str:
    """The worst verdict in words, with how many principals have it."""
    verdict, verdicts = report.verification.verdict, report.verification.verdicts
    wrong = sum(each.verdict == verdict for each in verdicts)
    who = _counted(wrong, "principal")
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


def _changed_since(report: Report) -> str:
    """What was changed beside the runs of the plan; empty where nothing was."""
    count = len(_drifted(report))
    if not count:
        return ""
    return f"{_counted(count, 'thing')} changed beside this plan: see drift."


def _drifted(report: Report) -> set[str]:
    """Principals, rows and bindings that another writer changed, and dead entries."""
    return {who for who, _ in (*report.status.changed, *report.status.dead)}


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
        *_drift(report),
        _steps(report),
        _gates(report),
        _findings(report),
    )


def _principals(report: Report) -> Figure:
    """How many principals the plan has, and what is done with them."""
    counts: list[str] = []
    for action, count in report.plan.summary.items():
        if count:
            counts.append(f"{count} {action}")
    detail = ", ".join(counts) or "none in aws-auth"
    return Figure("Principals", str(len(report.plan.principals)), detail)


def _proven(report: Report) -> Figure:
    """How many principals have the verdict ``ok``, and the verdicts of the others."""
    verdicts = report.verification.verdicts
    others = [each for each in verdicts if each.verdict != "ok"]
    good = len(verdicts) - len(others)
    rest = count_words(others)
    return Figure(
        "Proven",
        f"{good} of {len(verdicts)}",
        rest or "each as its policy demands",
        _tone_of_proof(report, good),
    )


def _tone_of_proof(report: Report, good: int) -> str:
    """The tone for ``good`` proven principals: a plan without principals proves nothing."""
    verdicts = report.verification.verdicts
    if verdicts and good == len(verdicts):
        return "ok"
    if report.verification.verdict == "failed":
        return "bad"
    return "warn"


def count_words(verdicts: Iterable[PrincipalVerdict]) -> str:
    """``2 ok, 1 failed``; empty without principals."""
    counts = Counter(each.verdict for each in verdicts)
    words: list[str] = []
    for name in reversed(WORST_FIRST):
        if counts[name]:
            words.append(f"{counts[name]} {name}")
    return ", ".join(words)


def _access(report: Report) -> Figure:
    """How many principals have more or less access by the rules; those whose RBAC was not read are
    counted apart.
    """
    changes = [each.access for each in report.plan.principals]
    gained = lost = changed = unsure = 0
    for change in changes:
        more, less = gains(change), loses(change)
        gained += more
        lost += less
        # One principal may gain and lose.
        changed += more or less
        unsure += is_unsure(change)
    if not changed and not unsure:
        return Figure(
            "Access changed", "0", "by the rules no principal gains or loses access", "ok"
        )
    detail = f"by the rules {gained} gain, {lost} lose"
    if unsure:
        detail += f", {unsure} not known"
    return Figure("Access changed", f"{changed} of {len(changes)}", detail, "warn")


def _drift(report: Report) -> tuple[Figure, ...]:
    """How much differs from what the runs left; no figure where nothing does."""
    drifted = _drifted(report)
    if not drifted:
        return ()
    dead = len({who for who, _ in report.status.dead})
    changed = len(drifted) - dead
    parts = ((changed, "changed by another writer"), (dead, "dead: the principal is another one"))
    detail = ", ".join(f"{count} {words}" for count, words in parts if count)
    return (Figure("Changed since", str(len(drifted)), detail, "bad"),)


def _steps(report: Report) -> Figure:
    """How many steps of the plan are done, and why others are not."""
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
    tone = "warn"
    if done == total:
        tone = "ok"
    return Figure("Steps done", f"{done} of {total}", detail, tone)


def _gates(report: Report) -> Figure:
    """How many gates of the cut-over pass, and how many of them by a waiver."""
    gates = report.gates
    if not gates:
        return Figure("Gates open", "none", "not judged here")
    passing = sum(gate.passes for gate in gates)
    waived = sum(map(_needs_its_waiver, gates))
    detail = "now"
    if report.gates_at:
        detail = "at the cut-over"
    if waived:
        detail += f", {waived} of them waived"
    tone = "warn"
    if passing == len(gates):
        tone = "ok"
    return Figure("Gates open", f"{passing} of {len(gates)}", detail, tone)


def _needs_its_waiver(gate: Gate) -> bool:
    """Whether the gate passes by its waiver alone."""
    if gate.waived_by is None:
        return False
    return gate.state != "pass"


def _findings(report: Report) -> Figure:
    """How many findings the plan has, by severity; one that blocks decides the tone."""
    found = Counter(finding.severity for finding in report.plan.findings)
    counts: list[str] = []
    for severity in _SEVERITIES:
        if found[severity]:
            counts.append(f"{found[severity]} {severity}")
    detail = ", ".join(counts) or "nothing to know"
    tone = "plain"
    if found["block"]:
        tone = "bad"
    return Figure("Findings", str(found.total()), detail, tone)
