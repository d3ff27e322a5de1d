"""Where the state of a plan's cluster is, for a command that runs in another folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrator.model.state_folder import DEFAULT_STATE_DIR

_MOST = 512 * 1024 * 1024  # bytes; more than any plan


def state_near(plan_file: str) -> str | None:
    """The state folder of the plan's cluster: the nearest one upwards from the plan that has the
    cluster. None: the one of the folder in which the command runs.

    A plan of another folder that has no state yet gets it beside the plan: the next command finds
    it there from wherever it runs.
    """
    plan = Path(plan_file).resolve()
    here = Path.cwd().resolve()
    upwards = (plan.parent, *plan.parent.parents)
    found = [folder for folder in upwards if (folder / DEFAULT_STATE_DIR).is_dir()]
    # The plan is here, and no state is elsewhere: there is nothing to choose.
    if plan.parent == here and found in ([], [here]):
        return None
    inside = _cluster_inside(plan)
    if inside is None:
        return None
    for folder in found:
        place = folder / DEFAULT_STATE_DIR
        if (place / inside).is_dir() and _is_ours(place):
            return None if folder == here else str(place)
    if here in plan.parents or (here / DEFAULT_STATE_DIR / inside).is_dir():
        return None
    return str(plan.parent / DEFAULT_STATE_DIR)


def _cluster_inside(plan: Path) -> Path | None:
    """The folder of the plan's cluster inside a state folder; None where it is not known."""
    from migrator.adapters.state_files import cluster_folder
    from migrator.errors import MigratorError
    from migrator.model.plan import ClusterRef

    cluster = _document(plan).get("cluster")
    if not isinstance(cluster, Mapping):
        return None
    names = ("name", "arn", "accountId", "region", "partition", "authenticationMode")
    texts = [str(cluster.get(name)) for name in names]
    try:
        return cluster_folder(Path(), ClusterRef(*texts))  # type: ignore[arg-type]
    except MigratorError:
        return None


def _is_ours(place: Path) -> bool:
    """Whether a state folder is this user's: in a shared folder another user may have made one."""
    owner = place.stat().st_uid
    return owner in (os.geteuid(), place.parent.stat().st_uid)


def _document(plan: Path) -> Mapping[str, Any]:
    """The plan's document; empty for what is none: the command reads it again, and says why."""
    try:
        document = json.loads(plan.read_bytes()) if plan.stat().st_size <= _MOST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
