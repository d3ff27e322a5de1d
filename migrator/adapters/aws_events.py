"""Handlers and names of botocore's events, for all sessions and clients of a process.

Each session registers the same 130 handlers again, and looks at the signature of each: an account
of a fleet is a session. Each client looks up again what each of its events is called today: some 60
old names, for each of some 60 events. An account has several clients in each Region, which all have
the same events.
"""

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Any


def new_session() -> Any:
    """A session of botocore by the environment. Its clients share what they know of events."""
    from botocore.session import Session

    emitter = copy.copy(_with_handlers())
    core: Any = Session(event_hooks=emitter, include_builtin_handlers=False)
    core.register_component("event_emitter", _shared_names()(emitter))
    return core


@lru_cache(maxsize=1)
def _with_handlers() -> Any:
    """The handlers that botocore registers for a session: to be copied and never changed."""
    from botocore.hooks import HierarchicalEmitter
    from botocore.session import Session

    emitter = HierarchicalEmitter()
    Session(event_hooks=emitter)
    return emitter


@lru_cache(maxsize=1)
def _shared_names() -> Callable[[Any], Any]:
    """A class in place of botocore's ``EventAliaser``: its answers are kept for all clients."""
    from botocore.hooks import BaseEventHooks, EventAliaser

    class Named(BaseEventHooks):  # type: ignore[misc] # botocore has no types
        def emit(self, event_name: str, **_: Any) -> str:
            return event_name

    # It keeps its answers: the names of the events of the services that are called, and no others.
    today: Callable[[str], str] = EventAliaser(Named()).emit

    class SharedNames(BaseEventHooks):  # type: ignore[misc] # botocore has no types
        def __init__(self, emitter: Any) -> None:
            self._emitter = emitter

        def __copy__(self) -> "SharedNames":
            # For one client: handlers that are registered there are its own.
            return SharedNames(copy.copy(self._emitter))

        def emit(self, event_name: str, **about: Any) -> Any:
            return self._emitter.emit(today(event_name), **about)

        def emit_until_response(self, event_name: str, **about: Any) -> Any:
            return self._emitter.emit_until_response(today(event_name), **about)

        def register(self, event_name: str, *handler: Any, **more: Any) -> None:
            self._emitter.register(today(event_name), *handler, **more)

        def register_first(self, event_name: str, *handler: Any, **more: Any) -> None:
            self._emitter.register_first(today(event_name), *handler, **more)

        def register_last(self, event_name: str, *handler: Any, **more: Any) -> None:
            self._emitter.register_last(today(event_name), *handler, **more)

        def unregister(self, event_name: str, *handler: Any, **more: Any) -> None:
            self._emitter.unregister(today(event_name), *handler, **more)

    return SharedNames
