"""The dashboard of a fleet as one HTML file: the whole first, then every cluster, then what repeats
and what happened.

A thousand rows are values in the page, and become elements only when they are looked at; without
scripts the same rows are a plain table. What is written here is values; how it looks is
``templates/``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrator.fleet.model.report import AccountProgress, AdminAcross, ClusterRow, FleetReport
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.attention import NOTHING, Needed, attention_of
from migrator.fleet.render.data import TONES, Groups, fleet_data, tags_of
from migrator.fleet.render.headline import (
    Trouble,
    account_urgency,
    fleet_figures,
    fleet_sentence,
    fleet_tone,
)
from migrator.fleet.render.history import run_lines
from migrator.fleet.render.names import resource_of, short_principal, some
from migrator.fleet.render.snippet import Asked, asked, snippet
from migrator.fleet.render.soc import soc_values
from migrator.render.cards import Name, name_of
from migrator.render.facts import is_link
from migrator.render.page import page

_NAMED = 4  # clusters named where a button shows all of them
FIRST = 12  # rows of a long list that are open from the start
STAGE_MEANS: Mapping[str, str] = {
    "unknown": "its files could not be read",
    "unreachable": "nothing answered when it was to be planned",
    "denied": "it may not be read",
    "not planned": "there is no plan yet",
    "blocked": "a person must decide first",
    "planned": "ready for apply",
    "applying": "some of the plan's steps are done",
    "rolling back": "a roll-back did not finish, or was of some principals",
    "applied": "every entry is made; access is not proven since",
    "verified": "access is proven after the entries were made",
    "rehearsed": "API mode was tried, and no principal lost access",
    "dual": "done: the plan ends with entries beside aws-auth",
    "switched": "only access entries admit logins; access is not proven since",
    "cut over": "only access entries admit logins",
    "retired": "aws-auth is deleted: nothing is left to do",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in percent."""

    stage: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Asking:
    """An open question with its answer to copy; ``principals`` of that name ask it, each in its own
    account.
    """

    number: int
    name: Name
    principals: int
    codes: tuple[str, ...]
    what: tuple[str, ...]
    remedy: tuple[str, ...]
    clusters: int
    accounts: int
    named: tuple[str, ...]
    more: int
    lines: tuple[str, ...]
    everywhere: bool
    group: str


@dataclass(frozen=True, slots=True)
class Admin:
    """Administrators of one name in one account or in many: ``arns`` with the number of their
    clusters.
    """

    name: str
    arns: tuple[tuple[str, int], ...]
    clusters: int
    group: str


@dataclass(frozen=True, slots=True)
class Row:
    """Clusters that have something in common, as a line of a table."""

    words: tuple[tuple[str, str], ...]
    clusters: int
    named: tuple[str, ...]
    more: int
    group: str
    detail: str = ""
    link: str = ""


def _needed(
    needed: Needed, groups: Groups
) -> tuple[Trouble, tuple[str, ...], int, str, tuple[str, ...]]:
    """A trouble, whom it concerns, how many more, the button's group, and the commands."""
    trouble = needed.trouble
    named, more = some(trouble.who, _NAMED)
    group = groups.of(f"{trouble.what} {trouble.why}", trouble.clusters)
    return trouble, tuple(named), more, group, needed.commands


def fleet_html(report: FleetReport) -> str:
    """The whole document as text; the same report gives the same bytes.

    What comes from clusters is escaped by the template, and in the data by the page.
    """
    groups = Groups([row.cluster.arn for row in report.rows])
    accounts = sorted(report.accounts, key=account_urgency)
    values: dict[str, object] = {
        "report": report,
        "tones": TONES,
        "tone": fleet_tone(report),
        "sentence": fleet_sentence(report),
        "figures": fleet_figures(report),
        "bar": segments(report.stages),
        "means": STAGE_MEANS,
        "attention": [_needed(each, groups) for each in attention_of(report)],
        "nothing": NOTHING,
        "accounts": [(each, segments(each.stages), _left(each)) for each in accounts],
        "questions": [
            _asking(number, each, report, groups)
            for number, each in enumerate(asked(report.questions), 1)
        ],
        "same": [row for row in _same(report, groups) if row.clusters > 1],
        "alone": sum(len(each.clusters) == 1 for each in report.same if each.codes),
        "findings": list(_findings(report, groups)),
        "admins": list(_admins(report, groups)),
        "runs": run_lines(report.runs),
        "soc": soc_values(report),
        "words": _words,
        "codes": _codes,
        "tags": lambda row: tags_of(row.cluster),
        "first": FIRST,
    }
    return page(
        "fleet.html.jinja",
        package="migrator.fleet.render",
        styles=("page.css", "fleet.css"),
        scripts=("fleet.js",),
        data=fleet_data(report, groups),
        **values,
    )


def segments(stages: Mapping[str, int]) -> tuple[Segment, ...]:
    """A bar of stages, as wide as all of them; places are percent, rounded to what a browser
    shows.
    """
    total, start, found = sum(stages.values()), 0.0, []
    for stage, count in stages.items():
        width = count / total * 100
        found.append(Segment(stage, count, round(start, 3), round(width, 3)))
        start += width
    return tuple(found)


def _words(stages: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {stage}" for stage, count in stages.items())


def _codes(row: ClusterRow) -> str:
    """What blocks first, then warnings."""
    found = {each.code: each.severity for each in row.facts.findings if each.severity != "info"}
    return ", ".join(sorted(found, key=lambda code: (found[code] != "block", code)))


def _left(account: AccountProgress) -> str:
    """What is left in an account, in one line."""
    if account.left:
        return "; ".join(f"{count} \u00d7 {what}" for what, count in account.left.items())
    if not account.answered:
        return "nothing is known"
    if not account.clusters:
        return "no clusters"
    return "nothing"


def _asking(
    number: int,
    question: Asked,
    report: FleetReport,
    groups: Groups,
) -> Asking:
    """A question with everything that its card shows. Codes of another version have no text
    here.
    """
    kinds = [report.kinds[code] for code in question.codes if code in report.kinds]
    clusters = question.clusters
    named, more = some(map(short_cluster, clusters), _NAMED)
    return Asking(
        number=number,
        name=name_of(question.name),
        principals=question.principals,
        codes=question.codes,
        what=tuple(kind.what for kind in kinds),
        remedy=tuple(kind.remedy for kind in kinds),
        clusters=len(clusters),
        accounts=len({arn.split(":")[4] for arn in clusters}),
        named=named,
        more=more,
        lines=snippet(question.questions),
        everywhere=all(each.where is None for each in question.questions),
        group=groups.of(f"blocked by {question.name} ({', '.join(question.codes)})", clusters),
    )


def _same(report: FleetReport, groups: Groups) -> Iterable[Row]:
    """Clusters with the same open findings, as one line; those without findings are not shown."""
    severity = {each.code: each.severity for each in report.findings}
    for each in report.same:
        if not each.codes:
            continue
        # "block" comes before "warn" in the alphabet, too.
        words = sorted((severity.get(code, "warn"), code) for code in each.codes)
        named, more = some(map(short_cluster, each.clusters), _NAMED)
        group = groups.of(f"with {', '.join(each.codes)}", each.clusters)
        yield Row(tuple(words), len(each.clusters), named, more, group)


def _findings(report: FleetReport, groups: Groups) -> Iterable[Row]:
    """Each finding with its clusters; its link is shown where it is one that a browser may
    follow.
    """
    for each in report.findings:
        detail, link = "", ""
        kind = report.kinds.get(each.code)
        if kind is not None:
            detail = f"{kind.what} {kind.remedy}"
            link = kind.reference if is_link(kind.reference) else ""
        yield Row(
            words=((each.severity, each.code),),
            clusters=len(each.clusters),
            named=(),
            more=each.principals,
            group=groups.of(f"with {each.code}", each.clusters),
            detail=detail,
            link=link,
        )


def _admins(report: FleetReport, groups: Groups) -> Iterable[Admin]:
    """One line for roles of the same name in many accounts."""
    by_name: dict[str, list[AdminAcross]] = {}
    for each in report.admins:
        by_name.setdefault(resource_of(each.principal_arn), []).append(each)
    found = [_admin(name, admins, groups) for name, admins in by_name.items()]
    return sorted(found, key=lambda admin: (-admin.clusters, admin.name))


def _admin(name: str, admins: list[AdminAcross], groups: Groups) -> Admin:
    """Administrators of one name. The account says nothing of a name that several accounts have."""
    if len(admins) == 1:
        name = short_principal(admins[0].principal_arn)
    clusters: dict[str, None] = {}
    for admin in admins:
        clusters.update(dict.fromkeys(admin.clusters))
    arns = tuple((admin.principal_arn, len(admin.clusters)) for admin in admins)
    return Admin(name, arns, len(clusters), groups.of(f"administered by {name}", tuple(clusters)))
