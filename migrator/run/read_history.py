"""What the state folder says of a cluster before a run switched its mode: the journal and the
backup of that run.

A plan that is made after our own mode step would otherwise take the entries that EKS made at that
step for the access of before.
"""

import json
from collections.abc import Mapping
from typing import Any

from migrator.decide.planning.principals.creator_evidence import HIDDEN_NAME
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.running.automatic_entries import automatic_in
from migrator.model.evidence import evidence_in
from migrator.model.journal import Journal
from migrator.ports import StateStore
from migrator.run.one_run import EVIDENCE_FILE


def with_history(document: Mapping[str, Any], store: StateStore) -> dict[str, Any]:
    """The snapshot document with what the state of its cluster adds: ``beforeModeStep`` and, from a
    baseline, ``creator``. Raises ``Failed("journal-damaged")``.
    """
    added: dict[str, Any] = {}
    mode = (document["cluster"].get("accessConfig") or {}).get("authenticationMode")
    if mode == "API_AND_CONFIG_MAP":
        history = _before_mode_step(store)
        if history is not None:
            added["beforeModeStep"] = history
    elif document.get("creator") is None:
        data = (document.get("configMap") or {}).get("data") or {}
        creator = _by_baseline(store, {row_key(row.arn) for row in read_aws_auth(data).rows})
        if creator is not None:
            added["creator"] = creator
    return {**document, **added}


def _before_mode_step(store: StateStore) -> dict[str, Any] | None:
    """``{run, at, configMap, automaticEntries}`` of the first run here that switched the mode; None
    without one.
    """
    journal = store.journal()
    switched = _switch(journal)
    if switched is None:
        return None
    run, at = switched
    backup = store.read(f"backup/{run}/aws-auth.json")
    config_map = json.loads(backup) if backup else None
    if not isinstance(config_map, dict):
        return None
    return {
        "run": run,
        "at": at,
        "configMap": config_map,
        "automaticEntries": sorted(automatic_in(journal)),
    }


def _switch(journal: Journal) -> tuple[str, str] | None:
    run = ""
    for record in journal:
        if record.event == "run-started":
            run = str(record.effect.get("run") or "")
        is_switch = record.event == "intended" and record.effect.get("kind") == "enable-entries"
        if is_switch and record.effect.get("mode_to") == "API_AND_CONFIG_MAP":
            return run, record.at
    return None


def _by_baseline(store: StateStore, rows: set[str]) -> dict[str, str] | None:
    """The one principal that a baseline saw log in as ``kubernetes-admin`` and that has no row."""
    taken = evidence_in(store.read(EVIDENCE_FILE) or b"")
    seen = {
        each.principal_arn: each.at
        for each in taken
        if each.phase == "before"
        and each.subject is not None
        and each.subject.username == HIDDEN_NAME
        and principal_key(each.principal_arn) not in rows
    }
    if len(seen) != 1:
        return None
    ((arn, at),) = seen.items()
    return {"arn": arn, "source": f"a baseline login as {HIDDEN_NAME} at {at}"}
