"""What a closing of the public endpoint did, as text and as a document."""

from typing import Any

from migrator.model.opened_endpoint import ClosedEndpoint
from migrator.render.escape import terminal


def closed_text(closed: ClosedEndpoint) -> str:
    """One line for each opening, and one where there is none."""
    lines = [f"closed: {terminal(each)}" for each in closed.closed]
    lines += [f"left:   {terminal(each)} (a command may still need it)" for each in closed.left]
    if not lines:
        lines = [f"No command left an address in publicAccessCidrs of {terminal(closed.cluster)}."]
    return "".join(f"{line}\n" for line in lines)


def closed_document(closed: ClosedEndpoint) -> dict[str, Any]:
    """The same as a JSON document."""
    return {
        "cluster": closed.cluster,
        "closed": list(closed.closed),
        "left": list(closed.left),
    }
