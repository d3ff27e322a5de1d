"""The state of a whole fleet in one sentence and a few figures, and what keeps it from going on.

Terminal, Markdown and HTML say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migrator.fleet.model.outcome import ClusterResult
from migrator.fleet.model.report import AccountProgress, FleetReport
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.names import count_of, without_name, without_place
from migrator.fleet.render.snippet import asked
from migrator.render.headline import Figure

# Results that are no trouble: blocked ones are reported by their questions.
_QUIET = frozenset({"done", "waiting", "blocked"})
# Stages of clusters of which nothing is known.
_DARK = ("unreachable", "denied", "unknown")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason, reported once, with all that it concerns: ``who`` are accounts with Regions, or
    clusters.

    ``clusters`` are ARNs where it is about clusters.
    """

    tone: str
    what: str
    why: str
    who: tuple[str, ...]
    remedy: str = ""
    clusters: tuple[str, ...] = ()


def fleet_tone(report: FleetReport) -> str:
    """``bad`` where something is not known or went wrong, ``warn`` where people must decide, else
    ``ok``.
    """
    if not report.known:
        return "bad"
    if any(each.tone == "bad" for each in troubles(report)):
        return "bad"
    if report.stages.get("blocked"):
        return "warn"
    if report.migrated == len(report.rows):
        return "ok"
    return "plain"


def fleet_sentence(report: FleetReport) -> str:
    """The state of the whole, for a person who reads nothing else: what is migrated, whether every
    account answered, and how many clusters wait for a decision.
    """
    inventory = report.inventory
    accounts = count_of(inventory.expected, "account")
    silent = inventory.expected - inventory.answered
    blocked = report.stages.get("blocked", 0)
    parts = [f"{report.migrated:,} of {count_of(len(report.rows), 'cluster')} migrated."]
    if silent:
        unknown = "did not answer completely: what is in them is not known."
        parts.append(f"{silent} of {accounts} {unknown}")
    elif inventory.expected > 1:
        parts.append(f"All {accounts} answered.")
    else:
        parts.append(f"{accounts} answered.")
    if blocked:
        verb = "waits" if blocked == 1 else "wait"
        parts.append(f"{count_of(blocked, 'cluster')} {verb} for a decision.")
    return " ".join(parts)


def fleet_figures(report: FleetReport) -> tuple[Figure, ...]:
    """The figures under the sentence, each with what it counts and a tone. None is of clusters that
    a selector leaves out.
    """
    inventory, stages, total = report.inventory, report.stages, len(report.rows)
    silent = inventory.expected - inventory.answered
    dark = {name: stages[name] for name in _DARK if stages.get(name)}
    unread = [
        row.cluster.not_read_since
        for row in report.rows
        if row.cluster.not_read_since and row.stage not in _DARK
    ]
    questions = len(asked(report.questions))
    finished = sum(each.finished for each in report.accounts)
    done = sum(each.answered and each.finished == each.clusters for each in report.accounts)
    bad = len(_failed(report))
    more, open_ones = "in the fleet", "no open question"
    if inventory.not_selected:
        more = f"{inventory.not_selected:,} more not selected"
    if questions:
        open_ones = f"by {count_of(questions, 'open question')}"
    return (
        Figure(
            "Accounts answered",
            f"{inventory.answered:,} of {inventory.expected:,}",
            f"{silent} denied or unreachable" if silent else "all of them, in every Region",
            "bad" if silent else "ok",
        ),
        Figure(
            "Clusters",
            f"{total:,}",
            more,
        ),
        Figure(
            "Migrated",
            f"{report.migrated:,}",
            f"{finished:,} with nothing left; {done} of {len(report.accounts)} accounts are done",
            "ok" if report.migrated == total else "plain",
        ),
        Figure(
            "Blocked",
            f"{stages.get('blocked', 0):,}",
            open_ones,
            "warn" if stages.get("blocked") else "ok",
        ),
        Figure(
            "Not read",
            f"{sum(dark.values()) + len(unread):,}",
            _not_read(dark, unread) or _all_read(report),
            "bad" if dark or unread or not inventory.complete else "ok",
        ),
        Figure(
            "Ended badly",
            f"{bad:,}",
            "by the latest command on each cluster",
            "bad" if bad else "ok",
        ),
    )


def _not_read(dark: Mapping[str, int], unread: Sequence[str]) -> str:
    """Clusters that were not read: by their stage, and those whose account is silent since."""
    parts = [f"{count} {name}" for name, count in dark.items()]
    if unread:
        longest = f"the longest since {min(unread)}"
        parts.append(f"{len(unread):,} in accounts that no longer answer ({longest})")
    return ", ".join(parts)


def _all_read(report: FleetReport) -> str:
    """What it means that no cluster is known that was not read."""
    if report.inventory.complete:
        return "every cluster was"
    return "of the accounts that answered"


def account_urgency(account: AccountProgress) -> tuple[bool, int, int, str]:
    """For sorting: silent accounts, then those with most clusters that need an operator, then those
    with most left.
    """
    stuck = sum(
        account.stages.get(stage, 0) for stage in ("unknown", "unreachable", "denied", "blocked")
    )
    return account.answered, -stuck, account.finished - account.clusters, account.id


def troubles(report: FleetReport) -> tuple[Trouble, ...]:
    """What is not known and what went wrong, each reason once; the largest first within its
    kind.
    """
    return (*_silent(report), *_missing(report), *_unknown(report), *_ended_badly(report))


def _silent(report: FleetReport) -> Iterable[Trouble]:
    """Accounts that did not answer completely, those with the same reason together, the most
    accounts first. Reasons that differ in account and Region alone are the same.
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    told: dict[tuple[str, str], tuple[str, str]] = {}
    names = {account.id: account.name for account in report.accounts}
    for answer in report.inventory.silent:
        # The same reason in another account or Region is the same reason.
        reason = answer.reason.replace(answer.account, "ACCOUNT")
        key = (str(answer.status), reason.replace(answer.region, "REGION"))
        groups.setdefault(key, {}).setdefault(answer.account, []).append(answer.region)
        told.setdefault(key, (answer.reason, answer.remedy))
    for key, accounts in sorted(groups.items(), key=lambda item: -len(item[1])):
        who = tuple(
            _account(each, names.get(each, ""), regions) for each, regions in accounts.items()
        )
        yield Trouble(
            "bad", f"account {key[0]}", told[key][0] or "no reason was given", who, told[key][1]
        )


def _account(account: str, name: str, regions: list[str]) -> str:
    where = "" if regions == ["*"] else f" in {', '.join(regions)}"
    return f"{account} {name}".strip() + where


def _missing(report: FleetReport) -> Iterable[Trouble]:
    """Clusters that the file names and that discovery did not find."""
    for arn, why in report.inventory.missing:
        yield Trouble("bad", "named, and not found", why, (short_cluster(arn),))


def _unknown(report: FleetReport) -> Iterable[Trouble]:
    """Clusters whose files cannot be read, those with the same problem together."""
    groups: dict[str, list[str]] = {}
    for row in report.rows:
        if row.facts.problem:
            groups.setdefault(row.facts.problem, []).append(row.cluster.arn)
    for why, arns in groups.items():
        who = tuple(map(short_cluster, arns))
        yield Trouble("bad", "not known", why, who, clusters=tuple(arns))


def _failed(report: FleetReport) -> list[ClusterResult]:
    """The latest results that are trouble."""
    last = (row.last for row in report.rows if row.last is not None)
    return [result for result in last if result.status not in _QUIET]


def _ended_badly(report: FleetReport) -> Iterable[Trouble]:
    """Commands that ended badly, those with the same texts together, the most clusters first."""
    groups: dict[tuple[str, ...], list[ClusterResult]] = {}
    for result in _failed(report):
        # The message alone is the same for every refused cut-over: which gate is closed is in why.
        texts = (result.message or result.code, result.why, result.remedy)
        key = (result.command, result.status, *(without_place(text, result.arn) for text in texts))
        groups.setdefault(key, []).append(result)
    by_size = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    for (command, status, *_), found in by_size:
        said = f"{found[0].message or found[0].code} {found[0].why}".strip()
        why = without_name(said, found[0].arn)
        arns = tuple(result.arn for result in found)
        yield Trouble(
            tone="bad",
            what=f"{command}: {status}",
            why=why,
            who=tuple(map(short_cluster, arns)),
            remedy=found[0].remedy,
            clusters=arns,
        )
