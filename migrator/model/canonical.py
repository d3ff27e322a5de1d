"""One spelling of JSON for everything that is compared or digested: sorted keys, ASCII, no optional
blanks.

ASCII on purpose: text from the cluster is hostile, and an escaped bidi override or lone surrogate
does no harm.
"""

import hashlib
import json
from typing import Any


def canonical_bytes(document: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Compact JSON with sorted keys: what digests are taken of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "ascii"
    )


def pretty_bytes(document: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The same for people and ``diff``: two-space indent, LF, a newline at the end."""
    return json.dumps(document, sort_keys=True, indent=2, allow_nan=False).encode("ascii") + b"\n"


def digest_of(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """``sha256:…`` of the canonical bytes. It finds accidents, not enemies: a digest is no
    signature.
    """
    return digest_of_bytes(canonical_bytes(document))


def digest_of_bytes(content: bytes) -> str:
    """The digest of what was made canonical already."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
