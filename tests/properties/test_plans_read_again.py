"""A plan that was made is consistent when it is read; a changed one is refused, whatever its digest
says.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.planning.rereading.prove_again import inconsistencies
from migrator.decide.proving.announced import unannounced_changes, unannounced_end
from migrator.errors import MigratorError
from migrator.model.access_entry import AuthenticationMode
from migrator.model.canonical import canonical_bytes
from migrator.model.decision import Acceptance, Decisions
from migrator.model.files.plan import decode_plan, encode_plan, plan_to_document
from migrator.model.plan import Plan, Strategy, Target
from migrator.model.snapshot import Snapshot
from migrator.run.read_plan import read_plan
from tests.support.changed_plans import changes, edits, with_digests
from tests.support.random_worlds import answered, node_worlds, worlds
from tests.support.worlds import NOW

MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
strategies: st.SearchStrategy[Strategy] = st.sampled_from(("preserve", "policies"))
targets: st.SearchStrategy[Target] = st.sampled_from(("API", "API_AND_CONFIG_MAP"))


EXAMPLES = Path(__file__).parents[2] / "examples"
PLANS = sorted(path.parent.name for path in EXAMPLES.glob("*/plan.json"))


def read_again(plan: Plan) -> list[str]:
    return [
        f"{found.where}: {found.why}" for found in inconsistencies(decode_plan(encode_plan(plan)))
    ]


@given(
    worlds(modes=MODES) | node_worlds(),
    st.just(Decisions()) | answered(),
    strategies,
    targets,
    st.booleans(),
)
def test_plan_that_was_made_is_consistent_when_read(
    snapshot: Snapshot, decisions: Decisions, strategy: Strategy, target: Target, accept_gap: bool
) -> None:
    try:
        plan = make_plan(
            snapshot, decisions, strategy=strategy, target=target, now=NOW, accept_gap=accept_gap
        )
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    assert read_again(plan) == []
    losses = {
        p.principal_arn: Acceptance("Ana", "all of it")
        for p in plan.principals
        if p.action == "block"
    }
    if losses and not decisions.principals:
        everything = Decisions(accept_loss=losses, accept_gain=losses)
        accepted = make_plan(snapshot, everything, strategy=strategy, target=target, now=NOW)
        assert read_again(accepted) == []


@pytest.mark.parametrize("name", PLANS)
def test_plan_file_of_an_example_is_consistent_when_read(name: str) -> None:
    read_plan((EXAMPLES / name / "plan.json").read_bytes())


def refused(document: dict[str, Any]) -> str:
    """The code of the refusal; empty where the plan is taken."""
    try:
        read_plan(canonical_bytes(document))
    except MigratorError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    "name", [name for name in PLANS if name not in ("forty-two-roles", "hundred-fifty-entries")]
)
def test_every_change_of_an_example_is_refused(name: str) -> None:
    document = json.loads((EXAMPLES / name / "plan.json").read_bytes())
    changed = list(changes(document))
    assert len(changed) > 50
    taken = [
        what
        for what, each in changed
        if refused(each) not in ("plan-inconsistent", "plan-malformed")
    ]
    assert taken == []


@given(worlds(modes=MODES) | node_worlds(), strategies, st.randoms(use_true_random=False))
def test_some_change_of_a_generated_plan_is_refused(
    snapshot: Snapshot, strategy: Strategy, random: Random
) -> None:
    document = plan_to_document(make_plan(snapshot, Decisions(), strategy=strategy, now=NOW))
    what, changed = random.choice(list(edits(document)))
    assert refused(with_digests(changed, document)) in ("plan-inconsistent", "plan-malformed"), what


@given(worlds(modes=MODES) | node_worlds(), st.just(Decisions()) | answered(), strategies)
def test_entries_of_a_plan_that_was_made_give_what_the_plan_announces(
    snapshot: Snapshot, decisions: Decisions, strategy: Strategy
) -> None:
    """All steps done, nothing else changed: verify and the gates find no gain and no loss that was
    not announced.
    """
    try:
        plan = make_plan(snapshot, decisions, strategy=strategy, now=NOW)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    assert unannounced_end(plan, snapshot) == ()
    assert unannounced_changes(plan, simulate(snapshot, plan.steps), "sha256:none") == ()
