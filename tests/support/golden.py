"""Golden files: what was right once is compared byte for byte; ``UPDATE_GOLDEN=1`` writes
them again for review.
"""

import os
from pathlib import Path


def assert_golden(path: Path, content: bytes) -> None:
    """The file holds exactly these bytes."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert path.read_bytes().decode() == content.decode(), (
        f"{path} differs; UPDATE_GOLDEN=1 writes it again"
    )
