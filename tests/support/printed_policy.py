"""Worlds whose operator may do what ``migrate doctor --policy`` prints, and nothing else: the
reader of a page who asked for exactly that.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.forked_cli import forked_clis

CLUSTER = "my-cluster"  # as the pages call it


@cache
def printed_actions(cluster_arn: str) -> tuple[str, ...]:
    """The actions of the policy that is printed for all commands on one cluster."""
    given = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    ran = forked_clis().run(("doctor", cluster_arn, "--policy"), Path.cwd(), given)
    assert ran.returncode == 0, ran.stderr
    statements = json.loads(ran.stdout)["Statement"]
    return tuple(action for each in statements for action in each["Action"])


def for_a_reader(world: str, name: str = CLUSTER) -> str:
    """A world whose first cluster has the pages' name, and whose operator has the printed policy
    and no other permission.
    """
    document = YAML(typ="safe", pure=True).load(world)
    cluster = document["clusters"][0]
    cluster["name"] = name
    account = cluster["account"]
    region = cluster.get("region", document["settings"]["region"])
    operator = _operator(document)
    operator["allowedActions"] = list(
        printed_actions(f"arn:aws:eks:{region}:{account}:cluster/{name}")
    )
    return json.dumps(document, default=str)


def _operator(document: dict[str, Any]) -> dict[str, Any]:
    """The role that ``lab env`` makes of a shell."""
    for account in document["accounts"]:
        for role in account["roles"]:
            path = role.get("path", "/")
            if document["operator"] == f"arn:aws:iam::{account['id']}:role{path}{role['name']}":
                found: dict[str, Any] = role
                return found
    raise AssertionError("the world has no operator")
