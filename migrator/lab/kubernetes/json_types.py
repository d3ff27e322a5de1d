"""What the API speaks: JSON. Objects stay plain dictionaries, because the server keeps fields that
it does not know.
"""

import json
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]  # an object
Value: TypeAlias = Any  # anything that JSON holds

# Made once: json.dumps with other separators makes an encoder for every call.
compact_json = json.JSONEncoder(separators=(",", ":")).encode
