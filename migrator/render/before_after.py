"""Each principal before and after, next to each other: the shortest proof that nothing changed, or
what did.
"""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from migrator.model.plan import Plan
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of
from migrator.render.verdicts import VERDICT_STYLE


def before_after(
    plan: Plan,
    verdicts: Mapping[str, Mapping[str, Any]],
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """A table of all principals. ``verdicts`` are the objects of the verification's document, by
    ARN.
    """
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_edge=False,
        header_style="bold",
        expand=True,
    )
    table.add_column("PRINCIPAL", ratio=34, overflow="fold")
    table.add_column("BEFORE, BY AWS-AUTH", ratio=29, overflow="fold")
    table.add_column("AFTER, BY ACCESS ENTRY", ratio=29, overflow="fold")
    table.add_column("", width=7, no_wrap=True)
    for principal in plan.principals:
        found = verdicts.get(principal.principal_arn)
        before = principal.before
        cells = [
            foreign(short_arn(principal.principal_arn, plan)),
            Text("cannot log in", style="dim")
            if before.via == "none"
            else _who(before.username, before.groups),
        ]
        if found is None:
            cells += [
                Text("cannot log in", style="dim") if before.via == "none" else Text("not asked"),
                Text(""),
            ]
        else:
            policies = principal.entry.access_policies if principal.entry is not None else ()
            names = [policy.policy_name for policy in policies]
            shown = found["username"] is not None
            who = _who(found["username"], found["groups"]) if shown else foreign(found["why"])
            cells += [stack([who, *map(foreign, names)]), _verdict(str(found["verdict"]))]
        table.add_row(*cells)
    return text_of(table, width=width, color=color)


def _who(username: str, groups: Any) -> Text:  # noqa: ANN401 - a list or a tuple of texts
    """Username and groups, one a line."""
    shown = [group for group in groups if group != "system:authenticated"]  # every principal has it
    return stack([foreign(username or "(no name)", "bold"), *(foreign(group) for group in shown)])


def _verdict(verdict: str) -> Text:
    """A verdict in its colour; a word that is none is plain."""
    styles: Mapping[str, str] = {str(key): value for key, value in VERDICT_STYLE.items()}
    return Text(verdict, style=styles.get(verdict, ""))
