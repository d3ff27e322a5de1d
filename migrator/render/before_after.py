"""Each principal before and after, next to each other: the shortest proof that nothing changed, or
what did.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migrator.model.plan import Plan, PlannedPrincipal
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of
from migrator.render.verdicts import VERDICT_STYLE

Found: TypeAlias = Mapping[str, Any]  # an object of the verification's document

_NOT_ASKED = {"none": Text("cannot log in", style="dim")}


def before_after(
    plan: Plan,
    verdicts: Mapping[str, Found],
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """A table of all principals. ``verdicts`` are the objects of the verification's document, by
    ARN.
    """
    parts: list[RenderableType] = [_pair(Text("BEFORE, BY AWS-AUTH"), Text("AFTER, BY ENTRY"))]
    for principal in plan.principals:
        found = verdicts.get(principal.principal_arn)
        parts += [
            _head(plan, principal, found),
            _pair(_before(principal), _after(principal, found)),
        ]
    return text_of(Group(*parts), width=width, color=color)


def _pair(before: Text, after: Text) -> Padding:
    """Two columns of the same width, under the name of the principal."""
    pair = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
    pair.add_column(ratio=1, overflow="fold")
    pair.add_column(ratio=1, overflow="fold")
    pair.add_row(before, after)
    return Padding(pair, (0, 0, 0, 2))


def _head(plan: Plan, principal: PlannedPrincipal, found: Found | None) -> Text:
    """The principal with its verdict in front."""
    verdict = Text("not asked") if found is None else _verdict(str(found["verdict"]))
    name = foreign(short_arn(principal.principal_arn, plan), "bold")
    return Text.assemble(verdict, "  ", name, overflow="fold")


def _before(principal: PlannedPrincipal) -> Text:
    """What its row, or its entry, gives it before the migration; that it cannot log in, where
    neither of them matches its log-ins.
    """
    who = _who(principal.before.username, principal.before.groups)
    return _NOT_ASKED.get(principal.before.via, who)


def _after(principal: PlannedPrincipal, found: Found | None) -> Text:
    """What it logs in as now, and the policies of its entry; why it does not, where it does not."""
    if found is None:
        return _NOT_ASKED.get(principal.before.via, Text("not asked"))
    who = foreign(found["why"])
    if found["username"] is not None:
        who = _who(found["username"], found["groups"])
    if principal.entry is None:
        return who
    return stack([who, *(foreign(each.policy_name) for each in principal.entry.access_policies)])


def _who(username: str, groups: Any) -> Text:  # noqa: ANN401 - a list or a tuple of texts
    """Username and groups, one a line."""
    shown = [group for group in groups if group != "system:authenticated"]  # every principal has it
    return stack([foreign(username or "(no name)"), *(foreign(group) for group in shown)])


def _verdict(verdict: str) -> Text:
    """A verdict in its colour; a word that is none is plain."""
    styles: Mapping[str, str] = {str(key): value for key, value in VERDICT_STYLE.items()}
    return Text(verdict, style=styles.get(verdict, ""))
