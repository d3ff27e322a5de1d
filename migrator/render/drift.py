"""What changed in a cluster, for people: the terminal, and Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from migrator.model.access_document import EntryNow
from migrator.model.drift import DriftFinding, DriftOutcome
from migrator.render.access import unknown_lines
from migrator.render.entry_diff import differences, policy_scopes
from migrator.render.escape import markdown
from migrator.render.text import MAX_WIDTH, foreign, text_of

Lines = Mapping[tuple[str, str], Sequence[str]]


def with_changes(drift: DriftOutcome) -> DriftOutcome:
    """The outcome with the fields of entries that were added, deleted or changed, in the words of
    the plan's differences.
    """
    findings = [
        each
        if each.changes
        else replace(each, changes=differences(_of_entry(each.was), _of_entry(each.now)))
        for each in drift.findings
    ]
    return replace(drift, findings=tuple(findings))


def _of_entry(entry: EntryNow | None) -> dict[str, Any]:
    """What an entry gives, as the EKS API names it; nothing without an entry."""
    known = entry or EntryNow("none", "")
    return {
        "type": known.type,
        "username": known.username,
        "kubernetesGroups": list(known.kubernetes_groups),
        "accessPolicies": policy_scopes(known.access_policies),
    }


def drift_text(
    drift: DriftOutcome,
    lines: Lines,
    *,
    named: str = "",
    note: str = "",
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """All findings. ``lines``: the commands of each, which are never folded. ``named``: what the
    cluster is called; empty: its name. ``note``: what the commands need, as a sentence.
    """
    parts = [_of(foreign(headline(drift, named), "bold"), width, color=color)]
    if note:
        parts.append(_of(foreign(note, "dim"), width, color=color))
    for finding in drift.findings:
        parts.append(_of(_finding(finding), width, color=color))
        commands = lines.get((finding.code, finding.subject), ())
        parts += [f"  do:  {command}\n" for command in commands]
    rest = [foreign(f"settled: {each.what}", "dim") for each in drift.settled]
    if rest:
        parts.append(_of(Group(Text(""), *rest), width, color=color))
    unknown = [foreign(f"unknown: {line}", "yellow") for line in unknown_lines(drift.unknown)]
    if unknown:
        parts.append(_of(Group(Text(""), *unknown), width, color=color))
    return "".join(parts)


def _of(
    part: RenderableType,
    width: int,
    *,
    color: bool,
) -> str:
    return text_of(part, width=width, color=color)


def headline(
    drift: DriftOutcome,
    named: str = "",
) -> str:
    """How much changed, since when, and compared with what."""
    count = len(drift.findings)
    changed = {0: "nothing", 1: "1 thing"}.get(count, f"{count} things")
    name = named or drift.cluster.name
    said = f"{changed} changed since {drift.taken_at}, by {drift.against}"
    # What was not read may have changed.
    if drift.unknown:
        left = f"not everything is known ({len(drift.unknown)} unknown, {drift.unknown[0].what})"
        said = f"{left}; of what was read, {said}"
    return f"{name}: {said}"


def _finding(finding: DriftFinding) -> Group:
    """What, the fields, and why that matters."""
    return Group(
        Text(""),
        Text.assemble((f"{finding.code}: ", "yellow"), foreign(finding.what)),
        *(Padding(foreign(change), (0, 0, 0, 2)) for change in finding.changes),
        Padding(foreign(f"why: {finding.kind.why}", "dim"), (0, 0, 0, 2)),
    )


def drift_markdown(
    drift: DriftOutcome,
    lines: Lines,
    after: Sequence[str] = (),
    named: str = "",
    note: str = "",
) -> str:
    """All findings for a ticket or an issue; commands are code blocks. ``after``: the commands that
    come after those of the findings. ``named``, ``note``: as those of :func:`drift_text`.
    """
    name = named or drift.cluster.name
    parts = [f"# Drift of {markdown(name)}\n\n{markdown(headline(drift, named))}\n"]
    if note:
        parts.append(f"\n{markdown(note)}\n")
    for finding in drift.findings:
        parts.append(f"\n## {finding.code}: {markdown(finding.what)}\n\n{finding.kind.why}\n")
        if finding.changes:
            parts.append("\n" + "".join(f"- {markdown(each)}\n" for each in finding.changes))
        commands = lines.get((finding.code, finding.subject), ())
        parts += _code(commands)
    if drift.settled:
        parts.append("\n## Settled\n\n")
        parts += [f"- {markdown(each.what)}\n" for each in drift.settled]
    unknown = [*unknown_lines(drift.unknown)]
    if unknown:
        parts.append("\n## Unknown\n\n" + "".join(f"- {markdown(each)}\n" for each in unknown))
    if after:
        parts.append("\n## Then\n")
        parts += _code(after)
    return "".join(parts)


def _code(commands: Sequence[str]) -> Iterator[str]:
    """Commands as one block."""
    if commands:
        yield "\n```sh\n" + "".join(f"{each}\n" for each in commands) + "```\n"
