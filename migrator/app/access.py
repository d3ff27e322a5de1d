"""Who can log in to a cluster now, as what, and by which row, entry or policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from migrator.app.connect import Connection, connect, read_log_ins, store_of
from migrator.app.operator import Operator
from migrator.errors import Failed
from migrator.model.access_document import AccessDocument
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.snapshot import Snapshot
from migrator.ports import StateStore


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
    connected = connection or connect(operator.settings, request.cluster, operator=operator)
    found, _ = read_access(request, operator, connected, moment=moment)
    if request.save:
        _save(found, operator, store_of(operator, connected))
    return found


def _save(
    found: AccessDocument,
    operator: Operator,
    store: StateStore,
) -> None:
    """Keep the document, unless the one that is kept knows more: a drift from a document that was
    not read completely finds nothing in what is missing.
    """
    from migrator.decide.auditing.own_groups import without_own_groups
    from migrator.model.files.access_document import ACCESS_FILE, encode_access

    lasting = without_own_groups(found)
    if lasting != found:
        operator.events.say(
            "warn",
            "a run is under way, or was interrupted: its own groups on entries are not saved; save "
            "again once it has ended",
            event="not-read",
        )
        found = lasting
    kept = _kept(store)
    missing = () if kept is None else found.less_than(kept)
    if kept is None or not missing:
        store.write(ACCESS_FILE, encode_access(found))
        operator.events.say(
            "done", "saved in the state: `migrate drift` compares with it", event="file-written"
        )
        return
    operator.events.say(
        "warn",
        f"not saved: the access of {kept.taken_at}, which is saved, knows {' and '.join(missing)}, "
        "and this reading does not; save with credentials that read that",
        event="not-read",
    )


def _kept(store: StateStore) -> AccessDocument | None:
    """The saved document; None where there is none, or none that this version reads."""
    from migrator.model.files.access_document import ACCESS_FILE, decode_access

    content = store.read(ACCESS_FILE)
    if content is None:
        return None
    try:
        return decode_access(content, ACCESS_FILE)
    except Failed:
        return None


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
