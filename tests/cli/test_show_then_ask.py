"""What is agreed to is above the question: at a terminal, in the order in which a person reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_lab import WAIVERS, WORLD, CliLab, running
from tests.support.terminal import at_terminal, in_order

pytestmark = pytest.mark.in_order
ANSWERS = ("--decisions", "decisions.yaml")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("asks")) as found:
        (found.work / "decisions.yaml").write_text(WAIVERS)
        assert found.run("plan", "small", "--out", "plan.json", *ANSWERS).code == 0
        yield found


# The tests are one migration: each leaves the cluster as the next one needs it.


def test_apply_shows_numbers_names_and_what_is_one_way_and_a_no_changes_nothing(
    lab: CliLab,
) -> None:
    asks = "Apply this to cluster small? [y/N]"
    seen = at_terminal(lab, ("apply", "plan.json", "--quiet"), asks, "n")
    in_order(
        seen.text,
        "Apply the plan to cluster small.",
        "Authentication mode to switch: 1 CONFIG_MAP to API_AND_CONFIG_MAP",
        "Access entries to create: 3",
        "111122223333:role/developer",
        "Access policies to associate: 2 AmazonEKSClusterAdminPolicy of",
        "The switch to API_AND_CONFIG_MAP is one-way",
        asks,
    )
    assert "not-confirmed" in seen.after
    assert (seen.code, lab.effects()) == (4, [])


def test_apply_to_one_principal_shows_that_one_alone(lab: CliLab) -> None:
    developer = "arn:aws:iam::111122223333:role/developer"
    asks = "Apply this to cluster small? [y/N]"
    seen = at_terminal(lab, ("apply", "plan.json", "--only", developer), asks, "n")
    assert "Access entries to create: 1 111122223333:role/developer" in seen.text
    assert "second-admin" not in seen.text


def test_apply_is_done_with_a_yes(lab: CliLab) -> None:
    seen = at_terminal(lab, ("apply", "plan.json"), "Apply this to cluster small? [y/N]", "y")
    assert seen.code == 0, seen.after
    again = lab.run("apply", "plan.json")
    assert again.code == 0, "nothing is left: nothing is asked"


def test_roll_back_shows_what_is_deleted_and_asks_and_in_dual_mode_so_does_apply(
    lab: CliLab,
) -> None:
    before = lab.effects()
    asks = "Roll back on cluster small? [y/N]"
    seen = at_terminal(lab, ("rollback", "plan.json"), asks, "")
    in_order(
        seen.text,
        "Roll back the plan on cluster small",
        "Access entries to delete: 3",
        "111122223333:role/developer",
        asks,
    )
    assert (seen.code, lab.effects()) == (4, before)
    unasked = lab.run("rollback", "plan.json")
    assert (unasked.code, unasked.error_code, lab.effects()) == (4, "no-terminal", before)
    assert at_terminal(lab, ("rollback", "plan.json"), asks, "yes").code == 0
    after = lab.effects()
    dual = lab.run("apply", "plan.json")
    assert (dual.code, dual.error_code, lab.effects()) == (4, "no-terminal", after)
    assert "Access entries to create: 3" in dual.err
    assert "one-way" not in dual.err
    assert lab.run("apply", "plan.json", "--yes").code == 0


def test_cutover_shows_gates_waivers_verdicts_and_the_one_way_sentence_above_the_name(
    lab: CliLab,
) -> None:
    before = lab.effects()
    asks = "the cluster's name:"
    seen = at_terminal(lab, ("cutover", "plan.json", *ANSWERS), asks, "smal")
    in_order(
        seen.text,
        "Switch cluster small to API mode.",
        "GATE STATE",
        "waived by test: a lab",
        "gates are open.",
        "Principals: 3 ok (",
        "Gates that are waived: 1",
        "rehearsal, by test: a lab; it covers: there is no record of one",
        "There is no way back from API mode",
        asks,
    )
    assert "name-mismatch" in seen.after
    assert (seen.code, lab.effects()) == (4, before)
    assert at_terminal(lab, ("cutover", "plan.json", *ANSWERS), asks, "small").code == 0


def test_retire_shows_whose_rows_go_and_asks(lab: CliLab) -> None:
    before = lab.effects()
    asks = "[y/N]"
    seen = at_terminal(lab, ("retire", "plan.json"), asks, "n")
    in_order(
        seen.text,
        "Delete the ConfigMap kube-system/aws-auth of cluster small",
        "Principals with a row, which is inert: 3",
        "111122223333:role/team/second-admin",
        "Delete the ConfigMap kube-system/aws-auth, which is not asked any more?",
        asks,
    )
    assert (seen.code, lab.effects()) == (4, before)
    assert at_terminal(lab, ("retire", "plan.json"), asks, "y").code == 0


def test_apply_asks_iam_about_its_steps_before_it_asks_the_operator(tmp_path: Path) -> None:
    """A right that is missing was found after the mode step, which cannot be undone."""
    denied = "      - {name: operator, deniedActions: ['eks:AssociateAccessPolicy']}\n"
    world = WORLD.replace("      - {name: operator}\n", denied)
    assert world != WORLD
    with running(tmp_path, world) as lab:
        assert lab.run("plan", "small", "--out", "plan.json").code == 0
        ran = lab.run("apply", "plan.json", "--yes")
        assert (ran.code, ran.error_code) == (3, "steps-not-allowed"), ran.err
        assert "Not allowed: eks:AssociateAccessPolicy." in ran.err
        assert "Apply this" not in ran.err
        # The lock of the cluster is taken before, and let go.
        assert {each["operation"].partition(" ")[2] for each in lab.effects()} <= {"leases"}
