"""The matrix of access: which change shows in which cell, and which scopes get a column."""

from dataclasses import replace

from migrator.model.evidence import PrincipalVerdict, Probe, ProbeResult
from migrator.model.plan import AccessChange
from migrator.model.rbac import AccessRequest, PermissionRow
from migrator.model.report import Report
from migrator.render.access_matrix import Cell, Matrix, access_matrix
from tests.support.plans import plan, principal, role
from tests.support.reports import evidence, good, troubled

ALICE = role("alice")


def row(scope: str) -> PermissionRow:
    return PermissionRow(scope, ("",), ("pods",), ("get",))


def report(change: AccessChange, *asked: ProbeResult) -> Report:
    """One principal whose access changes so, and who was asked so."""
    seen = replace(evidence(ALICE, "alice"), probes=asked)
    verdict = PrincipalVerdict(ALICE, "ok", "live", "live", "", seen)
    base = good()
    outcome = replace(base.verification, verdicts=(verdict,))
    return replace(base, plan=plan(principal(ALICE, access=change)), verification=outcome)


def asked(
    namespace: str | None = None, *, allowed: bool = True, path: str | None = None
) -> ProbeResult:
    request = AccessRequest("get", resource="" if path else "pods", namespace=namespace, path=path)
    return ProbeResult(Probe(request, True), allowed)


def cells(matrix: Matrix) -> dict[str, tuple[str, int]]:
    return {
        column: (cell.change, cell.count)
        for column, cell in zip(matrix.columns, matrix.lines[0].cells, strict=True)
    }


def test_a_cell_says_gained_lost_both_or_unknown() -> None:
    change = AccessChange(
        (row("cluster"), row("namespace a"), row("namespace a"), row("unknown the rules")),
        (row("namespace a"), row("namespace b")),
    )
    matrix = access_matrix(report(change))
    assert cells(matrix) == {
        "whole cluster": ("gained", 1),
        "a": ("both", 3),
        "b": ("lost", 1),
        "the rules": ("unknown", 1),
    }
    assert matrix.changed == 1
    assert (
        "gains get pods in namespace a; gains"
        in matrix.lines[0].cells[matrix.columns.index("a")].words
    )


def test_probes_that_answer_as_before_show_that_the_rest_is_the_same() -> None:
    matrix = access_matrix(
        report(AccessChange(), asked(), asked("shop"), asked("shop"), asked(path="/healthz"))
    )
    assert cells(matrix) == {"whole cluster": ("same", 1), "URLs": ("same", 1), "shop": ("same", 2)}
    assert matrix.changed == 0


def test_a_probe_that_answers_otherwise_is_a_difference_that_no_rule_explains() -> None:
    matrix = access_matrix(report(AccessChange(), asked("shop"), asked("shop", allowed=False)))
    assert cells(matrix) == {"shop": ("wrong", 1)}
    assert matrix.changed == 1


def test_what_the_plan_says_wins_over_probes_in_the_same_scope() -> None:
    matrix = access_matrix(report(AccessChange((), (row("namespace shop"),)), asked("shop")))
    assert cells(matrix) == {"shop": ("lost", 1)}


def test_beyond_sixteen_namespaces_only_those_with_a_difference_keep_their_column() -> None:
    many = [asked(f"ns{number:02d}") for number in range(40)]
    matrix = access_matrix(report(AccessChange((), (row("namespace zz"),)), *many))
    assert matrix.columns[0] == "zz"
    assert matrix.columns[-1] == "other namespaces"
    assert len(matrix.columns) == 17
    assert cells(matrix)["other namespaces"] == ("same", 25)


def test_no_difference_is_ever_left_out() -> None:
    lost = tuple(row(f"namespace ns{number:02d}") for number in range(40))
    matrix = access_matrix(report(AccessChange((), lost)))
    assert len(matrix.columns) == 40
    assert {change for change, _ in cells(matrix).values()} == {"lost"}


def test_without_rules_or_probes_there_is_no_matrix() -> None:
    assert access_matrix(report(AccessChange())).columns == ()


def test_every_principal_has_a_line_and_every_line_a_cell_for_each_column() -> None:
    found = troubled()
    matrix = access_matrix(found)
    assert [line.principal_arn for line in matrix.lines] == [
        each.principal_arn for each in found.plan.principals
    ]
    assert {len(line.cells) for line in matrix.lines} == {len(matrix.columns)}
    assert Cell("none") in matrix.lines[1].cells
