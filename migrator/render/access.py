"""Who can log in, for people: a table for the terminal, and Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migrator.model.access_document import (
    OUT_OF_SCOPE,
    AccessDocument,
    AccessIdentity,
    PrincipalAccess,
    Unknown,
)
from migrator.model.log_ins import population_words
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import policy_words
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of

_STYLES = {"yes": "green", "no": "dim", "unknown": "bold yellow"}
_EVERY_LOG_IN = frozenset({"every session of the role", "the user itself"})


def access_text(
    document: AccessDocument,
    *,
    named: str = "",
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The whole document for a terminal. ``named``: what the cluster is called; empty: its name."""
    parts: list[RenderableType] = [
        foreign(_headline(document, named), "bold"),
        Text(f"read {document.taken_at}", style="dim"),
    ]
    if document.principals:
        parts.append(_table(document))
    for title, lines in _sections(document):
        parts += [Text(""), Text(title, style="bold")]
        parts += [Padding(foreign(line), (0, 0, 0, 2)) for line in lines]
    return text_of(Group(*parts), width=width, color=color)


def access_markdown(
    document: AccessDocument,
    named: str = "",
) -> str:
    """The whole document for a ticket. ``named``: as that of :func:`access_text`."""
    lines = [
        f"# Access to {markdown(named or document.cluster.ref.name)}",
        "",
        markdown(_headline(document, named)),
    ]
    if document.principals:
        lines += ["", "| Principal | Logs in | As | By |", "|---|---|---|---|"]
    for principal in document.principals:
        cells = (
            [markdown_code(_short(principal.principal_arn, document), cell=True)],
            [principal.logs_in, *map(markdown, filter(None, (principal.why,)))],
            [markdown(line) for line in _as_lines(principal)],
            [markdown(line) for line in _by_lines(principal)],
        )
        lines.append("| " + " | ".join("<br>".join(cell) for cell in cells) + " |")
    for title, found in _sections(document):
        lines += ["", f"## {title}", "", *(f"- {markdown(line)}" for line in found)]
    return "\n".join([*lines, ""])


def _headline(
    document: AccessDocument,
    named: str,
) -> str:
    """How many can log in, and whether that is all of them."""
    count = {state: 0 for state in ("yes", "no", "unknown")}
    for principal in document.principals:
        count[principal.logs_in] += 1
    cluster = document.cluster.ref
    name = named or cluster.name
    said = f"{count['yes']} principals can log in to {name}, {count['no']} cannot"
    if count["unknown"]:
        said += f", of {count['unknown']} it is not known"
    unread = _unread(document)
    # A count of what was read is no answer to who can log in.
    if unread:
        said = f"It is not known who can log in to {name}: {unread}; of what was read, {said}"
    return f"{said} ({cluster.authentication_mode} mode)"


def _unread(document: AccessDocument) -> str:
    """Which source of access was not read as a whole; empty where each was, or is not asked."""
    reads_rows = document.cluster.ref.authentication_mode != "API"
    unread: list[str] = []
    if not document.entries_read:
        unread.append("the access entries were not read")
    if reads_rows and not document.rows_read:
        unread.append("aws-auth was not read")
    return " and ".join(unread)


def _short(
    arn: str,
    document: AccessDocument,
) -> str:
    """Without what all IAM ARNs of the cluster's partition share."""
    return arn.removeprefix(f"arn:{document.cluster.ref.partition}:iam::")


def _table(document: AccessDocument) -> Table:
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold"
    )
    table.add_column("PRINCIPAL", ratio=34, overflow="fold")
    table.add_column("LOGS IN", width=7, no_wrap=True)
    table.add_column("AS", ratio=36, overflow="fold")
    table.add_column("BY", ratio=23, overflow="fold")
    for principal in document.principals:
        table.add_row(
            foreign(_short(principal.principal_arn, document)),
            Text(principal.logs_in, style=_STYLES[principal.logs_in]),
            stack(map(foreign, _as_lines(principal))),
            stack(map(foreign, _by_lines(principal))),
        )
    return table


def _as_lines(principal: PrincipalAccess) -> list[str]:
    """Username, groups and policies of each identity, or why there is none."""
    lines: list[str] = []
    for place, identity in enumerate(principal.identities):
        lines += ["or"] * bool(place) + [*_identity_lines(identity)]
    # What keeps an answer from being certain, or the principal from logging in.
    if principal.why:
        lines.append(principal.why)
    if principal.entry is not None and principal.entry.why not in ("", principal.why):
        lines.append(f"access entry: {principal.entry.why}")
    if principal.successor:
        lines.append(f"successor: {principal.successor}")
    return lines


def _identity_lines(identity: AccessIdentity) -> Iterator[str]:
    yield identity.username or "(empty username)"
    if identity.groups:
        yield f"groups {', '.join(identity.groups)}"
    yield from map(policy_words, identity.policies)
    words = population_words(identity.log_ins)
    if words not in _EVERY_LOG_IN:
        yield words


def _by_lines(principal: PrincipalAccess) -> list[str]:
    """What lets the principal in, then what would and does not."""
    lines = [_by(identity, principal) for identity in principal.identities]
    entry = principal.entry
    # A row that admits hides an entry that does not: its principal is denied in API mode.
    if entry is not None and entry.state != "live":
        lines.append(f"{entry.state} access entry ({entry.type})")
    for row in principal.rows:
        if row.effect != "decides":
            lines.append(f"{row.source} {row.effect}")
    return lines


def _by(
    identity: AccessIdentity,
    principal: PrincipalAccess,
) -> str:
    if identity.by == "creator":
        return "creator of the cluster (hidden)"
    if identity.by != "access-entry":
        return identity.source
    entry = principal.entry
    kind = entry.type if entry is not None else ""
    maker = ", made by EKS" if entry is not None and entry.made_by == "eks" else ""
    return f"access entry ({kind}{maker})"


def _sections(document: AccessDocument) -> Iterator[tuple[str, list[str]]]:
    """The lists below the table; empty ones are left out."""
    found: Sequence[tuple[str, Iterable[str]]] = (
        ("mapAccounts", _accounts(document)),
        ("Text of aws-auth that gives nothing", _problems(document)),
        ("Unknown", unknown_lines(document.unknown)),
        ("Not looked at", OUT_OF_SCOPE),
    )
    for title, given in found:
        lines = list(given)
        if lines:
            yield title, lines


def _accounts(document: AccessDocument) -> Iterator[str]:
    for each in document.accounts:
        gives = "every principal of it that is not listed logs in under its ARN, without groups"
        if not each.in_force:
            gives = "inert: in API mode aws-auth is not read"
        yield f"{each.account} ({each.source}): {gives}"


def _problems(document: AccessDocument) -> Iterator[str]:
    for each in document.problems:
        yield f"{each.where} ({each.kind}): {each.message}"


def unknown_lines(unknown: Iterable[Unknown]) -> Iterator[str]:
    """What is not known, each with the reason."""
    for each in unknown:
        yield f"{each.what}: {each.why}"
