"""The note for a SOC: every kind of call that the commands on a plan make, from its steps and from
what each command is stated to need.

The API names are those of CloudTrail (``eventName``) and the verbs those of the audit log, where a
server-side apply is one ``patch`` (Kubernetes documentation, "Server-Side Apply").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from migrator.decide.reach.detections import DETECTIONS, watching
from migrator.decide.reach.required_permissions import LOCKING, ONLY_WHERE, actions_of
from migrator.decide.reach.required_requests import (
    LOCK_REQUESTS,
    TIMER_RULES,
    conditional_requests_of,
    kubernetes_needs_of,
)
from migrator.decide.running.dead_man import NAME as TIMER_NAME
from migrator.model.journal import Event, Journal
from migrator.model.plan import Plan
from migrator.model.rbac import AccessRequest
from migrator.model.security_note import (
    Detection,
    Effect,
    Log,
    NotedCall,
    NotedRun,
    SecurityNote,
)
from migrator.model.step import (
    AssociatePolicy,
    CreateBinding,
    CreateBridge,
    DisassociatePolicy,
    RemoveBridge,
    Step,
)
from migrator.model.step import Effect as StepEffect

# Commands on a plan, in the order of a migration.
COMMANDS: Final = (
    "verify",
    "apply",
    "verify --canary-pods",
    "rehearse",
    "cutover",
    "retire",
    "rollback",
)
_TRAIL: Final[Log] = "CloudTrail"
_AUDIT: Final[Log] = "Kubernetes audit"
_RBAC: Final = "rbac.authorization.k8s.io"
_OF_STEP: Final[Mapping[str, str]] = {
    "enable-entries": "eks:UpdateClusterConfig",
    "create-entry": "eks:CreateAccessEntry",
    "update-entry": "eks:UpdateAccessEntry",
    "delete-entry": "eks:DeleteAccessEntry",
    "associate-policy": "eks:AssociateAccessPolicy",
    "disassociate-policy": "eks:DisassociateAccessPolicy",
    "create-bridge": "patch",
    "create-binding": "patch",
    "remove-bridge": "delete",
}
# Actions that EKS asks of IAM within another call: they are no calls of their own.
_NO_CALLS: Final = frozenset({("iam:PassRole", "*"), ("eks:TagResource", "access-entry")})
_WRITING: Final = frozenset(call for call in _OF_STEP.values() if ":" in call)
_LOCK_ACTIONS: Final = frozenset({"eks:TagResource", "eks:UntagResource"})
_WRITE_VERBS: Final = frozenset({"create", "update", "patch", "delete"})
# What an RBAC rule allows besides requests (Kubernetes documentation, "Using RBAC Authorization").
_NO_REQUESTS: Final = frozenset({"bind", "escalate"})
_UNDONE: Final = "of a step whose proof fails"
_ROLLED_BACK: Final = "of steps that apply has done"
_BRIDGED: Final = "while administrators lose their access policies"
_SWITCH: Final = "where the plan ends in API mode"
_BINDINGS: Final = frozenset({"rolebindings", "clusterrolebindings"})
_BY_TIMER: Final = f"by the service account {TIMER_NAME}, where this machine puts nothing back"
_OF_COMMAND: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "cutover": (("eks:UpdateClusterConfig", _SWITCH),),
}
_BY_NAME: Final = "of principals that verify_as names, and of the caller"
_LOGIN_CALLS: Final = (
    "create selfsubjectreviews.authentication.k8s.io",
    "create selfsubjectaccessreviews.authorization.k8s.io",
)
_PROVING: Final = frozenset(
    {"verify", "apply", "verify --canary-pods", "rehearse", "cutover", "rollback", "retire"}
)
_Place: TypeAlias = tuple[str, str, str | None, str]


class _Sent(NamedTuple):
    """A call of a step: its log, name, detail and object."""

    log: Log
    call: str
    detail: str
    on: str


def security_note(
    plan: Plan,
    digest: str,
    *,
    journal: Journal = (),
    source: str | None = None,
) -> SecurityNote:
    """The note on a plan. ``journal``: the records of this plan's runs; ``source``: the address of
    this machine, None where it is not known.
    """
    counted = calls_of_plan(plan, journal)
    calls: list[NotedCall] = []
    for command in COMMANDS:
        calls += [each for each in counted if each.command == command]
        calls += _stated(command)
    return SecurityNote(
        cluster_arn=plan.cluster.arn,
        plan_digest=digest,
        source=source,
        runs=runs_in(journal),
        calls=tuple(calls),
        detections=detections_of(calls),
    )


def detections_of(calls: Iterable[NotedCall]) -> tuple[Detection, ...]:
    """The published detections that watch one of the calls."""
    named = {name for call in calls for name in call.detections}
    return tuple(each for each in DETECTIONS if each.name in named)


def calls_of_plan(plan: Plan, journal: Journal = ()) -> tuple[NotedCall, ...]:
    """The calls that are counted: those of the plan's steps, and the switch of the mode."""
    done = _made(journal)
    undone = _undone(journal)
    calls: list[NotedCall] = []
    for command in COMMANDS:
        calls += _of_steps(plan, command, done, undone)
        calls += _of_command(plan, command)
    return tuple(calls)


def calls_of_commands() -> tuple[NotedCall, ...]:
    """The calls that every cluster sees alike, whatever its plan is: as often as its state asks
    for, so that they are not counted.
    """
    return tuple(call for command in COMMANDS for call in _stated(command))


def _stated(command: str) -> Iterator[NotedCall]:
    """What a command is stated to need, besides its steps."""
    for request, when in _requests(command):
        if request.verb in _WRITE_VERBS and not _of_a_step(command, request):
            yield _request(command, "write", request, when)
    yield from _log_ins(command)
    yield from _lock(command)
    yield from _reads(command)


def runs_in(journal: Journal) -> tuple[NotedRun, ...]:
    """The runs with their times. A run without its end was interrupted, or runs still."""
    found: list[NotedRun] = []
    for record in journal:
        if record.event == "run-started":
            said = {key: str(record.effect.get(key, "")) for key in ("run", "command", "caller")}
            found.append(NotedRun(**said, since=record.at, until=record.at, ended=False))
        elif found:
            last = found.pop()
            ended = record.event == "run-ended"
            found.append(
                NotedRun(last.run, last.command, last.caller, last.since, record.at, ended)
            )
    return tuple(found)


def _made(journal: Journal) -> frozenset[str] | None:
    """Ids of the steps whose call was sent; None without a journal. One that was intended and
    later found done was sent by an attempt that did not hear the answer, or EKS went on with it;
    one that was found done and never intended was made by others.
    """
    if not journal:
        return None
    intended = _with(journal, {"intended"})
    return _with(journal, {"sent", "done"}) | (intended & _with(journal, {"adopted"}))


def _undone(journal: Journal) -> frozenset[str] | None:
    """Ids of the steps that were undone; None without a journal."""
    if not journal:
        return None
    return _with(journal, {"undone"})


def _with(journal: Journal, events: set[Event]) -> frozenset[str]:
    """Ids of the steps with such a record."""
    return frozenset(record.step or "" for record in journal if record.event in events)


def _of_steps(
    plan: Plan,
    command: str,
    done: frozenset[str] | None,
    undone: frozenset[str] | None,
) -> Iterator[NotedCall]:
    """Calls that the plan's steps, or their undoing, send. A roll-back makes the bridge again for
    the time in which it takes access policies back.
    """
    if command == "apply":
        yield from _counted(
            plan.steps,
            _itself,
            command,
            made=done,
        )
        yield from _counted(
            plan.steps,
            _undo,
            command,
            when=_UNDONE,
        )
    if command == "rollback":
        yield from _counted(
            plan.steps,
            _undo,
            command,
            made=undone,
            when=_ROLLED_BACK,
        )
        yield from _counted(
            plan.steps,
            _bridge,
            command,
            when=_BRIDGED,
        )


def _itself(step: Step) -> StepEffect | None:
    """What the step does."""
    return step.effect


def _bridge(step: Step) -> StepEffect | None:
    """What the step does, where it makes the bridge."""
    if isinstance(step.effect, CreateBridge):
        return step.effect
    return None


def _undo(step: Step) -> StepEffect | None:
    """What undoes the step."""
    return step.undo


def _counted(
    steps: Iterable[Step],
    effect_of: Callable[[Step], StepEffect | None],
    command: str,
    *,
    made: frozenset[str] | None = None,
    when: str = "",
) -> Iterator[NotedCall]:
    """One note for each call with its detail, with the number of its steps."""
    found: dict[tuple[Log, str, str], list[tuple[str, str]]] = {}
    for step in steps:
        sent = _sent(effect_of(step))
        if sent is not None:
            found.setdefault(sent[:3], []).append((step.id, sent.on))
    for (log, call, detail), where in found.items():
        ids, objects = zip(*where, strict=True)
        yield NotedCall(
            command,
            log,
            "write",
            call,
            detail,
            tuple(dict.fromkeys(objects)),
            count=len(ids),
            made=_number_made(ids, made),
            when=when,
            detections=watching(call, detail),
        )


def _number_made(ids: Sequence[str], made: frozenset[str] | None) -> int | None:
    """How many of the steps the journal shows; None without a journal."""
    if made is None:
        return None
    return len(made.intersection(ids))


def _sent(effect: StepEffect | None) -> _Sent | None:
    """The call of a step; None for one that only waits or looks."""
    if effect is None or effect.kind not in _OF_STEP:
        return None
    call = _OF_STEP[effect.kind]
    if isinstance(effect, CreateBridge | CreateBinding | RemoveBridge):
        return _of_binding(call, effect)
    detail = ""
    if isinstance(effect, AssociatePolicy | DisassociatePolicy):
        detail = effect.policy.policy_arn.rpartition("/")[2]
    return _Sent(
        _TRAIL,
        call,
        detail,
        str(getattr(effect, "principal_arn", "")),
    )


def _of_binding(verb: str, effect: CreateBridge | CreateBinding | RemoveBridge) -> _Sent:
    """The request that makes or deletes a binding. Deleting one gives no role."""
    role = ""
    if isinstance(effect, CreateBridge):
        role = "cluster-admin"
    if isinstance(effect, CreateBinding):
        role = effect.role_name
    kind = "rolebindings"
    if getattr(effect, "namespace", None) is None:
        kind = "clusterrolebindings"
    return _Sent(
        _AUDIT,
        f"{verb} {kind}.{_RBAC}",
        role,
        effect.binding_name,
    )


def _of_command(plan: Plan, command: str) -> Iterator[NotedCall]:
    """Writes that belong to the command and to no step."""
    for call, when in _OF_COMMAND.get(command, ()):
        yield NotedCall(command, _TRAIL, "write", call, on=(plan.cluster.arn,), count=1, when=when)


def _of_a_step(command: str, request: AccessRequest) -> bool:
    """Whether the steps say it already: bindings are the only objects that steps write."""
    if command not in ("apply", "rollback"):
        return False
    return request.resource in _BINDINGS and not request.name


def _log_ins(command: str) -> Iterator[NotedCall]:
    """Log-ins as principals, by which access is proven, and STS calls of the caller."""
    if command not in _PROVING:
        return
    yield NotedCall(command, _TRAIL, "log-in", "sts:GetCallerIdentity")
    yield NotedCall(command, _TRAIL, "log-in", "sts:AssumeRole", when=_BY_NAME)
    for call in _LOGIN_CALLS:
        yield NotedCall(
            command, _AUDIT, "log-in", call, when=_BY_NAME, detections=watching(call, "")
        )


def _lock(command: str) -> Iterator[NotedCall]:
    """The lock of the cluster: a Lease, or a tag where no Lease may be written."""
    if command not in LOCKING:
        return
    for request in LOCK_REQUESTS:
        yield _request(command, "lock", request, "")
    for action in sorted(_LOCK_ACTIONS):
        when = ONLY_WHERE[action, "cluster"]
        yield NotedCall(command, _TRAIL, "lock", action, when=when)


def _reads(command: str) -> Iterator[NotedCall]:
    """Calls that change nothing."""
    for action, kind in sorted(set(actions_of(command))):
        if (action, kind) in _NO_CALLS or action in _WRITING | _LOCK_ACTIONS | {"sts:AssumeRole"}:
            continue
        yield NotedCall(
            command,
            _TRAIL,
            "read",
            action,
            kind.removeprefix("*").removeprefix("cluster"),
            when=ONLY_WHERE.get((action, kind), ""),
            detections=watching(action, ""),
        )
    for request, when in _requests(command):
        if request.verb not in _WRITE_VERBS:
            yield _request(command, "read", request, when)


def _requests(command: str) -> Iterator[tuple[AccessRequest, str]]:
    """What the command asks of the API server, with its condition. A server-side apply is stated
    as ``create`` and as ``patch``, and is one ``patch``.
    """
    stated = [(request, "") for request in kubernetes_needs_of(command)]
    stated += [(each.request, each.when) for each in conditional_requests_of(command)]
    applied = frozenset(_place(request) for request, _ in stated if request.verb == "patch")
    for request, when in stated:
        if _is_of_the_timer(command, request):
            yield request, _BY_TIMER
        elif _is_sent(request, applied):
            yield request, when


def _is_of_the_timer(command: str, request: AccessRequest) -> bool:
    """Whether the timer alone sends it: the operator holds what the timer's Role allows, and sends
    only its patches.
    """
    if command != "rehearse" or request.verb == "patch":
        return False
    return request in TIMER_RULES


def _is_sent(request: AccessRequest, applied: frozenset[_Place]) -> bool:
    """Whether what is stated is a request in the audit log."""
    if request.verb in _NO_REQUESTS:
        return False
    return request.verb != "create" or _place(request) not in applied


def _place(request: AccessRequest) -> _Place:
    """What the request is about."""
    return (
        request.api_group,
        request.resource,
        request.namespace,
        request.name,
    )


def _request(
    command: str,
    effect: Effect,
    request: AccessRequest,
    when: str,
) -> NotedCall:
    """A stated request as the audit log spells it."""
    call = f"{request.verb} {request.resource}.{request.api_group}".removesuffix(".")
    return NotedCall(
        command,
        _AUDIT,
        effect,
        call,
        request.name,
        when=when,
        detections=watching(call, request.name),
    )
