"""Clients share the names of botocore's events, and no handlers."""

from typing import Any

import pytest
from botocore.hooks import BaseEventHooks, EventAliaser
from botocore.session import Session
from botocore.utils import EVENT_ALIASES

from migrator.adapters.aws_events import new_session


class Asked(BaseEventHooks):  # type: ignore[misc] # botocore has no types
    def emit(self, event_name: str, **_: object) -> str:
        return event_name


def _client(session: Any) -> Any:  # noqa: ANN401 - botocore has no types
    return session.create_client(
        "sts", "eu-central-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example"
    )


@pytest.mark.parametrize("old", sorted(EVENT_ALIASES))
def test_a_handler_is_called_for_an_event_under_its_old_and_its_new_name(old: str) -> None:
    emitter = new_session().get_component("event_emitter")
    called: list[str] = []
    name = f"noted-here.{old}.Describe"
    emitter.register(name, lambda event_name, **_: called.append(event_name))
    today = EventAliaser(Asked()).emit(name)
    for each in (name, today):
        emitter.emit(each)
    assert called == [today, today]


def test_a_client_has_all_handlers_of_botocore() -> None:
    def handlers(session: Any) -> list[str]:  # noqa: ANN401 - botocore has no types
        emitter = _client(session).meta.events._emitter
        return sorted(
            map(str, emitter._handlers.prefix_search("before-parameter-build.s3.GetObject"))
        )

    assert handlers(new_session()) == handlers(Session())


def test_what_is_registered_at_one_client_is_no_other_client_s() -> None:
    session = new_session()
    one, other, elsewhere = _client(session), _client(session), _client(new_session())
    called: list[str] = []
    one.meta.events.register("noted-here.sts", lambda **_: called.append("one"))
    for client in (other, elsewhere):
        client.meta.events.emit("noted-here.sts.GetCallerIdentity")
    assert called == []
    one.meta.events.emit("noted-here.sts.GetCallerIdentity")
    assert called == ["one"]


def test_a_handler_that_is_taken_away_is_not_called() -> None:
    events = _client(new_session()).meta.events
    called: list[str] = []

    def note(**_: object) -> None:
        called.append("note")

    events.register_first("noted-here.sts", note)
    events.unregister("noted-here.sts", note)
    events.register_last("noted-here.sts", note)
    events.unregister("noted-here.sts", note)
    events.emit_until_response("noted-here.sts.GetCallerIdentity")
    assert called == []
