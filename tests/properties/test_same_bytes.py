"""The same input gives the same rows and probes in every process: sets are never shown in their own
order.
"""

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare
from migrator.decide.access.probes import probes_for
from migrator.model.access_entry import Identity
from tests.support import rbac_vectors
from tests.support.access import policy

index = RbacIndex(rbac_vectors.state())
before = Identity("u2", ("g1", "g2"), "config-map")
after = Identity("{{SessionNameRaw}}", ("g3",), "access-entry", (policy("AmazonEKSViewPolicy", "dev*", "prod"),))
print(compare(before, after, index))
print(probes_for(before, index), probes_for(after, index, namespaces=["dev-a"]))
"""  # noqa: E501


def test_rows_and_probes_do_not_depend_on_hash_seeds() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1
    assert b"PermissionRow" in next(iter(answers))
