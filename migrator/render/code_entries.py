"""What the code generators share: which texts a format keeps as they are, and where an entry comes
from.
"""

from collections.abc import Callable

from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut

# Why CloudFormation, and eksctl that makes stacks of it, get no such entry: the format has no
# escape.
DYNAMIC_REFERENCE = (
    "one of its texts holds a dynamic reference (resolve), which CloudFormation "
    "replaces by other text"
)


def only_literal(
    code: CodeEntries, survives: Callable[[str], bool], reason: str, *shared: str
) -> CodeEntries:
    """Without the entries that hold a text which the format's reader would change.

    ``survives`` says of a text whether it is read back as it is; ``shared`` are texts that every
    entry is written with.
    """
    literal: list[CodeEntry] = []
    changed: list[LeftOut] = []
    for entry in code.entries:
        if all(map(survives, (*entry.texts, *shared))):
            literal.append(entry)
        else:
            changed.append(LeftOut(entry.principal_arn, reason))
    return CodeEntries(tuple(literal), code.left_out + tuple(changed))


def origin(entry: CodeEntry) -> str:
    """``from mapRoles[3]``, for a comment beside the entry."""
    if not entry.sources:
        return "from the cluster: no row in aws-auth"
    return f"from {', '.join(entry.sources)}"
