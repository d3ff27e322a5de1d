"""Another administrator edits aws-auth, without a word to the tool."""

import json
from collections.abc import Callable

from migrator.lab.kubernetes_api import kubernetes_api
from tests.support.lab_session import LabSession


def edit_rows(session: LabSession, edit: Callable[[str], str]) -> str:
    """Another administrator edits mapRoles. The rows from before."""
    (cluster,) = session.world.clusters.values()
    store = kubernetes_api(session.world, cluster).registry.store
    key, place = ("", "configmaps"), ("kube-system", "aws-auth")
    found = json.loads(json.dumps(store.get(key, *place)))
    before = str(found["data"]["mapRoles"])
    found["data"]["mapRoles"] = edit(before)
    assert found["data"]["mapRoles"] != before
    store.put(key, *place, found)
    return before
