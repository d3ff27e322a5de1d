"""A plan that was made is consistent when it is read; a changed one is refused, whatever its digest says."""

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.rereading.prove_again import inconsistencies
from migrator.errors import MigratorError
from migrator.model.access_entry import AuthenticationMode
from migrator.model.decision import Acceptance, Decisions
from migrator.model.files.plan import decode_plan, encode_plan
from migrator.model.plan import Plan, Strategy, Target
from migrator.model.snapshot import Snapshot
from tests.support.random_worlds import answered, node_worlds, worlds
from tests.support.worlds import NOW

MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
strategies: st.SearchStrategy[Strategy] = st.sampled_from(("preserve", "policies"))
targets: st.SearchStrategy[Target] = st.sampled_from(("API", "API_AND_CONFIG_MAP"))


def read_again(plan: Plan) -> list[str]:
    return [f"{found.where}: {found.why}" for found in inconsistencies(decode_plan(encode_plan(plan)))]


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
        plan = make_plan(snapshot, decisions, strategy=strategy, target=target, now=NOW, accept_gap=accept_gap)
    except MigratorError as error:
        assert error.code in ("decision-invalid", "decision-unused")
        return
    assert read_again(plan) == []
    losses = {p.principal_arn: Acceptance("Ana", "all of it") for p in plan.principals if p.action == "block"}
    if losses and not decisions.principals:
        accepted = make_plan(snapshot, Decisions(accept_loss=losses), strategy=strategy, target=target, now=NOW)
        assert read_again(accepted) == []
