"""What the code generators share: which texts a format keeps as they are, where an entry comes
from, and how many files the entries take.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut
from migrator.model.plan import ClusterRef

# Why CloudFormation, and eksctl that makes stacks of it, get no such entry: the format has no
# escape.
DYNAMIC_REFERENCE = (
    "one of its texts holds a dynamic reference (resolve), which CloudFormation "
    "replaces by other text"
)


def mode_of(
    cluster: ClusterRef,
) -> Literal["API_AND_CONFIG_MAP", "API"]:
    """The authentication mode in which the code is used. Entries that code takes over are there in
    no other mode than these two, and apply ends in the first one: only cutover sets API.
    """
    return "API" if cluster.authentication_mode == "API" else "API_AND_CONFIG_MAP"


def mode_lines(
    cluster: ClusterRef,
) -> tuple[str, ...]:
    """What to know of the mode that code sets: nothing where the way has ended, in API mode."""
    if mode_of(cluster) == "API":
        return ()
    return (
        "The mode is the one that the cluster is in after migrate apply. Code with API would cut "
        "over without the",
        "gates of migrate cutover, and there is no way back. After migrate cutover set it to API: "
        "EKS refuses",
        "API_AND_CONFIG_MAP from then on.",
    )


@dataclass(frozen=True, slots=True)
class CodePart:
    """Entries that go into one file; parts are counted from 1."""

    number: int
    count: int
    entries: tuple[CodeEntry, ...]

    @property
    def suffix(self) -> str:
        """``-2-of-4`` for the names of files; empty where one file holds all entries."""
        if self.count == 1:
            return ""
        return f"-{self.number}-of-{self.count}"


def in_parts(
    entries: tuple[CodeEntry, ...], fits: Callable[[CodePart], bool]
) -> tuple[CodePart, ...]:
    """The entries in as few parts as ``fits`` allows: 1, 2, 4, 8 and so on, without empty ones.

    An entry's part follows from its own ARN (the digest at the end of its name), so that a further
    entry moves no other one from file to file: an entry that changes its stack would be made a
    second time, which EKS refuses. An entry that fits nowhere is a separate part.
    """
    count = 1
    while True:
        parts = tuple(CodePart(n + 1, count, _share(entries, n, count)) for n in range(count))
        if all(map(fits, parts)) or count > 64 * len(entries):
            filled = tuple(part for part in parts if part.entries)
            return filled or parts[:1]
        count *= 2


def _share(
    entries: tuple[CodeEntry, ...],
    number: int,
    count: int,
) -> tuple[CodeEntry, ...]:
    """The entries of one part, in their order."""
    return tuple(entry for entry in entries if int(entry.name[-8:], 16) % count == number)


def only_literal(
    code: CodeEntries,
    survives: Callable[[str], bool],
    reason: str,
    *shared: str,
) -> CodeEntries:
    """Without the entries that hold a text which the format's reader would change.

    ``survives`` says of a text whether it is read back as it is; ``shared`` are texts that every
    entry is written with.
    """

    def changed(
        entry: CodeEntry,
    ) -> str:
        if all(map(survives, (*entry.texts, *shared))):
            return ""
        return reason

    return without(code, changed)


def without(
    code: CodeEntries,
    refused: Callable[[CodeEntry], str],
) -> CodeEntries:
    """Without the entries for which ``refused`` gives a reason; empty text keeps an entry."""
    kept: list[CodeEntry] = []
    left_out: list[LeftOut] = []
    for entry in code.entries:
        reason = refused(entry)
        if reason:
            left_out.append(LeftOut(entry.principal_arn, reason))
        else:
            kept.append(entry)
    return replace(code, entries=tuple(kept), left_out=code.left_out + tuple(left_out))


def origin(
    entry: CodeEntry,
) -> str:
    """``from mapRoles[3]``, for a comment beside the entry."""
    if not entry.sources:
        return "from the cluster: no row in aws-auth"
    return f"from {', '.join(entry.sources)}"


def given_username(
    entry: CodeEntry,
) -> str | None:
    """The username that code sets: none where EKS chooses it, as it does for types of nodes."""
    if entry.spec.type != "STANDARD":
        return None
    return entry.spec.username


def given_groups(
    entry: CodeEntry,
) -> tuple[str, ...]:
    """The groups that code sets: none for types of nodes, for which EKS refuses them."""
    if entry.spec.type != "STANDARD":
        return ()
    return entry.spec.kubernetes_groups
