"""Names in the authorizers' reasons."""

import json


def quoted(text: str) -> str:
    """The text as Go's ``%q`` writes it, for every name that Kubernetes accepts."""
    return json.dumps(text, ensure_ascii=False)
