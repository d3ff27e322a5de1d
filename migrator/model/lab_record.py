"""What a lab leaves in its folder: how it is reached while it runs, and a note when it has stopped.

Commands that cannot reach a lab read both, so that they can say since when it is down.
"""

from collections.abc import Mapping
from typing import Any

from migrator.errors import Failed

STATE_FILE = "lab.json"  # while it runs
NOTE_FILE = "down.json"  # afterwards
NOTE_FORMAT = "migrator/lab-down/v1"
DIRECTORY_VARIABLE = "MIGRATE_LAB_DIR"
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
UP = "migrate lab up --detach"
_USE = 'eval "$(migrate lab env)"'
LEAVE = 'to leave it, run: eval "$(migrate lab env --unset)"'


def down_note(state: Mapping[str, Any], stopped_at: str) -> dict[str, Any]:
    """The note that a lab leaves when it stops.

    ``state`` is the content of its state file, ``stopped_at`` machine time in ISO 8601.
    """
    kept = ("endpoint", "world", "up")
    return {
        "format": NOTE_FORMAT,
        "stoppedAt": stopped_at,
        **{key: str(state.get(key) or "") for key in kept},
    }


def no_lab(directory: str, note: Mapping[str, Any] | None) -> Failed:
    """The error for a folder in which no lab runs. ``note``: what the last one left."""
    if note is None:
        return Failed(
            "lab-not-running",
            f"no lab runs in {directory}",
            why="None was started there.",
            remedy=f"start one with: {UP}",
        )
    return Failed(
        "lab-not-running",
        f"the lab in {directory} is down since {note.get('stoppedAt') or 'an unknown time'}",
        why=f"It was stopped; its world was {note.get('world') or 'unknown'}, and what was changed "
        "in it is lost.",
        remedy=f"start it from the beginning with: {note.get('up') or UP}",
    )


def no_answer(directory: str, state: Mapping[str, Any], why: str) -> Failed:
    """The error for a lab that should run and does not answer: it was killed, or the machine was
    restarted. ``why`` is the system's reason.
    """
    return Failed(
        "lab-not-running",
        f"the lab in {directory} does not answer",
        why=f"{why or 'Nothing answers'}: its process {state.get('pid')} has ended, and not by "
        "migrate lab down.",
        remedy=f"start it from the beginning with: {state.get('up') or UP}",
    )


def behind_environment(
    environment: Mapping[str, str],
    state: Mapping[str, Any] | None,
    note: Mapping[str, Any] | None,
) -> Failed | None:
    """Why nothing answers at the endpoint of this environment, where that is a lab's; else None.

    ``state`` and ``note``: what lies in the folder that the environment names; ``state["runs"]``
    says that the lab's process exists.
    """
    directory = environment.get(DIRECTORY_VARIABLE)
    endpoint = environment.get(ENDPOINT_VARIABLE)
    if not directory or not endpoint:
        return None
    if state is not None:
        return _behind_state(directory, endpoint, state)
    if note is not None and note.get("endpoint") == endpoint:
        return _with_ways(no_lab(directory, note))
    return None


def _behind_state(directory: str, endpoint: str, state: Mapping[str, Any]) -> Failed | None:
    """The same where the folder has the state of a lab: it runs, is dead, or runs elsewhere."""
    runs, is_same = bool(state.get("runs")), state.get("endpoint") == endpoint
    if not runs:
        return _with_ways(no_answer(directory, state, "Nothing answers"))
    # What failed has another cause than the lab.
    if is_same:
        return None
    return Failed(
        "lab-not-running",
        f"the lab in {directory} was started again after this shell began to use it",
        why=f"It answers at {state.get('endpoint')}, and this shell asks {endpoint}.",
        remedy=f"use it with: {_USE}",
    )


def _with_ways(error: Failed) -> Failed:
    """The error for a shell that uses the lab: how to use a new one, and how to leave."""
    error.remedy = f"{error.remedy} && {_USE}; {LEAVE}"
    return error
