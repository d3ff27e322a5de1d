"""What the runs of a plan look like to a security operations centre (SOC): calls, sessions, source,
times, and the published detections that watch such calls.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Log: TypeAlias = Literal["CloudTrail", "Kubernetes audit"]
Effect: TypeAlias = Literal["write", "read", "log-in", "lock"]

# ``RoleSessionName`` of every role that a run assumes is the prefix and one of the names
# (migrator.adapters.aws_session.session_name).
SESSION_PREFIX = "migrate-"
RUN_SESSION, FLEET_SESSION = "run", "fleet"
SESSION_NAMES = (f"{SESSION_PREFIX}{RUN_SESSION}", f"{SESSION_PREFIX}{FLEET_SESSION}")
# In ``userAgent`` of CloudTrail (besides the SDK's) and of the Kubernetes audit log.
USER_AGENT = "eks-access-migrator"
UNKNOWN_SOURCE = "the machine that runs migrate"


@dataclass(frozen=True, slots=True)
class Detection:
    """A published detection. ``calls`` are the calls it watches, as :class:`NotedCall` spells them;
    ``details`` those of their details that it asks for, empty for any. ``condition``: what it asks
    for besides, in words. ``source``: the page that says so.
    """

    publisher: str
    name: str
    source: str
    calls: frozenset[str]
    details: frozenset[str] = frozenset()
    condition: str = ""


@dataclass(frozen=True, slots=True)
class NotedCall:
    """A kind of call of one command. ``call``: ``SERVICE:Operation`` in CloudTrail, ``VERB
    RESOURCE[.GROUP]`` in the Kubernetes audit log. ``detail``: the access policy or the role that
    it gives. ``on``: principals or objects. ``count``: how often, None where that depends on the
    cluster. ``made``: how often the journal shows it, None where it does not say. ``when``: the
    condition, empty for a call of every run.
    """

    command: str
    log: Log
    effect: Effect
    call: str
    detail: str = ""
    on: tuple[str, ...] = ()
    count: int | None = None
    made: int | None = None
    when: str = ""
    detections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotedRun:
    """A run of the journal. ``caller``: ARN of its session. ``until``: time of its last record;
    ``ended``: whether that is the run's end.
    """

    run: str
    command: str
    caller: str
    since: str
    until: str
    ended: bool


@dataclass(frozen=True, slots=True)
class SecurityNote:
    """``source``: address of the machine, None where it is not known. ``runs``: in the journal's
    order. ``detections``: those that watch one of the calls.
    """

    cluster_arn: str
    plan_digest: str
    source: str | None
    runs: tuple[NotedRun, ...]
    calls: tuple[NotedCall, ...]
    detections: tuple[Detection, ...]
