"""The note for a SOC as text and as Markdown. HTML is written from the same words."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from migrator.model.security_note import (
    SESSION_NAMES,
    UNKNOWN_SOURCE,
    USER_AGENT,
    Detection,
    Effect,
    Log,
    NotedCall,
    NotedRun,
    SecurityNote,
)
from migrator.render.escape import markdown, markdown_code
from migrator.render.text import MAX_WIDTH, foreign, text_of

SESSIONS = (
    f"The caller's own session. A role that a run assumes has the session name {SESSION_NAMES[0]}, "
    f"in a fleet {SESSION_NAMES[1]}. The user agent holds {USER_AGENT}."
)
NOT_RUN = "No run is known here. `migrate report` has the times of the journal."
NOT_WATCHED = (
    "No call gives access to system:anonymous or system:unauthenticated (GuardDuty "
    "Policy:Kubernetes/AnonymousAccessGranted). No published rule for a change of the "
    "authentication mode is known."
)
_QUIET: tuple[tuple[str, Effect], ...] = (
    ("Log-ins, by which access is proven", "log-in"),
    ("Lock of the cluster", "lock"),
    ("Reads (those with a condition: migrate show --security-note --output json)", "read"),
)


def source_words(note: SecurityNote) -> str:
    """Where the calls come from."""
    if note.source is None:
        return f"Source: {UNKNOWN_SOURCE}."
    return f"Source: {note.source}."


def writes_of_commands(noted: Sequence[NotedCall]) -> tuple[tuple[str, Log, str], ...]:
    """``(command, log, calls in words)`` of the calls that change something, in the order of a
    migration. Those that are not counted stand together by their condition.
    """
    found: dict[tuple[str, Log, str], list[NotedCall]] = {}
    for place, call in enumerate(noted):
        if call.effect == "write":
            alone = call.when
            # A number belongs to one call.
            if call.count is not None:
                alone = f"call {place}"
            found.setdefault((call.command, call.log, alone), []).append(call)
    return tuple((key[0], key[1], _calls_words(calls)) for key, calls in found.items())


def _calls_words(calls: list[NotedCall]) -> str:
    """Calls of one condition: how often each is made, its detail, and what the journal shows."""
    words = ", ".join(map(_call_words, calls))
    if calls[0].when:
        words += f" ({calls[0].when})"
    return words


def _call_words(call: NotedCall) -> str:
    """One call, with its number where there is one."""
    words = f"{call.call} {call.detail}".strip()
    if call.count is not None:
        words = f"{call.count} x {words}"
    if call.made is not None:
        words += f", made: {call.made}"
    return words


def quiet_calls(noted: Sequence[NotedCall]) -> tuple[tuple[str, str], ...]:
    """``(what they are, names)`` of the calls that change no access, of all commands together.
    Reads that depend on the cluster are in the document only.
    """
    return tuple((label, ", ".join(_names(noted, effect))) for label, effect in _QUIET)


def _names(noted: Sequence[NotedCall], effect: Effect) -> Iterable[str]:
    calls = [call for call in noted if call.effect == effect]
    return sorted({call.call for call in calls if effect != "read" or not call.when})


def run_words(run: NotedRun) -> str:
    """Who ran what, from when to when."""
    end = "without an end; last record"
    if run.ended:
        end = "to"
    return f"{run.command} by {run.caller}, {run.since} {end} {run.until}"


def detection_words(noted: Sequence[NotedCall], detection: Detection) -> str:
    """The calls that a detection watches, and what it asks for besides."""
    calls = sorted({call.call for call in noted if detection.name in call.detections})
    words = ", ".join(calls)
    if detection.condition:
        words += f"; {detection.condition}"
    return words


def security_text(note: SecurityNote, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """The note for a terminal."""
    parts: list[RenderableType] = [
        Text("NOTE FOR THE SOC", style="bold"),
        _inside(Text(SESSIONS)),
        _inside(foreign(source_words(note))),
    ]
    parts += [_inside(foreign(run_words(run))) for run in note.runs]
    if not note.runs:
        parts.append(_inside(Text(NOT_RUN)))
    parts.append(_inside(Text("Calls that change something", style="bold")))
    for command, log, words in writes_of_commands(note.calls):
        parts.append(_inside(foreign(f"{command}, {log}: {words}"), 4))
    parts += [_inside(Text(f"{label}: {names}.")) for label, names in quiet_calls(note.calls)]
    parts.append(_inside(Text("Published detections that watch these calls", style="bold")))
    for each in note.detections:
        parts.append(_inside(Text(f"{each.publisher}: {each.name}"), 4))
        parts.append(_inside(Text(detection_words(note.calls, each), style="dim"), 6))
        parts.append(_inside(Text(each.source, style="dim", overflow="fold"), 6))
    parts.append(_inside(Text(NOT_WATCHED)))
    return text_of(Group(*parts), width=width, color=color)


def calls_values(noted: Sequence[NotedCall], detections: Iterable[Detection]) -> dict[str, object]:
    """Sessions, calls and detections in words, for the template that shows them in HTML."""
    return {
        "sessions": SESSIONS,
        "not_watched": NOT_WATCHED,
        "writes": writes_of_commands(noted),
        "quiet": quiet_calls(noted),
        "detections": [(each, detection_words(noted, each)) for each in detections],
    }


def _inside(text: Text, indent: int = 2) -> RenderableType:
    return Padding(text, (0, 0, 0, indent))


def security_markdown(note: SecurityNote) -> str:
    """The note as a section of Markdown."""
    runs = "".join(f"- {markdown_code(run_words(run))}\n" for run in note.runs)
    return (
        f"## Note for the SOC\n\n{markdown(SESSIONS)} {markdown(source_words(note))}\n\n"
        f"{runs or markdown(NOT_RUN) + chr(10)}\n{calls_markdown(note.calls, note.detections)}"
    )


def calls_markdown(
    noted: Sequence[NotedCall], detections: Iterable[Detection], *, most: int | None = None
) -> str:
    """The calls, and the published detections that watch them, as tables. ``most``: rows of the
    table of calls; None: all.
    """
    lines = [
        f"| {command} | {log} | {markdown_code(words, cell=True)} |\n"
        for command, log, words in writes_of_commands(noted)
    ]
    rows = "".join(lines[:most])
    if len(lines[:most]) < len(lines):
        rows += f"\n{len(lines) - len(lines[:most]):,} more are in the JSON form.\n"
    quiet = "".join(f"- {label}: {markdown_code(names)}\n" for label, names in quiet_calls(noted))
    watching = "".join(
        f"| {each.publisher} | [{markdown(each.name)}]({each.source}) | "
        f"{markdown_code(detection_words(noted, each), cell=True)} |\n"
        for each in detections
    )
    return (
        f"| Command | Log | Calls that change something |\n|---|---|---|\n{rows}\n{quiet}\n"
        f"Published detections that watch these calls:\n\n"
        f"| Publisher | Detection | Calls |\n|---|---|---|\n{watching}\n{markdown(NOT_WATCHED)}\n"
    )
