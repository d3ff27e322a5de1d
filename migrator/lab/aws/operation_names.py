"""What the calls are named that faults strike: a name that no call has would make a schedule that
never strikes.
"""

import difflib
import fnmatch
import importlib

from migrator.lab.aws.protocol import SERVICES

KUBERNETES = "kubernetes:"  # kubernetes:VERB RESOURCE; a cluster serves whatever kinds it has


def check_operation(pattern: str) -> None:
    """Raise :class:`ValueError` where no call of the lab can have a name that ``pattern``
    matches.
    """
    if pattern.startswith(KUBERNETES) or fnmatch.fnmatchcase(f"{KUBERNETES}get pods", pattern):
        return
    known = aws_operations()
    if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
        near = difflib.get_close_matches(pattern, known, 3)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "names are like eks:ListClusters, kubernetes:get pods"
        )
        raise ValueError(f"no call of the lab is named {pattern}: {hint}")


def aws_operations() -> list[str]:
    """``service:Operation`` of all operations of AWS that the lab has."""
    found: list[str] = []
    for service in sorted((*SERVICES, "s3")):
        operations = importlib.import_module(f"migrator.lab.aws.{service}_api").OPERATIONS
        found += [f"{service}:{operation}" for operation in sorted(operations)]
    return found
