"""What ``migrate rollback --leftovers`` removed and what it kept, as text and as a document."""

from typing import Any

from rich.console import Group
from rich.text import Text

from migrator.model.leftover import Leftover, LeftoversOutcome
from migrator.render.text import MAX_WIDTH, foreign, text_of


def leftovers_text(
    outcome: LeftoversOutcome, *, width: int = MAX_WIDTH, color: bool = False
) -> str:
    """A line for each."""
    lines = [
        foreign(
            f"Cluster {outcome.cluster}: {len(outcome.removed)} leftovers removed, "
            f"{len(outcome.kept)} kept."
        )
    ]
    lines += [
        Text.assemble(("Removed  ", "green"), foreign(_name(each))) for each in outcome.removed
    ]
    lines += [
        Text.assemble(("Kept     ", "yellow"), foreign(each.describe(outcome.cluster)))
        for each in outcome.kept
    ]
    return text_of(Group(*lines), width=width, color=color)


def leftovers_document(outcome: LeftoversOutcome) -> dict[str, Any]:
    """The outcome as a JSON document."""
    return {
        "command": "rollback --leftovers",
        "cluster": outcome.cluster,
        "removed": [leftover_document(each, outcome.cluster) for each in outcome.removed],
        "kept": [leftover_document(each, outcome.cluster) for each in outcome.kept],
        "exitCode": outcome.exit_code,
    }


def leftover_document(
    leftover: Leftover,
    cluster: str,
    *,
    own_run: str = "",
    own_command: str = "",
) -> dict[str, Any]:
    """One leftover."""
    return {
        "kind": leftover.kind,
        "name": leftover.name,
        "namespace": leftover.namespace,
        "group": leftover.group,
        "plan": leftover.plan,
        "run": leftover.run,
        "neededBy": list(leftover.needed_by),
        "lockedBy": leftover.locked_by or None,
        "text": leftover.describe(cluster, own_run=own_run, own_command=own_command),
    }


def _name(leftover: Leftover) -> str:
    """A leftover by its kind and name."""
    where = ""
    if leftover.namespace:
        where = f"{leftover.namespace}/"
    if leftover.kind == "rehearsal":
        return f"timer {where}{leftover.name} of a rehearsal"
    return f"{leftover.kind} {where}{leftover.name} ({leftover.group})"
