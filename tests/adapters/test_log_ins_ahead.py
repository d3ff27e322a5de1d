"""Logins that are made before they are asked for: which ones, and for how long each counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from migrator.adapters import reviewers
from migrator.adapters.eks_token import TokenMint
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import open_wire
from migrator.adapters.log_ins_ahead import MOST_READY, LogInsAhead
from migrator.adapters.reviewers import RealReviewers, Reviewer
from migrator.errors import MigratorError
from migrator.model.decision import AssumeAs
from migrator.model.evidence import SelfSubject
from tests.support.scripted_api import Asked, Reply, Script, ScriptedApi, scripted_api
from tests.support.stubbed_aws import identity, stubbed_session

ENDPOINT = Endpoint(server="http://127.0.0.1:9", cluster_name="prod")
ALICE = "arn:aws:iam::111122223333:user/alice"
WEB = SelfSubject("web", ("team",))


def admitted(asked: Asked) -> Reply:
    """SelfSubjectReview of a login that works."""
    user = {"username": WEB.username, "groups": list(WEB.groups)}
    return 201, {"status": {"userInfo": user}}


@contextmanager
def reviewer(script: Script = admitted) -> Iterator[tuple[Reviewer, ScriptedApi]]:
    with scripted_api(script) as api:
        wire = open_wire(replace(ENDPOINT, server=api.url))
        try:
            yield Reviewer(wire, TokenMint(stubbed_session(), "prod")), api
        finally:
            wire.close()


def test_a_login_that_was_made_ahead_answers_the_first_question_and_no_other() -> None:
    with reviewer() as (asking, api):
        asking.log_in_ahead()
        assert asking.who_am_i() == WEB
        assert len(api.asked) == 1
        assert asking.who_am_i() == WEB
        assert len({asked.token for asked in api.asked}) == 2


def test_a_refused_login_that_was_made_ahead_is_a_refused_login() -> None:
    with reviewer(lambda asked: (401, {})) as (asking, api):
        asking.log_in_ahead()
        assert asking.who_am_i() is None
        assert asking.refused
        assert len(api.asked) == 1


def test_an_old_login_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with reviewer() as (asking, api):
        asking.log_in_ahead()
        monkeypatch.setattr(reviewers, "_AHEAD_SECONDS", -1.0)
        assert asking.who_am_i() == WEB
        assert len(api.asked) == 2


def test_no_login_is_made_ahead_once_one_was_asked_for() -> None:
    with reviewer() as (asking, api):
        asking.who_am_i()
        asking.log_in_ahead()
        assert len(api.asked) == 1


def test_an_error_of_a_login_ahead_is_raised_where_the_login_is_asked_for() -> None:
    with reviewer(lambda asked: (500, {"message": "no"})) as (asking, api):
        asking.log_in_ahead()
        with pytest.raises(MigratorError):
            asking.who_am_i()
        assert len(api.asked) == 2


def test_few_are_ready_at_a_time_in_the_order_in_which_they_are_asked_for() -> None:
    names = [str(number) for number in range(MOST_READY + 3)]
    ahead = LogInsAhead((name, f"arn:{name}") for name in names)
    ready = [ahead.next() for _ in range(MOST_READY)]
    assert ready == [f"arn:{name}" for name in names[:MOST_READY]]
    # One that is asked for before its turn is made ready no more.
    ahead.asked_for(names[MOST_READY])
    ahead.asked_for(names[3])
    assert ahead.next() == f"arn:{names[MOST_READY + 1]}"


def test_who_waits_to_make_the_next_ready_ends_with_the_block() -> None:
    ahead = LogInsAhead((str(number), str(number)) for number in range(MOST_READY + 1))
    for _ in range(MOST_READY):
        ahead.next()
    ahead.end()
    assert ahead.next() is None


def test_credentials_of_a_principal_that_is_forgotten_are_dropped() -> None:
    session = stubbed_session()
    session._identity = identity(ALICE)
    session.with_profile = lambda profile: session  # type: ignore[method-assign]
    wire = open_wire(ENDPOINT)
    found = RealReviewers(session, wire, "prod", ways={ALICE: AssumeAs(profile="alice")})
    first = found.as_principal(ALICE)
    assert found.as_principal(ALICE) is first
    found.forget(ALICE)
    assert found._known == {}
    assert found.as_principal(ALICE) is not first
