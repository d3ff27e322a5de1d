"""Whom ``--as`` means, and with which profile: decided on this machine."""

from pathlib import Path

import pytest

from migrator.app.on_plan import OnPlan, ways_of
from migrator.errors import WrongUse
from migrator.model.decision import AssumeAs, Decisions
from tests.support.worlds import planned, role, row, world

DEV, OPS = role("team/dev"), role("ops")
DEV_OF_OTHERS = role("others/dev")
BY_PROFILE = AssumeAs(profile="prod")
PLAN = planned(world([row(DEV, "a"), row(OPS, "b"), row(DEV_OF_OTHERS, "c")]))


@pytest.fixture(autouse=True)
def _profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile prod]\n", encoding="utf-8")
    (tmp_path / "keys").write_text("[keys]\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def _ways(wanted: str, profile: str = "prod", answers: Decisions | None = None) -> object:
    become = {wanted: AssumeAs(profile=profile)}
    return ways_of(OnPlan(plan=PLAN, digest="", answers=answers or Decisions(), become=become))


@pytest.mark.parametrize("wanted", [OPS, "ops", "role/ops", OPS.removeprefix("arn:aws:iam::")])
def test_a_principal_is_meant_by_its_arn_or_by_an_end_of_it(wanted: str) -> None:
    assert _ways(wanted) == {OPS: BY_PROFILE}


def test_an_end_that_two_have_means_neither() -> None:
    with pytest.raises(WrongUse) as caught:
        _ways("dev")
    assert caught.value.code == "principal-ambiguous"
    assert DEV in caught.value.why
    assert DEV_OF_OTHERS in caught.value.why
    assert _ways("team/dev") == {DEV: BY_PROFILE}


@pytest.mark.parametrize("profile", ["prod", "keys"])
def test_a_profile_of_either_file_exists(profile: str) -> None:
    assert _ways("ops", profile) == {OPS: AssumeAs(profile=profile)}


@pytest.mark.parametrize(
    ("wanted", "profile", "code"),
    [("alice", "prod", "principal-not-in-plan"), ("ops", "pord", "profile-not-found")],
)
def test_what_is_not_there_is_wrong_usage(wanted: str, profile: str, code: str) -> None:
    with pytest.raises(WrongUse) as caught:
        _ways(wanted, profile)
    assert caught.value.code == code


def test_an_answer_for_a_principal_of_another_plan_stays() -> None:
    stranger = role("elsewhere")
    answers = Decisions(verify_as={stranger: AssumeAs(assume_role=OPS)})
    assert _ways(stranger, answers=answers) == {stranger: BY_PROFILE}
