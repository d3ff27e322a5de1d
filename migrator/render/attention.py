"""What needs a person: each reason once with all that it concerns, and the command to run next. The
report says it first, as HTML and as Markdown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.access_entry import EntrySpec
from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate
from migrator.model.leftover import Leftover
from migrator.model.long_lists import some_of
from migrator.model.outcome import StatusOutcome
from migrator.model.report import Report
from migrator.render.commands_to_settle import (
    PLAN,
    Command,
    command_of_blockers,
    command_of_gate,
    command_of_leftover,
    command_to_go_on,
)
from migrator.render.escape import markdown, markdown_code, shell
from migrator.render.facts import short_arn

Tone: TypeAlias = Literal["bad", "warn"]
Spell: TypeAlias = Callable[[Command], str]
MOST_NAMED = 20
_MANY_REASONS = "no proof that counts yet; the reason is with each principal"
NOTHING = "Nothing needs a person now."
_PROVES = "Let each log in once and leave out --as, or name an AWS profile of each with --as"
_NO_BASELINE = "what each principal may do before the change can be recorded until the apply begins"
# Gates that an apply has to come before.
_AFTER_APPLY = frozenset({"mode", "end-state", "proofs", "second-admin", "rehearsal"})


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
    go_on = command_to_go_on(report.status)
    if report.plan.blocked:
        go_on = command_of_blockers(report.status)
    yield from _open_questions(report)
    yield from _failed(report)
    yield from _unproven(report, go_on)
    yield from _of_principals(report, go_on)
    yield from _of_steps(report, go_on)
    yield from _of_cluster(report)


def _open_questions(report: Report) -> Iterable[_Worry]:
    command = command_of_blockers(report.status)
    for finding in report.plan.findings:
        if finding.severity == "block":
            yield "bad", finding.code, finding.message, finding.principal_arn or "", command


def _failed(report: Report) -> Iterable[_Worry]:
    """What failed is asked again of that principal alone."""
    for verdict in report.verification.verdicts:
        if verdict.verdict == "failed":
            arn = verdict.principal_arn
            yield "bad", "failed", verdict.why, arn, ("verify", PLAN, "--only", arn)


def _unproven(report: Report, go_on: Command) -> Iterable[_Worry]:
    """All principals that wait for a proof, as one thing. Before the entries are made there is
    nothing to verify.
    """
    status = report.status
    waiting = dict(status.outstanding)
    if waiting or status.done >= status.total:
        waiting |= {verdict.principal_arn: verdict.why for verdict in _weak(report)}
    reasons = {*waiting.values()}
    why = reasons.pop() if len(reasons) == 1 else _MANY_REASONS
    stays = _stays(_of_open_run(status))
    command = _that_proves(report, waiting, go_on)
    for arn in waiting:
        yield "warn", "unproven", f"{why}. {_PROVES}{stays}", arn, command


def _of_open_run(status: StatusOutcome) -> list[Leftover]:
    """What the run left that is not at its end: the run itself removes it."""
    if not status.left or not status.run:
        return []
    return [each for each in status.leftovers if each.run == status.run]


def _stays(leftovers: Sequence[Leftover]) -> str:
    """What stays until a run is at its end, as the end of a reason."""
    if not leftovers:
        return ""
    bridges = [each.name for each in leftovers if each.kind == "bridge"]
    named = "".join(f", with cluster-admin: {name}" for name in bridges)
    return f". Until then {len(leftovers)} of the run's own groups and bindings stay{named}"


def _weak(report: Report) -> list[PrincipalVerdict]:
    """Verdicts of principals that were shown too little, or nothing."""
    return [each for each in report.verification.verdicts if each.verdict in ("partial", "unknown")]


def _that_proves(report: Report, waiting: Iterable[str], go_on: Command) -> Command:
    """Apply where it waits for the proof, else verify: with a login of the first principal that one
    proves. Where a new plan has to come first, that.
    """
    if report.plan.blocked or go_on[0] == "plan":
        return go_on
    name = "apply" if report.status.outstanding else "verify"
    entries = {each.principal_arn: each.entry for each in report.plan.principals}
    logins = [arn for arn in waiting if _can_log_in(entries.get(arn))]
    if not logins:
        return name, PLAN
    return name, PLAN, "--as", f"{logins[0]}=PROFILE"


def _can_log_in(entry: EntrySpec | None) -> bool:
    """Entries of other types are of nodes, which no person logs in as."""
    return entry is None or entry.type == "STANDARD"


def _of_principals(report: Report, go_on: Command) -> Iterable[_Worry]:
    """What the status has as pairs of principal and reason."""
    status = report.status
    kinds: tuple[tuple[str, Command, tuple[tuple[str, str], ...]], ...] = (
        ("drift", ("drift", PLAN), (*status.changed, *status.dead)),
        ("given up", go_on, status.refused),
    )
    for what, command, pairs in kinds:
        for arn, why in pairs:
            yield "bad", what, why, arn, command


def _of_steps(report: Report, go_on: Command) -> Iterable[_Worry]:
    """The steps of a plan that could be carried out, and what has to be taken before the first."""
    status = report.status
    # A plan that is rolled back has open steps, and its status ends with 0.
    if report.plan.blocked or not status.exit_code or not _has_open_steps(report):
        return
    # What waits for a proof alone is named with who is unproven.
    if status.outstanding and status.next.startswith("prove "):
        return
    if not status.run and not report.baseline:
        yield "warn", "no baseline", _NO_BASELINE, "", ("verify", PLAN, "--baseline")
    left = f"{status.total - status.done} of {status.total} steps"
    if not status.outstanding:
        left += _stays(_of_open_run(status))
    yield "warn", "steps not done", left, "", go_on


def _has_open_steps(report: Report) -> bool:
    return report.status.done < report.status.total


def _of_cluster(report: Report) -> Iterable[_Worry]:
    """What runs left in the cluster, and what is not known of it."""
    status, cluster = report.status, report.plan.cluster.name
    for (what, command), texts in _leftovers(report).items():
        yield "bad", what, some_of(texts, MOST_NAMED, between="; ", last="; "), "", command
    for text in status.overdue:
        yield "bad", "endpoint open", text, "", ("doctor", cluster, "--close-endpoint")
    for why in status.unknown:
        yield "warn", "not known", why, "", ("doctor", cluster)


def _leftovers(report: Report) -> dict[tuple[str, Command], list[str]]:
    """What runs left, in words: those that one command removes are one thing."""
    status = report.status
    named: list[Leftover] = []
    # The open run's own are named with what keeps it open.
    if status.outstanding or (status.exit_code and not report.plan.blocked):
        named = _of_open_run(status)
    found: dict[tuple[str, Command], list[str]] = {}
    for leftover in status.leftovers:
        if leftover in named:
            continue
        what = "bridge" if leftover.kind == "bridge" else "leftover"
        command = command_of_leftover(leftover, status) or ("status", PLAN)
        found.setdefault((what, command), []).append(leftover.describe(report.plan.cluster.name))
    return found


def _closed_gates(report: Report) -> Iterable[Attention]:
    status = report.status
    for gate in report.gates:
        if gate.passes or _is_told(gate, report):
            continue
        command = command_of_gate(gate, report.plan.cluster.name)
        # What another writer changed is put back by hand, or is planned again.
        if gate.name == "end-state" and (status.changed or status.dead):
            command = "drift", PLAN
        yield Attention("warn", "closed gate", _closed(gate), command, gate=gate.number)


def _is_told(gate: Gate, report: Report) -> bool:
    """Whether what keeps a gate closed is named already: the open questions or steps, or who is not
    proven.
    """
    if gate.name == "plan":
        return report.plan.blocked
    if report.plan.blocked or _has_open_steps(report):
        return gate.name in _AFTER_APPLY or (gate.name == "code" and gate.state == "unknown")
    return gate.name == "proofs" and any(
        each.verdict != "ok" for each in report.verification.verdicts
    )


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
