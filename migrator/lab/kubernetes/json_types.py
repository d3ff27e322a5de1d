"""What the API speaks: JSON. Objects stay plain dictionaries, because the server keeps fields that it does not know."""

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]  # an object
Value: TypeAlias = Any  # anything that JSON holds
