"""What the API speaks: JSON. Objects stay plain dictionaries, because the server keeps fields that
it does not know.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from migrator.lab.http_wire import Response

Json: TypeAlias = dict[str, Any]  # an object
Value: TypeAlias = Any  # anything that JSON holds

# Made once: json.dumps with other separators makes an encoder for every call.
compact_json = json.JSONEncoder(separators=(",", ":")).encode


def json_response(status: int, body: Value, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(status, compact_json(body).encode(), headers=headers or {})
