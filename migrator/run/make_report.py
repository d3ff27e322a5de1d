"""Gather what a report says: the evidence, the journal, the gates, and the cluster as it is now.
Every question is asked as the caller, and nothing is written.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from migrator.decide.planning.proof.basis import aws_auth_basis
from migrator.decide.proving.verdicts import cluster_verdict
from migrator.decide.reach.security_note import security_note
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.running.progress import CUT_OVER, records_of
from migrator.errors import Failed
from migrator.model.evidence import Evidence, evidence_in
from migrator.model.gate import Gate, gates_from_documents
from migrator.model.journal import Journal
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan
from migrator.model.report import Report
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import RunPorts, refuse_other_cluster
from migrator.run.cut_over import CutOverOptions, gates_now
from migrator.run.one_run import EVIDENCE_FILE
from migrator.run.show_status import StatusPorts, show_status
from migrator.run.verify_access import VerifyOptions, current_verdicts

DEFAULTS = CutOverOptions()


def make_report(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: CutOverOptions = DEFAULTS,
    source: str | None = None,
) -> Report:
    """Everything that is known now. ``source``: this machine's address as others see it, None where
    it is not known. Raises ``Refused`` for another cluster, and whatever keeps it from being read.
    """
    snapshot = ports.read_snapshot()
    refuse_other_cluster(plan, snapshot)
    journal = records_of(ports.store.journal(), plan_digest)
    how = VerifyOptions(
        waive_verification=options.waive_verification,
        proof_policy=options.proof_policy,
        creator=options.creator,
    )
    verdicts = current_verdicts(plan, ports, snapshot, how)
    mode = snapshot.cluster.authentication_mode
    outcome = VerifyOutcome(
        "after",
        mode,
        verdicts,
        cluster_verdict(verdicts),
        (),
        0,
        ports.store.location,
    )
    gates, gates_at = _gates_at_the_switch(journal)
    if mode != "API":
        gates, gates_at = gates_now(plan, plan_digest, ports, snapshot, options), None
    asked = StatusPorts(
        ports.store,
        ports.clock,
        ports.mode,
        ports.reader,
        ports.rbac,
        config_maps=ports.config_maps,
        tasks=ports.tasks,
        principals=None if ports.fresh_principals is None else ports.fresh_principals(),
    )
    status = show_status(plan.cluster.name, asked, plan, plan_digest, options.creator)
    return Report(
        plan=plan,
        plan_digest=plan_digest,
        made_at=ports.clock.now().isoformat(),
        verification=outcome,
        status=status,
        journal=journal,
        gates=gates,
        gates_at=gates_at,
        baseline=_baseline(evidence_in(ports.store.read(EVIDENCE_FILE) or b"")),
        lines=_lines(plan, _texts_of_aws_auth(ports, journal, snapshot)),
        security_note=security_note(plan, plan_digest, journal=journal, source=source),
    )


def _gates_at_the_switch(journal: Journal) -> tuple[tuple[Gate, ...], str | None]:
    """The gates as the last cut-over that passed them judged them, and when."""
    for record in reversed(journal):
        if record.event != "run-started":
            continue
        if record.effect.get("command") != CUT_OVER:
            continue
        gates = gates_from_documents(record.effect.get("gates"))
        if gates:
            return gates, record.at
    return (), None


def _baseline(evidence: Iterable[Evidence]) -> dict[str, Evidence]:
    """The newest evidence from before the change, by principal ARN."""
    return {each.principal_arn: each for each in evidence if each.phase == "before"}


def _texts_of_aws_auth(
    ports: RunPorts, journal: Journal, snapshot: Snapshot
) -> Iterable[Mapping[str, Any]]:
    """``data`` of the ConfigMap wherever it is kept: in the backup that the runs made, then in the
    cluster.
    """
    for record in journal:
        if record.event != "backed-up":
            continue
        for name in record.effect.get("files", ()):
            if str(name).endswith("/aws-auth.json"):
                yield _data_in(ports.store.read(str(name)))
    yield snapshot.aws_auth_data


def _data_in(content: bytes | None) -> Mapping[str, Any]:
    """The data of a saved ConfigMap; empty where there was none. Raises ``Failed``
    ``backup-damaged``.
    """
    try:
        config_map = json.loads(content or b"null")
    except ValueError as error:
        what = "A backup of aws-auth cannot be read."
        raise Failed(
            "backup-damaged", what, why=str(error), remedy="Restore the state folder from a copy."
        ) from error
    data = None
    if isinstance(config_map, dict):
        data = config_map.get("data")
    if isinstance(data, dict):
        return data
    return {}


def _lines(plan: Plan, texts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The line of each row inside its section, from the first text that reads as the plan read
    aws-auth.
    """
    for data in texts:
        read = read_aws_auth(data)
        if aws_auth_basis(read) == plan.basis.get("awsAuth"):
            return read.lines
    return {}
