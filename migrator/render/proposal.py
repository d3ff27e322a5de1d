"""What a command is about to do, for a terminal: everything that its question is about."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from migrator.model.evidence import PrincipalVerdict, Verdict
from migrator.model.proposal import Part, Proposal
from migrator.render.gates import gate_rows
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of
from migrator.render.verdicts import VERDICT_STYLE

_SHOWN = 20  # names of one kind; `migrate show PLAN` has all
_WORST_FIRST: tuple[Verdict, ...] = ("failed", "unknown", "partial", "ok")


def proposal_text(proposal: Proposal, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """Title, gates, verdicts, changes with their numbers and names, and what is one-way."""
    parts: list[RenderableType] = [foreign(proposal.title, "bold")]
    if proposal.gates:
        parts.append(gate_rows(proposal.gates))
    if proposal.verdicts:
        parts += _verdicts(proposal)
    for part in proposal.parts:
        parts += _part(part, proposal)
    if proposal.one_way:
        parts.append(foreign(f"! {proposal.one_way}", "bold yellow"))
    return text_of(Group(*parts), width=width, color=color)


def _part(part: Part, proposal: Proposal) -> list[RenderableType]:
    """A heading with its number, and the first names below it."""
    most = len(part.names) if part.whole else _SHOWN
    names = [foreign(_short(name, proposal)) for name in part.names[:most]]
    rest = len(part.names) - len(names)
    if rest > 0:
        names.append(Text(f"and {rest} more"))
    title = Text(f"{part.what}: {len(part.names)}")
    if not names:
        return [title]
    return [title, Padding(stack(names), (0, 0, 0, 2))]


def _verdicts(proposal: Proposal) -> list[RenderableType]:
    """The number of each verdict, and by name those that are not ``ok``."""
    verdicts = proposal.verdicts
    counts = Counter(each.verdict for each in verdicts)
    classes = Counter(each.proof_class for each in verdicts if each.verdict == "ok")
    known = ", ".join(f"{number} {name}" for name, number in sorted(classes.items()))
    said = ", ".join(f"{counts[name]} {name}" for name in _WORST_FIRST if counts[name])
    text = f"Principals: {said}"
    # By which class of proof those are known that are ok.
    if known:
        text += f" ({known})"
    found: list[RenderableType] = [Text(f"{text}.")]
    lines = [_line(each, proposal) for each in _not_ok(verdicts)]
    if lines:
        found.append(Padding(stack(lines), (0, 0, 0, 2)))
    return found


def _not_ok(verdicts: Sequence[PrincipalVerdict]) -> list[PrincipalVerdict]:
    """The verdicts that are not ok, the worst first."""
    found: list[PrincipalVerdict] = []
    for name in _WORST_FIRST[:-1]:
        found += [each for each in verdicts if each.verdict == name]
    return found


def _line(each: PrincipalVerdict, proposal: Proposal) -> Text:
    """One verdict with its reason."""
    return Text.assemble(
        (each.verdict, VERDICT_STYLE[each.verdict]),
        " ",
        foreign(_short(each.principal_arn, proposal), "bold"),
        ": ",
        foreign(each.why),
    )


def _short(name: str, proposal: Proposal) -> str:
    """Without what all IAM ARNs of the cluster's partition share."""
    if proposal.cluster is None:
        return name
    return name.replace(f"arn:{proposal.cluster.partition}:iam::", "")
