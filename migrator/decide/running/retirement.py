"""What to do about the inert aws-auth, from what is seen and journaled."""

from typing import Literal, TypeAlias

from migrator.decide.running.progress import Status
from migrator.model.access_entry import AuthenticationMode

Retirement: TypeAlias = Literal["delete", "adopt", "finished", "refuse"]


def next_retirement(mode: AuthenticationMode, present: bool, status: Status) -> Retirement:
    """Delete it only where the authenticator does not read it. An intention whose ConfigMap is
    absent was carried out.
    """
    if mode != "API":
        return "refuse"
    if present:
        return "delete"
    # The process died between the deletion and its record.
    if status == "intended":
        return "adopt"
    return "finished"
