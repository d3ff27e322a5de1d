"""The options of a command, as a job carries them to the process that does it: JSON."""

from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec


def options_to_document(options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request as JSON values; a duration is ISO 8601's."""
    return {name: msgspec.to_builtins(value) for name, value in options.items()}


def options_from_document(request: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """And back, with the types that the fields of ``request`` have."""
    types = get_type_hints(request)
    return {name: msgspec.convert(value, types[name]) for name, value in document.items()}
