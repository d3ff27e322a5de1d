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


def _names(emitter: Any, event: str) -> list[str]:  # noqa: ANN401 - botocore has no types
    """Names of what is called for an event, in order."""
    return [
        getattr(each, "__qualname__", repr(each)) for each in emitter._handlers.prefix_search(event)
    ]


# Registered to be called first, last, for all services, and in a place of its own.
_EVENTS = (
    "before-parameter-build.s3.GetObject",
    "before-parameter-build.s3.PutObject",
    "before-parameter-build.ec2.RunInstances",
    "before-parse.s3.GetObject",
    "before-call.ec2.CopySnapshot",
    "before-call.eks.DescribeCluster",
    "needs-retry.s3.GetObject",
    "request-created.sts.AssumeRole",
    "after-call.iam.GetRole",
    "choose-signer.sts.GetCallerIdentity",
    "getattr.mturk.list_hi_ts_for_qualification_type",
)


def test_a_client_has_all_handlers_of_botocore() -> None:
    def handlers(session: Any) -> list[list[str]]:  # noqa: ANN401 - botocore has no types
        emitter = _client(session).meta.events._emitter
        return [_names(emitter, event) for event in _EVENTS]

    expected = handlers(Session())
    assert all(expected)
    assert [handlers(new_session()), handlers(new_session())] == [expected, expected]


def test_what_is_registered_at_one_session_is_no_other_session_s() -> None:
    called: list[str] = []
    one, other = new_session(), new_session()
    one.register("noted-here.sts", lambda **_: called.append("one"))
    _client(other).meta.events.emit("noted-here.sts.GetCallerIdentity")
    _client(new_session()).meta.events.emit("noted-here.sts.GetCallerIdentity")
    assert called == []
    _client(one).meta.events.emit("noted-here.sts.GetCallerIdentity")
    assert called == ["one"]


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
