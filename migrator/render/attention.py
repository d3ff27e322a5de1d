"""What needs a person: each reason once with all that it concerns, and the command to run next. The
report says it first, as HTML and as Markdown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate
from migrator.model.report import Report
from migrator.render.commands_to_settle import (
    PLAN,
    Command,
    command_of_gate,
    command_of_leftover,
    command_of_next,
    command_of_questions,
)
from migrator.render.escape import markdown, markdown_code, shell
from migrator.render.facts import short_arn
from migrator.render.headline import WORST_FIRST

Tone: TypeAlias = Literal["bad", "warn"]
Spell: TypeAlias = Callable[[Command], str]
MOST_NAMED = 20
NOTHING = "Nothing needs a person now."


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should look at. ``who`` are ARNs, ``gate`` the number of a gate or 0,
    ``more`` are not named. ``command``: what is run next, as arguments.
    """

    tone: Tone
    what: str
    why: str
    command: Command
    who: tuple[str, ...] = ()
    more: int = 0
    gate: int = 0


def spelled(command: Command) -> str:
    """A command as a line to copy, where the plan's file is not known: ``PLAN`` is its place."""
    return " ".join(("migrate", *map(shell, command)))


def attention_of(report: Report) -> tuple[Attention, ...]:
    """Everything that needs a person, in the order in which it is looked at."""
    found: dict[tuple[Tone, str, str, Command], list[str]] = {}
    for tone, what, why, arn, command in _worries(report):
        names = found.setdefault((tone, what, why, command), [])
        if arn and arn not in names:
            names.append(arn)
    items: list[Attention] = []
    for (tone, what, why, command), arns in found.items():
        more = max(len(arns) - MOST_NAMED, 0)
        items.append(Attention(tone, what, why, command, tuple(arns[:MOST_NAMED]), more))
    return (*items, *_closed_gates(report))


_Worry: TypeAlias = tuple[Tone, str, str, str, Command]


def _worries(report: Report) -> Iterable[_Worry]:
    """``(tone, what, why, ARN, command)``."""
    go_on = command_of_next(report.status.next) or ("apply", PLAN)
    yield from _open_questions(report)
    yield from _weak_verdicts(report, go_on)
    yield from _of_principals(report, go_on)
    yield from _of_steps(report, go_on)
    yield from _of_cluster(report)


def _open_questions(report: Report) -> Iterable[_Worry]:
    command = command_of_questions(report.plan.cluster.name)
    for finding in report.plan.findings:
        if finding.severity == "block":
            yield "bad", finding.code, finding.message, finding.principal_arn or "", command


def _of_principals(report: Report, go_on: Command) -> Iterable[_Worry]:
    """What the status has as pairs of principal and reason."""
    status = report.status
    kinds: tuple[tuple[Tone, str, Command, tuple[tuple[str, str], ...]], ...] = (
        ("bad", "drift", ("drift", PLAN), (*status.changed, *status.dead)),
        ("bad", "given up", go_on, status.refused),
        ("warn", "proof outstanding", go_on, status.outstanding),
    )
    for tone, what, command, pairs in kinds:
        for arn, why in pairs:
            yield tone, what, why, arn, command


def _of_steps(report: Report, go_on: Command) -> Iterable[_Worry]:
    """The steps of a plan that could be carried out."""
    status = report.status
    left = status.total - status.done
    if left > 0 and not report.plan.blocked:
        yield "warn", "steps not done", f"{left} of {status.total} steps", "", go_on


def _of_cluster(report: Report) -> Iterable[_Worry]:
    """What runs left in the cluster, and what is not known of it."""
    status, cluster = report.status, report.plan.cluster.name
    for leftover in status.leftovers:
        what = "bridge" if leftover.kind == "bridge" else "leftover"
        command = command_of_leftover(leftover, status) or ("status", PLAN)
        yield "bad", what, leftover.describe(cluster), "", command
    for text in status.overdue:
        yield "bad", "endpoint open", text, "", ("doctor", cluster, "--close-endpoint")
    for why in status.unknown:
        yield "warn", "not known", why, "", ("doctor", cluster)


def _weak_verdicts(report: Report, go_on: Command) -> Iterable[_Worry]:
    """The verdicts that are not ok, the worst first. Before the entries are made there is nothing
    to verify: then the plan is carried out.
    """
    made = report.status.done >= report.status.total
    command = ("verify", PLAN) if made else go_on
    for judged in WORST_FIRST[:-1]:
        tone: Tone = "bad" if judged == "failed" else "warn"
        for verdict in report.verification.verdicts:
            if verdict.verdict == judged:
                yield tone, judged, verdict.why, verdict.principal_arn, _look_at(verdict, command)


def _look_at(verdict: PrincipalVerdict, command: Command) -> Command:
    """What failed is asked again of that principal alone."""
    if verdict.verdict != "failed":
        return command
    return ("verify", PLAN, "--only", verdict.principal_arn)


def _closed_gates(report: Report) -> Iterable[Attention]:
    for gate in report.gates:
        if not gate.passes:
            command = command_of_gate(gate, report.plan.cluster.name)
            yield Attention("warn", "closed gate", _closed(gate), command, gate=gate.number)


def _closed(gate: Gate) -> str:
    """Which gate is closed, and why."""
    said = f"{gate.number} {gate.name}, {gate.state}"
    if not gate.detail:
        return said
    return f"{said}: {gate.detail}"


def attention_markdown(report: Report, spell: Spell = spelled) -> str:
    """The section, with one command to copy for each item."""
    items = attention_of(report)
    if not items:
        return f"## Needs attention\n\n{NOTHING}\n"
    return "## Needs attention\n\n" + "".join(_item(each, report, spell) for each in items)


def _item(item: Attention, report: Report, spell: Spell) -> str:
    who = ", ".join(markdown(short_arn(arn, report.plan)) for arn in item.who)
    if item.more:
        who += f" and {item.more} more"
    named = f" ({who})" if who else ""
    text = f"- **{markdown(item.what)}**: {markdown(item.why)}{named}\n"
    return f"{text}  - {markdown_code(spell(item.command))}\n"


def anchors_of(item: Attention, places: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """``(anchor, name)`` of what an item concerns; the anchor is empty where the page has no place
    for it.
    """
    if item.gate:
        return [(f"g{item.gate}", "the gate")]
    return [places.get(arn, ("", arn)) for arn in item.who]
