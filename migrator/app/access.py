"""Who can log in to a cluster now, as what, and by which row, entry or policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from migrator.app.connect import Connection, connect, read_log_ins, store_of
from migrator.app.operator import Operator
from migrator.model.access_document import AccessDocument
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """``cluster``: its name or ARN. ``answers``: who created it, where a person answered that.
    ``save``: keep the document in the state of the cluster, as what :func:`migrator.app.drift`
    compares with.
    """

    cluster: str
    answers: Decisions = NO_DECISIONS
    save: bool = False


def access(
    request: AccessRequest,
    operator: Operator,
    connection: Connection | None = None,
    *,
    moment: datetime | None = None,
) -> AccessDocument:
    """The access of a live cluster, over ``connection`` where there is one. The cluster is not
    changed. What cannot be read is ``unknown``. ``moment``: when it is read, None: now.

    Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied`` where the cluster cannot be
    described, ``decision-invalid``, and with ``save`` what keeps the state from being written.
    """
    from migrator.model.files.access_document import ACCESS_FILE, encode_access

    connected = connection or connect(operator.settings, request.cluster, operator=operator)
    found, _ = read_access(request, operator, connected, moment=moment)
    if request.save:
        store_of(operator, connected).write(ACCESS_FILE, encode_access(found))
    return found


def read_access(
    request: AccessRequest,
    operator: Operator,
    connection: Connection,
    *,
    moment: datetime | None = None,
    also: Sequence[str] = (),
) -> tuple[AccessDocument, Snapshot]:
    """The access of a cluster, and the snapshot that it follows from. ``also``: principals of which
    it says what IAM has, even where the cluster does not name them. Raises as :func:`access`.
    """
    from migrator.decide.auditing.access_now import access_now
    from migrator.model.files.snapshot import decode_snapshot

    document = read_log_ins(operator, connection, moment=moment, also=also)
    snapshot = decode_snapshot(document)
    found = access_now(snapshot, document.get("unread", ()), request.answers, also=also)
    return found, snapshot
