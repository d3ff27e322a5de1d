"""What changed in a cluster since its plan was carried out, or since its access was saved."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from migrator.app.access import AccessRequest, read_access
from migrator.app.connect import Connection, connect, store_of
from migrator.app.operator import Operator
from migrator.app.read_plan import read_plan
from migrator.errors import Failed, Refused
from migrator.model.access_document import AccessDocument
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.drift import DriftOutcome
from migrator.model.plan import Plan
from migrator.ports import StateStore

if TYPE_CHECKING:
    from migrator.decide.auditing.expected_access import ExpectedAccess
    from migrator.model.snapshot import Snapshot

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class SavedAccess:
    """``content``: the bytes of an access document; ``name``: what people call it by."""

    content: bytes
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRequest:
    """``of``: a cluster's name or ARN, or a plan and its digest. ``against``: what a cluster that
    is named is compared with; None: the access that is saved in its state, else the plan there.
    """

    of: str | tuple[Plan, str]
    against: SavedAccess | None = None
    answers: Decisions = NO_DECISIONS


def drift(
    request: DriftRequest,
    operator: Operator,
    connection: Connection | None = None,
    *,
    moment: datetime | None = None,
) -> DriftOutcome:
    """The differences, over ``connection`` where there is one. Nothing is changed. What cannot be
    read is ``unknown``. ``moment``: when the cluster is read, None: now.

    Raises ``access-unreadable``; ``nothing-to-compare`` where the state has neither a saved access
    nor a plan; ``Refused`` (4) ``plan-for-other-cluster`` and ``access-of-other-cluster``;
    ``journal-damaged``; and what :func:`migrator.app.access.access` raises.
    """
    from migrator.decide.auditing.find_drift import find_drift

    saved = None if request.against is None else _decoded(request.against)
    connected = connection or _connect(request, operator)
    found = _Found(request, saved, store_of(operator, connected), connected)
    # What is compared with is read first: a cluster is not read for nothing.
    source = found.source()
    asked = AccessRequest(cluster=connected.name, answers=request.answers)
    also = _principals(source)
    now, snapshot = read_access(asked, operator, connected, moment=moment, also=also)
    before = found.before(source, now, snapshot)
    return find_drift(before.document, now, against=before.words, unknown=before.unknown)


def _principals(source: AccessDocument | tuple[Plan, str]) -> tuple[str, ...]:
    """Who is compared: IAM may have lost them since, and the cluster may not name them any more."""
    named = source if isinstance(source, AccessDocument) else source[0]
    return tuple(each.principal_arn for each in named.principals)


def _decoded(saved: SavedAccess) -> AccessDocument:
    from migrator.decide.auditing.own_groups import without_own_groups
    from migrator.model.files.access_document import decode_access

    return without_own_groups(decode_access(saved.content, saved.name))


def _connect(
    request: DriftRequest,
    operator: Operator,
) -> Connection:
    if isinstance(request.of, str):
        return connect(operator.settings, request.of, operator=operator)
    cluster = request.of[0].cluster
    return connect(operator.settings, cluster.name, operator=operator, region=cluster.region)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the cluster is compared with. ``saved``: the document that was named."""

    request: DriftRequest
    saved: AccessDocument | None
    store: StateStore
    connected: Connection

    def source(self) -> AccessDocument | tuple[Plan, str]:
        """The document or the plan. Raises ``nothing-to-compare``."""
        from migrator.model.files.access_document import ACCESS_FILE

        if self.saved is not None:
            return self.saved
        if not isinstance(self.request.of, str):
            return self.request.of
        content = self.store.read(ACCESS_FILE)
        if content is not None:
            return _decoded(SavedAccess(content, f"{ACCESS_FILE} in {self.store.location}"))
        content = self.store.read(PLAN_FILE)
        if content is not None:
            return read_plan(content)
        raise Failed(
            "nothing-to-compare",
            f"There is nothing that {self.connected.name} could be compared with.",
            why=f"{self.store.location} has neither a saved access document nor a plan.",
            remedy=f"Save what is there now: migrate access {self.connected.described['arn']} "
            "--save; or name a PLAN, or an access document with --against FILE.",
        )

    def before(
        self,
        source: AccessDocument | tuple[Plan, str],
        now: AccessDocument,
        snapshot: "Snapshot",
    ) -> "ExpectedAccess":
        """The access to compare with. Raises ``plan-for-other-cluster``,
        ``access-of-other-cluster``.
        """
        from migrator.decide.auditing.expected_access import ExpectedAccess, expected_access
        from migrator.decide.steps.entry_states import PLAN_TAG
        from migrator.run.begin_run import progress_in, refuse_other_cluster

        if isinstance(source, AccessDocument):
            _refuse_other(source, now)
            return ExpectedAccess(source, f"the access of {source.taken_at}")
        plan, digest = source
        refuse_other_cluster(plan, snapshot)
        progress = progress_in(self.store.journal(), plan, digest)
        tags = {entry.tags.get(PLAN_TAG) for entry in snapshot.access_entries or ()}
        return expected_access(plan, progress, now, tagged=digest in tags)


def _refuse_other(
    saved: AccessDocument,
    now: AccessDocument,
) -> None:
    arn, read = saved.cluster.ref.arn, now.cluster.ref.arn
    if arn == read:
        return
    raise Refused(
        "access-of-other-cluster",
        f"The access document is of {arn}.",
        why=f"The cluster that was read is {read}.",
        remedy="Name the document of this cluster, or the profile and Region of the document's.",
    )
