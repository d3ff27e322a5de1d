"""The note for a SOC as a document, as text, and as Markdown. The report's HTML is written from the
same words.
"""

from collections.abc import Iterable
from typing import Any

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

FORMAT = "migrator/security-note/v1"
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


def security_document(note: SecurityNote) -> dict[str, Any]:
    """The whole note as JSON-like data."""
    return {
        "format": FORMAT,
        "clusterArn": note.cluster_arn,
        "planDigest": note.plan_digest,
        "sessionNames": list(SESSION_NAMES),
        "userAgent": USER_AGENT,
        "sourceAddress": note.source,
        "runs": [_run_document(run) for run in note.runs],
        "calls": [_call_document(call) for call in note.calls],
        "detections": [_detection_document(each) for each in note.detections],
    }


def _run_document(run: NotedRun) -> dict[str, Any]:
    return {
        "run": run.run,
        "command": run.command,
        "caller": run.caller,
        "from": run.since,
        "to": run.until,
        "ended": run.ended,
    }


def _call_document(call: NotedCall) -> dict[str, Any]:
    return {
        "command": call.command,
        "log": call.log,
        "effect": call.effect,
        "call": call.call,
        "detail": call.detail,
        "on": list(call.on),
        "count": call.count,
        "made": call.made,
        "when": call.when,
        "detections": list(call.detections),
    }


def _detection_document(detection: Detection) -> dict[str, Any]:
    return {
        "publisher": detection.publisher,
        "name": detection.name,
        "source": detection.source,
        "condition": detection.condition,
    }


def source_words(note: SecurityNote) -> str:
    """Where the calls come from."""
    if note.source is None:
        return f"Source: {UNKNOWN_SOURCE}."
    return f"Source: {note.source}."


def writes_of_commands(note: SecurityNote) -> tuple[tuple[str, Log, str], ...]:
    """``(command, log, calls in words)`` of the calls that change something, in the order of a
    migration. Those that are not counted stand together by their condition.
    """
    found: dict[tuple[str, Log, str], list[NotedCall]] = {}
    for place, call in enumerate(note.calls):
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


def quiet_calls(note: SecurityNote) -> tuple[tuple[str, str], ...]:
    """``(what they are, names)`` of the calls that change no access, of all commands together.
    Reads that depend on the cluster are in the document only.
    """
    return tuple((label, ", ".join(_names(note, effect))) for label, effect in _QUIET)


def _names(note: SecurityNote, effect: Effect) -> Iterable[str]:
    calls = [call for call in note.calls if call.effect == effect]
    return sorted({call.call for call in calls if effect != "read" or not call.when})


def run_words(run: NotedRun) -> str:
    """Who ran what, from when to when."""
    end = "without an end; last record"
    if run.ended:
        end = "to"
    return f"{run.command} by {run.caller}, {run.since} {end} {run.until}"


def detection_words(note: SecurityNote, detection: Detection) -> str:
    """The calls that a detection watches, and what it asks for besides."""
    calls = sorted({call.call for call in note.calls if detection.name in call.detections})
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
    for command, log, words in writes_of_commands(note):
        parts.append(_inside(foreign(f"{command}, {log}: {words}"), 4))
    parts += [_inside(Text(f"{label}: {names}.")) for label, names in quiet_calls(note)]
    parts.append(_inside(Text("Published detections that watch these calls", style="bold")))
    for each in note.detections:
        parts.append(_inside(Text(f"{each.publisher}: {each.name}"), 4))
        parts.append(_inside(Text(detection_words(note, each), style="dim"), 6))
        parts.append(_inside(Text(each.source, style="dim", overflow="fold"), 6))
    parts.append(_inside(Text(NOT_WATCHED)))
    return text_of(Group(*parts), width=width, color=color)


def _inside(text: Text, indent: int = 2) -> RenderableType:
    return Padding(text, (0, 0, 0, indent))


def security_markdown(note: SecurityNote) -> str:
    """The note as a section of Markdown."""
    runs = "".join(f"- {markdown_code(run_words(run))}\n" for run in note.runs)
    rows = "".join(
        f"| {command} | {log} | {markdown_code(words, cell=True)} |\n"
        for command, log, words in writes_of_commands(note)
    )
    quiet = "".join(f"- {label}: {markdown_code(names)}\n" for label, names in quiet_calls(note))
    watching = "".join(
        f"| {each.publisher} | [{markdown(each.name)}]({each.source}) | "
        f"{markdown_code(detection_words(note, each), cell=True)} |\n"
        for each in note.detections
    )
    return (
        f"## Note for the SOC\n\n{markdown(SESSIONS)} {markdown(source_words(note))}\n\n"
        f"{runs or markdown(NOT_RUN) + chr(10)}\n"
        f"| Command | Log | Calls that change something |\n|---|---|---|\n{rows}\n{quiet}\n"
        f"Published detections that watch these calls:\n\n"
        f"| Publisher | Detection | Calls |\n|---|---|---|\n{watching}\n{markdown(NOT_WATCHED)}\n"
    )
