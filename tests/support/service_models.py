"""The AWS SDK's descriptions of services, read from their files once in a process and not once for
every session.
"""

import copy
from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

import botocore.client
import botocore.hooks
import botocore.loaders


@cache
def read_service_models_once() -> None:
    """Keep what was read: botocore keeps it per session, and tests open hundreds of them."""
    read = cache(botocore.loaders.JSONFileLoader().load_file)
    listed = botocore.loaders.Loader.list_available_services
    known: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def load_file(_loader: object, path: str) -> Any:  # noqa: ANN401 - JSON
        return read(path)

    def available(loader: Any, type_name: str) -> list[str]:  # noqa: ANN401 - untyped
        key = (tuple(loader.search_paths), type_name)
        if key not in known:
            known[key] = listed(loader, type_name)
        return known[key]

    botocore.loaders.JSONFileLoader.load_file = load_file
    botocore.loaders.Loader.list_available_services = available
    _name_events_once()
    _make_methods_once()
    _look_at_handlers_once()
    _copy_handlers_quickly()


def _name_events_once() -> None:
    """Each session registers the same 130 handlers, and works out their names by patterns."""
    named = botocore.hooks.EventAliaser._alias_event_name
    names: dict[str, str] = {}

    def name_of(aliaser: Any, event_name: str) -> str:  # noqa: ANN401 - untyped
        if event_name not in names:
            names[event_name] = named(aliaser, event_name)
        return names[event_name]

    botocore.hooks.EventAliaser._alias_event_name = name_of


def _make_methods_once() -> None:
    """A client has a class of its own, with a method for each of a service's calls: 700 for EC2."""
    make = botocore.client.ClientCreator._create_methods
    # Some sessions know only the operations that the program uses.
    made: dict[tuple[str, str, int], dict[str, Any]] = {}

    def methods_of(creator: Any, service: Any) -> dict[str, Any]:  # noqa: ANN401 - untyped
        key = (service.service_name, service.api_version, len(service.operation_names))
        if key not in made:
            made[key] = make(creator, service)
        return dict(made[key])  # the class adds to it

    botocore.client.ClientCreator._create_methods = methods_of


def _look_at_handlers_once() -> None:
    """Each session asks of each of its handlers whether it takes any keyword."""
    accepts = botocore.hooks.accepts_kwargs
    known: dict[CodeType, Any] = {}

    def accepts_kwargs(handler: Callable[..., object]) -> Any:  # noqa: ANN401 - untyped
        code = getattr(handler, "__code__", None)  # of a method also
        if code is None:
            return accepts(handler)
        if code not in known:
            known[code] = accepts(handler)
        return known[code]

    botocore.hooks.accepts_kwargs = accepts_kwargs


def _copy_handlers_quickly() -> None:
    """Each client has a copy of its session's tree of 400 handlers; botocore asks of every member
    of every node what it is.
    """

    def copied(node: dict[str, Any]) -> dict[str, Any]:
        values = node["values"]
        return {
            "chunk": node["chunk"],
            "children": {part: copied(child) for part, child in node["children"].items()},
            "values": None if values is None else copy.copy(values),
        }

    def copy_of(trie: Any) -> Any:  # noqa: ANN401 - untyped
        made = type(trie)()
        made._root = copied(trie._root)
        return made

    botocore.hooks._PrefixTrie.__copy__ = copy_of
