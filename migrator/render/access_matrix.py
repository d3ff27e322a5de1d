"""The access difference as a matrix: principals by scopes, with what is gained, lost, and was shown
to be the same.

The plan knows gained and lost permissions exactly; the probes show, scope by scope, that the rest
answers as before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.evidence import PrincipalVerdict, ProbeResult
from migrator.model.log_ins import log_in_words
from migrator.model.plan import AccessChange, PlannedPrincipal
from migrator.model.report import Report
from migrator.render.facts import permission_words

Change: TypeAlias = Literal["gained", "lost", "both", "unknown", "wrong", "same", "none"]
CLUSTER, URLS, LOG_INS = "cluster", "non-resource", "log-ins"
_OTHERS = "other namespaces"
_MOST_COLUMNS = 16
_LABELS = {CLUSTER: "whole cluster", URLS: "URLs"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One principal in one scope. ``count`` is of permissions for a change, of probes for ``same``
    and ``wrong``.
    """

    change: Change
    count: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One principal's row."""

    principal_arn: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Scopes as columns, in the order in which the cells come; ``changed``: principals with any
    difference.
    """

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    changed: int


def access_matrix(report: Report) -> Matrix:
    """All principals of the plan. Beyond 16 scopes the namespaces in which nothing differs share
    one column.
    """
    verdicts = {each.principal_arn: each for each in report.verification.verdicts}
    found: list[tuple[str, dict[str, Cell]]] = []
    for principal in report.plan.principals:
        arn = principal.principal_arn
        found.append((arn, _cells(principal, verdicts.get(arn))))
    # The columns depend on the cells of all principals.
    columns = _columns(cells for _, cells in found)
    lines = tuple(Line(arn, _line(cells, columns)) for arn, cells in found)
    changed = sum(map(_has_difference, lines))
    return Matrix(tuple(map(_label, columns)), lines, changed)


def _has_difference(line: Line) -> bool:
    """Whether the principal has other access, or answers otherwise, in any scope."""
    return any(map(_differs, line.cells))


def _differs(cell: Cell) -> bool:
    """Whether the cell shows a difference, one that is not known included."""
    return cell.change not in ("same", "none")


def _label(scope: str) -> str:
    """The head of a scope's column."""
    label = _LABELS.get(scope)
    if label is not None:
        return label
    return scope.removeprefix("namespace ").removeprefix("unknown ")


def _cells(principal: PlannedPrincipal, verdict: PrincipalVerdict | None) -> dict[str, Cell]:
    """The cells of one principal by scope: changes of the rules first, then what was only asked."""
    found: dict[str, Cell] = {}
    log_ins = _log_ins(principal.access)
    if log_ins is not None:
        found[LOG_INS] = log_ins
    asked = _probes_by_scope(verdict)
    changed = [row.scope for row in principal.access.gained + principal.access.lost]
    for scope in (*changed, *asked):
        found[scope] = _cell(principal, scope, asked.get(scope, []))
    return found


def _probes_by_scope(verdict: PrincipalVerdict | None) -> dict[str, list[ProbeResult]]:
    """The answers of the last proof, by scope; empty where there is no proof."""
    if verdict is None or verdict.evidence is None:
        return {}
    asked: dict[str, list[ProbeResult]] = {}
    for result in verdict.evidence.probes:
        asked.setdefault(_scope_of(result), []).append(result)
    return asked


def _log_ins(access: AccessChange) -> Cell | None:
    """Which log-ins are admitted, where that changes: a separate column, because it is no
    permission.
    """
    gained, lost = access.log_ins_gained, access.log_ins_lost
    if not gained and not lost:
        return None
    words: list[str] = []
    for each in gained:
        words.append(f"gains {log_in_words(each)}")
    for each in lost:
        words.append(f"loses {log_in_words(each)}")
    return Cell(_change(gained, lost), len(words), "; ".join(words))


def _change(gained: Sequence[object], lost: Sequence[object]) -> Change:
    """Of two sequences, of which one at least is not empty."""
    if not lost:
        return "gained"
    if not gained:
        return "lost"
    return "both"


def _scope_of(result: ProbeResult) -> str:
    """The scope that a probe asked about, named as the scopes of permission rows."""
    request = result.probe.request
    if request.path is not None:
        return URLS
    if request.namespace is None:
        return CLUSTER
    return f"namespace {request.namespace}"


def _cell(principal: PlannedPrincipal, scope: str, asked: list[ProbeResult]) -> Cell:
    """What the rules say of one principal in one scope; where they give no difference, what the
    probes answered.
    """
    access = principal.access
    gained = [row for row in access.gained if row.scope == scope]
    lost = [row for row in access.lost if row.scope == scope]
    if not gained and not lost:
        return _probes_cell(asked)
    words: list[str] = []
    for row in gained:
        words.append(f"gains {permission_words(row)}")
    for row in lost:
        words.append(f"loses {permission_words(row)}")
    change = _change(gained, lost)
    is_unsure = any(row.unknown for row in gained + lost)
    # One row that is not known makes the whole cell uncertain: the reader must not count on it.
    if is_unsure:
        change = "unknown"
    return Cell(change, len(words), "; ".join(words))


def _probes_cell(asked: list[ProbeResult]) -> Cell:
    """Where the rules give no difference, the API server's answers to probes decide."""
    wrong = sum(not each.right for each in asked)
    if wrong:
        return Cell(
            "wrong", wrong, f"{wrong} of {len(asked)} probes answer otherwise than they must"
        )
    return Cell("same", len(asked), f"{len(asked)} probes answer as before")


def _columns(lines: Iterable[dict[str, Cell]]) -> tuple[str, ...]:
    """Log-ins, the whole cluster, URLs, then namespaces: those with a difference first, then the
    most asked ones.
    """
    weight: Counter[str] = Counter()
    differing: set[str] = set()
    for cells in lines:
        for scope, cell in cells.items():
            weight[scope] += 1
            if _differs(cell):
                differing.add(scope)
    fixed = [scope for scope in (LOG_INS, CLUSTER, URLS) if scope in weight]
    rest = [scope for scope in weight if scope not in fixed]
    # The name decides among equals, so that the same report has the same columns.
    rest.sort(key=lambda scope: (scope not in differing, -weight[scope], scope))
    # However many columns that makes: a namespace with a difference has its own.
    shown = rest[: max(_MOST_COLUMNS, len(differing.intersection(rest)))]
    if len(shown) < len(rest):
        shown.append(_OTHERS)
    return (*fixed, *shown)


def _line(cells: dict[str, Cell], columns: tuple[str, ...]) -> tuple[Cell, ...]:
    """The cells of one principal in the order of the columns; the last may show several scopes."""
    shown = [cells.get(column, Cell("none")) for column in columns]
    if _OTHERS not in columns:
        return tuple(shown)
    # Only scopes without a difference share a column: their probes are added up.
    hidden = 0
    for scope, cell in cells.items():
        if scope not in columns:
            hidden += cell.count
    if hidden:
        shown[-1] = Cell("same", hidden, f"{hidden} probes answer as before")
    return tuple(shown)
