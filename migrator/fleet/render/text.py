"""A fleet for the terminal: who answered, how a command ended. At most 100 columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.fleet.model.fleet import Answer, Inventory
from migrator.fleet.model.outcome import STATUSES, ClusterResult, FleetOutcome
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.names import accounts_line, without_name, without_place
from migrator.model.long_lists import and_more
from migrator.render.text import MAX_WIDTH, foreign, text_of

SHOWN = 20  # lines of one list; --output json has all
STATUS_STYLE: Mapping[str, str] = {
    "done": "green",
    "blocked": "yellow",
    "waiting": "cyan",
    "unreachable": "red",
    "denied": "red",
    "failed": "bold red",
    "refused": "red",
    "changed": "red",
    "unproven": "bold red",
    "interrupted": "yellow",
}


def inventory_text(inventory: Inventory, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """Who answered, and the clusters by account. ``width`` is in columns; without ``color`` the
    text has no escape sequences.
    """
    parts = [*_accounts(inventory), _by_account(inventory)]
    if inventory.not_selected:
        parts.append(Text(f"{inventory.not_selected} further clusters are not selected."))
    return text_of(Group(*parts), width=width, color=color)


def _accounts(inventory: Inventory) -> list[RenderableType]:
    """The line of accounts, then what is not known: Regions that did not answer, clusters that were
    not found, accounts that are left out.
    """
    style = "green" if inventory.complete else "bold red"
    parts: list[RenderableType] = [
        Text.assemble((accounts_line(inventory), style), f"; {len(inventory.clusters)} clusters")
    ]
    if inventory.silent:
        parts.append(_silent(inventory.silent))
    missing = [(short_cluster(arn), why) for arn, why in inventory.missing]
    parts += _list("Named, and not found", missing)
    left_out = [(f"{item.id} {item.name}".strip(), item.reason) for item in inventory.left_out]
    parts += _list("Left out", left_out)
    return parts


def _silent(answers: Sequence[Answer]) -> RenderableType:
    """One line for an account and a reason, however many Regions it is of."""
    groups: dict[tuple[str, str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.account, answer.status, answer.code), []).append(answer)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("ACCOUNT", "REGIONS", "STATUS"):
        table.add_column(name, overflow="fold")
    table.add_column("REASON", overflow="fold", ratio=1)
    for (account, status, _), found in list(groups.items())[:SHOWN]:
        regions = Text("\n".join(answer.region for answer in found))
        table.add_row(account, regions, Text(status, style="red"), foreign(found[0].reason))
    rest = and_more(len(groups), SHOWN)
    if rest:
        table.add_row("…", "", "", rest)
    return table


def _by_account(inventory: Inventory) -> RenderableType:
    """Each account with the number of its clusters and their authentication modes."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("ACCOUNT", no_wrap=True)
    table.add_column("NAME", overflow="fold")
    table.add_column("CLUSTERS", justify="right")
    table.add_column("MODES", overflow="fold")
    for account in inventory.accounts:
        here = [cluster for cluster in inventory.clusters if cluster.account == account.id]
        modes = Counter(cluster.mode or "not known" for cluster in here)
        table.add_row(
            account.id, foreign(account.name), str(len(here)), Text(_counts(modes.items()))
        )
    return table


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    """``3 API, 1 not known``."""
    return ", ".join(f"{count} {name}" for name, count in counts)


def fleet_outcome_text(
    outcome: FleetOutcome, *, width: int = MAX_WIDTH, color: bool = False
) -> str:
    """How a command ended on the fleet, what is left and why, and where the records are."""
    total = len(outcome.results)
    done = outcome.count("done")
    style = "green" if outcome.exit_code == 0 else "yellow"
    parts: list[RenderableType] = [
        Text.assemble(
            f"fleet {outcome.command}: ",
            (f"{done} of {total} clusters done", style),
            f" (run {outcome.run})",
        ),
        *_accounts(outcome.inventory),
    ]
    counts = {status: outcome.count(status) for status in STATUSES if outcome.count(status)}
    if counts:
        parts.append(Text(_counts(counts.items())))
    if outcome.stopped:
        parts.append(foreign(f"Stopped: {outcome.stopped}", "bold yellow"))
    parts += _left(outcome.left)
    parts.append(foreign(f"State: {outcome.state}", "dim"))
    return text_of(Group(*parts), width=width, color=color)


def _left(results: Sequence[ClusterResult]) -> list[RenderableType]:
    """Clusters that are not done, each reason once with all that it concerns."""
    groups: dict[tuple[str, ...], list[ClusterResult]] = {}
    for result in results:
        # The message alone is the same for every refused cut-over: which gate is closed is in why.
        texts = (result.message or result.code, result.why, result.remedy)
        key = (result.status, *(without_place(text, result.arn) for text in texts))
        groups.setdefault(key, []).append(result)
    parts: list[RenderableType] = []
    ordered = sorted(
        groups.items(), key=lambda item: (STATUSES.index(item[1][0].status), item[0][1:])
    )
    for (status, *_), found in ordered:
        why = without_name(found[0].message or found[0].code, found[0].arn)
        noun = "cluster" if len(found) == 1 else "clusters"
        reason = foreign(f"{why} ({len(found)} {noun})")
        parts.append(Text.assemble((f"{status}: ", STATUS_STYLE[status]), reason))
        parts += [foreign(f"  {short_cluster(result.arn)}") for result in found[:SHOWN]]
        rest = and_more(len(found), SHOWN)
        if rest:
            parts.append(Text(f"  {rest}"))
        for name, text in (("why", found[0].why), ("do", found[0].remedy)):
            if text:
                parts.append(foreign(f"  {name}: {text}", "dim"))
    return parts


def _list(title: str, items: Iterable[tuple[str, str]]) -> list[RenderableType]:
    """A title with one line an item, at most :data:`SHOWN`; nothing where there are no items."""
    found = list(items)
    if not found:
        return []
    lines = [foreign(f"  {name}: {why}") for name, why in found[:SHOWN]]
    rest = and_more(len(found), SHOWN)
    if rest:
        lines.append(Text(f"  {rest}"))
    return [Text(f"{title}:", style="yellow"), *lines]
