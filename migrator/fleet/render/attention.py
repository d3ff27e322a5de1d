"""What needs a person in a fleet: each reason once with all that it concerns, and the command to
run next. Dashboard and Markdown say it first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migrator.fleet.model.fleet import FleetAccount, FleetCluster, way_into
from migrator.fleet.model.report import ClusterRow, FleetReport
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.headline import Trouble, troubles
from migrator.render.attention import NOTHING, spelled

__all__ = ["NOTHING", "Needed", "attention_of"]
_CLUSTER = frozenset({"--cluster"})  # one command is for all of them


@dataclass(frozen=True, slots=True)
class Needed:
    """A trouble, or what is next for clusters, with the command as a line to copy: one for all of
    them, or one for each cluster.
    """

    trouble: Trouble
    commands: tuple[str, ...]


def attention_of(report: FleetReport) -> tuple[Needed, ...]:
    """Troubles first, then what clusters wait for, the most clusters first."""
    found = [Needed(each, (_command_of(each, report),)) for each in troubles(report)]
    named = {arn for each in troubles(report) for arn in each.clusters}
    rows = [row for row in report.rows if row.is_open and row.command]
    ways = {each.id: each for each in report.inventory.accounts}
    return (*found, *_waiting([row for row in rows if row.cluster.arn not in named], ways))


def _command_of(trouble: Trouble, report: FleetReport) -> str:
    """What is next for its clusters; accounts and clusters that were not found are asked again."""
    commands = [row.command[1:] for row in report.rows if row.cluster.arn in trouble.clusters]
    known = [*filter(None, commands)]
    if not known:
        return spelled(("fleet", "status" if commands else "discover", report.file))
    if len(known) == 1:
        return spelled(known[0])
    return spelled(without_options(known[0], _CLUSTER))


def _waiting(rows: Iterable[ClusterRow], accounts: Mapping[str, FleetAccount]) -> Iterable[Needed]:
    """Clusters at the same point, with the one command for them. Questions are written cluster by
    cluster: there each has its own.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[FleetCluster]] = {}
    for row in rows:
        command = without_options(row.command[1:], _CLUSTER)
        if row.stage == "blocked" and row.facts.stubs:
            command = ()
        groups.setdefault((row.left, command), []).append(row.cluster)
    for (left, command), clusters in sorted(groups.items(), key=lambda item: -len(item[1])):
        arns = tuple(cluster.arn for cluster in clusters)
        who = tuple(map(short_cluster, arns))
        commands = [command] if command else [_that_asks(each, accounts) for each in clusters]
        trouble = Trouble("warn", "next", left, who, clusters=arns)
        yield Needed(trouble, tuple(map(spelled, commands)))


def _that_asks(cluster: FleetCluster, accounts: Mapping[str, FleetAccount]) -> tuple[str, ...]:
    """The plan of the cluster alone, which writes its questions, with the way into its account."""
    account = accounts.get(cluster.account) or FleetAccount(cluster.account)
    way = way_into(account, cluster.region)
    return "plan", cluster.arn, "--write-decisions", "decisions.yaml", *way


def without_options(words: Sequence[str], options: frozenset[str]) -> tuple[str, ...]:
    """The words of a command without some options and their values."""
    kept: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        if options.isdisjoint((before, word)):
            kept.append(word)
    return tuple(kept)
