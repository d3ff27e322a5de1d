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
from migrator.model.journal import Journal, Record
from migrator.ports import StateStore
from migrator.run.one_run import EVIDENCE_FILE


def with_history(document: Mapping[str, Any], store: StateStore) -> dict[str, Any]:
    """The snapshot document with what the state of its cluster adds: ``beforeModeStep`` and, from a
    baseline, ``creator``. Raises ``Failed("journal-damaged")``.
    """
    added = dict(document)
    access = document["cluster"].get("accessConfig") or {}
    if access.get("authenticationMode") == "API_AND_CONFIG_MAP":
        before = _before_mode_step(store)
        if before is not None:
            added["beforeModeStep"] = before
        return added
    # CloudTrail, or the operator's own login, may have shown the creator.
    if document.get("creator") is not None:
        return added
    creator = _by_baseline(store, _keys_of_rows(document))
    if creator is not None:
        added["creator"] = creator
    return added


def _keys_of_rows(document: Mapping[str, Any]) -> set[str]:
    """The principals of all rows, as keys that do not depend on the spelling."""
    config_map = document.get("configMap") or {}
    rows = read_aws_auth(config_map.get("data") or {}).rows
    return {row_key(row.arn) for row in rows}


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
    if not backup:
        return None
    config_map = json.loads(backup)
    # The run found no aws-auth: then no row decided.
    if not isinstance(config_map, dict):
        return None
    return {
        "run": run,
        "at": at,
        "configMap": config_map,
        "automaticEntries": sorted(automatic_in(journal)),
    }


def _switch(journal: Journal) -> tuple[str, str] | None:
    """The run that switched the mode first, and when it began to."""
    run = ""
    for record in journal:
        if record.event == "run-started":
            run = str(record.effect.get("run") or "")
        if _is_switch(record):
            return run, record.at
    return None


def _is_switch(record: Record) -> bool:
    """Whether a record says that a run was about to leave CONFIG_MAP mode."""
    if record.event != "intended":
        return False
    if record.effect.get("kind") != "enable-entries":
        return False
    return bool(record.effect.get("mode_to") == "API_AND_CONFIG_MAP")


def _by_baseline(store: StateStore, rows: set[str]) -> dict[str, Any] | None:
    """The one principal that a baseline saw log in as ``kubernetes-admin`` and that has no row."""
    seen: dict[str, str] = {}
    for evidence in evidence_in(store.read(EVIDENCE_FILE) or b""):
        if evidence.phase != "before":
            continue
        # A proof that is no login shows no username.
        if evidence.subject is None:
            continue
        if evidence.subject.username != HIDDEN_NAME:
            continue
        if principal_key(evidence.principal_arn) not in rows:
            seen[evidence.principal_arn] = evidence.at
    # Of several, all but one have the name in another way.
    if len(seen) != 1:
        return None
    ((arn, at),) = seen.items()
    return {"arn": arn, "source": f"a baseline login as {HIDDEN_NAME} at {at}"}
