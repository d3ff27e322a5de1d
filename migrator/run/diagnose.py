"""Can this machine reach the API server, and may this caller do the job: what ``doctor`` asks,
changing nothing.

Checks are independent: one that cannot be answered is ``unknown`` and says why, and the others
continue.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from migrator.decide.reach.access_policies_known import NAME as ACCESS_POLICIES
from migrator.decide.reach.access_policies_known import access_policies_check
from migrator.decide.reach.cluster_checks import address_check, cluster_checks
from migrator.decide.reach.cluster_condition import (
    UPDATES,
    health_check,
    logs_check,
    updates_checks,
)
from migrator.decide.reach.opened_endpoint import opening_checks, with_killed
from migrator.decide.reach.required_permissions import (
    ESSENTIAL,
    ESSENTIAL_FOR,
    LOCKING,
    Need,
    lock_tag_needs,
    needs_of,
)
from migrator.decide.reach.required_requests import LOCK_REQUESTS, kubernetes_needs_of
from migrator.decide.reach.version_support import version_support_check
from migrator.decide.reach.webhooks import NAME as WEBHOOKS
from migrator.decide.reach.webhooks import webhooks_check
from migrator.errors import MigratorError
from migrator.model.cluster_lock import describe_lock
from migrator.model.diagnosis import Check, Diagnosis
from migrator.model.files.snapshot import cluster_ref
from migrator.model.leftover import Leftover
from migrator.model.network_policies.packets import Pod, PodPlace
from migrator.model.opened_endpoint import seen_in
from migrator.model.plan import ClusterRef
from migrator.model.policy_kind import remedy_by_kind
from migrator.model.rbac import AccessRequest
from migrator.ports import (
    AccessReviewer,
    AdmissionWebhooks,
    Clock,
    ClusterLock,
    ClusterObjects,
    ClusterReader,
    ConfigMaps,
    NetworkPolicies,
    NetworkReader,
    NodeNetworks,
    Permissions,
    PodLookup,
    Raw,
    Rbac,
    Reviewers,
    SourceAddress,
    TaskRunner,
    WayIn,
)
from migrator.run.denied_caller import explained
from migrator.run.judge_groups import JudgedGroups
from migrator.run.look_at_way import way_in_checks
from migrator.run.pod_reach import NearPods, reach_checks
from migrator.run.read_leftovers import TimerReads, own_objects
from migrator.run.read_node_join import node_join_check

DEFAULT_COMMANDS = ("plan", "apply", "verify", "cutover")
_READS = ("Describe", "List", "Get", "Lookup", "Filter")
# Policies allow these for named roles as a rule, so that a refusal on "*" says little.
# What a connection behind an address filter ends as.
_MAY_BE_FILTERED = frozenset(
    {"source-address-filtered", "source-address-unknown", "api-server-unreachable"}
)
_ON_NAMED_ROLES = frozenset({"iam:PassRole", "sts:AssumeRole"})


@dataclass(frozen=True, slots=True)
class DiagnosePorts:
    """What diagnosing needs of the world. ``rbac`` and ``lock``: None where leftovers are not
    looked for. ``objects``: None where the timer of a rehearsal is not read. ``network``: None
    where security groups are not judged, ``network_policies`` where they are not. ``way``: None
    where its stages are not looked at.
    ``ways_out``: None where the ways of nodes out of their VPC are not read. ``webhooks``: None
    where they are not read. ``runs`` says whether a process of this machine runs, by its mark.
    ``pods``: None where no pod is judged unasked. ``here``: the pod in which this command runs.
    """

    cluster: ClusterReader
    config_maps: ConfigMaps
    reviewers: Reviewers
    permissions: Permissions
    source: SourceAddress
    tasks: TaskRunner
    clock: Clock
    rbac: Rbac | None = None
    lock: ClusterLock | None = None
    objects: ClusterObjects | None = None
    way: WayIn | None = None
    network: NetworkReader | None = None
    network_policies: NetworkPolicies | None = None
    ways_out: NodeNetworks | None = None
    webhooks: AdmissionWebhooks | None = None
    runs: Callable[[str], bool | None] = lambda _: None
    pods: PodLookup | None = None
    here: PodPlace | None = None


@dataclass(slots=True)
class _Kept:
    """What one check read and later ones need."""

    aws_auth: Raw | None = None


def diagnose(
    ports: DiagnosePorts,
    *,
    pod: Pod | None = None,
    described: Raw | None = None,
    commands: Sequence[str] = DEFAULT_COMMANDS,
) -> Diagnosis:
    """All checks. Raises only what makes every check pointless: ``no-credentials``,
    ``cluster-not-found``.
    """
    if described is None:
        described = ports.cluster.describe_cluster()
    cluster = described
    reference = cluster_ref(cluster)
    groups_of = JudgedGroups(ports.network, cluster, reference)
    kept = _Kept()
    asks: list[Callable[[], Iterable[Check]]] = [
        lambda: _caller(ports),
        lambda: cluster_checks(cluster),
        lambda: (health_check(cluster), logs_check(cluster)),
        lambda: _updates(ports),
        lambda: node_join_check(ports.cluster, ports.ways_out, cluster),
        lambda: _openings(ports, cluster, reference.name),
        lambda: way_in_checks(ports.way, cluster),
        lambda: _way_in(ports, cluster, kept),
        lambda: _iam(ports, reference, commands),
        lambda: _access_policies(ports),
        lambda: _version_support(ports, cluster),
        groups_of.checks,
    ]
    groups = ports.tasks.map(lambda ask: tuple(ask()), asks)
    checks = [check for group in groups for check in group]
    if any(check.name == "api-server" and check.state == "ok" for check in checks):
        checks += _in_the_cluster(ports, reference, commands)
        checks += _webhooks(ports)
        checks += _leftovers(ports, reference)
        near = NearPods(ports.pods, ports.here, kept.aws_auth) if ports.pods is not None else None
        checks += reach_checks(ports.network_policies, pod, near)
    return Diagnosis(reference.name, tuple(checks), groups_of.rules)


def _openings(ports: DiagnosePorts, cluster: Raw, name: str) -> Iterable[Check]:
    """What commands added to the endpoint, as the tags of the cluster say."""
    openings = with_killed(seen_in(cluster).openings, ports.runs)
    return opening_checks(openings, name, ports.clock.now())


def _caller(ports: DiagnosePorts) -> Iterable[Check]:
    """Who the operator is, and through which roles it arrives."""
    chain = list(ports.cluster.caller_chain())
    through = ""
    # The last one is the caller itself.
    if len(chain) > 1:
        through = f", through {' and '.join(chain[:-1])}"
    yield Check("caller", "ok", f"You are {ports.cluster.caller_identity()['Arn']}{through}.")


def _access_policies(ports: DiagnosePorts) -> Iterable[Check]:
    """Whether EKS offers the access policies that plans use; not known where they may not be
    listed.
    """
    try:
        offered = ports.cluster.list_access_policies()
    except MigratorError as error:
        said = f"Which access policies EKS offers is not known. {error.message} {error.why}"
        yield Check(ACCESS_POLICIES, "unknown", said.strip(), error.remedy)
        return
    yield access_policies_check(offered)


def _version_support(ports: DiagnosePorts, cluster: Raw) -> Iterable[Check]:
    """Until when the cluster's Kubernetes version has standard support: after extended support EKS
    upgrades the control plane without a request (EKS user guide, "Kubernetes version lifecycle").
    """
    support: Raw | None = None
    try:
        support = ports.cluster.version_support(str(cluster.get("version") or ""))
    except MigratorError as error:
        # The answer only warns of an update to come.
        if error.code != "iam-denied":
            raise
    yield version_support_check(cluster, support, ports.clock.now())


def _updates(ports: DiagnosePorts) -> Iterable[Check]:
    """What runs in the cluster now, also where its status is ACTIVE."""
    try:
        found = ports.cluster.updates_now()
    except MigratorError as error:
        said = f"Whether an update is in progress is not known. {error.message} {error.why}"
        return (Check(UPDATES, "unknown", said.strip(), error.remedy),)
    return updates_checks(found)


def _webhooks(ports: DiagnosePorts) -> list[Check]:
    """Admission webhooks that are asked about what a migration writes."""
    if ports.webhooks is None:
        return []
    try:
        return [webhooks_check(ports.webhooks.configurations())]
    except MigratorError as error:
        said = f"Which webhooks see what is written is not known. {error.message} {error.why}"
        return [Check(WEBHOOKS, "unknown", said.strip(), error.remedy)]


def _way_in(ports: DiagnosePorts, cluster: Raw, kept: "_Kept") -> Iterable[Check]:
    """Try the API server; the address is asked for only where a filter may be in the way."""
    try:
        found = ports.config_maps.read()
    except MigratorError as denied:
        error = explained(denied, ports.cluster)
        yield Check("api-server", "fail", f"{error.message} {error.why}".strip(), error.remedy)
        check = address_check(cluster, None)
        # Its stages say it, too: the address is asked for once.
        if ports.way is not None:
            return
        if error.code in _MAY_BE_FILTERED and check is not None:
            yield address_check(cluster, ports.source.public_address()) or check
        return
    kept.aws_auth = found
    yield Check("api-server", "ok", "The API server answers, and lets you read aws-auth.")
    if found is None:
        yield Check("aws-auth", "warn", "There is no aws-auth ConfigMap: nothing to migrate.")


def _iam(ports: DiagnosePorts, cluster: ClusterRef, commands: Sequence[str]) -> Iterable[Check]:
    """Whether IAM allows each command what it needs, by simulation of the operator's own policies.
    Not known where IAM may not be asked.
    """
    # Only where no Lease may be written: the check of the lock judges both.
    by_tag = lock_tag_needs(cluster)
    needs: dict[str, list[Need]] = {}
    everything: dict[Need, None] = {}
    for command in commands:
        needs[command] = [need for need in needs_of(command, cluster) if need not in by_tag]
        everything |= dict.fromkeys(needs[command])
    refused = ports.permissions.refused(list(everything))
    if refused is None:
        said, remedy = _not_asked(ports.permissions)
        yield Check("iam-permissions", "unknown", said, remedy)
        return
    missing = frozenset(Need(*pair) for pair in refused)
    for command, wanted in needs.items():
        yield _iam_check(command, [need for need in wanted if need in missing], ports.permissions)


def _not_asked(permissions: Permissions) -> tuple[str, str]:
    """Why nothing is known of what IAM allows the caller, and what to do."""
    compare = (
        "Compare your policies with the ones the commands need: `migrate doctor CLUSTER --policy`."
    )
    why = permissions.why_not_asked()
    if why is None:
        return "What IAM allows you may not be asked (iam:SimulatePrincipalPolicy).", compare
    return f"What IAM allows you may not be asked. {why.message}", f"{why.remedy} {compare}".strip()


def _iam_check(command: str, refused: list[Need], permissions: Permissions) -> Check:
    """The answer for one command. ``refused``: what IAM refuses; what only reads is a warning,
    because the command does without it.
    """
    missing = [need.action for need in refused]
    name = f"iam-permissions-{command}"
    if not missing:
        return Check(name, "ok", f"IAM allows what `{command}` needs.")
    essential = ESSENTIAL | ESSENTIAL_FOR.get(command, frozenset())
    hard = [action for action in missing if action in essential or _writes(action)]
    said = f"IAM does not allow {', '.join(missing)} for `{command}`."
    wanted = [need for need in refused if need.action in (hard or missing)]
    return Check(name, "fail" if hard else "warn", said, _iam_remedy(wanted, permissions))


def _iam_remedy(refused: list[Need], permissions: Permissions) -> str:
    """What helps, by the kind of policy that refuses: the caller's own, or one that limits it."""
    own = "Give the caller {actions}; `migrate doctor CLUSTER --policy` writes the policy."
    return remedy_by_kind([(need.action, permissions.limit_of(*need)) for need in refused], own)


def _writes(action: str) -> bool:
    """Whether a command fails without the action; other reads only make its answers weaker."""
    if action in _ON_NAMED_ROLES:
        return False
    return not action.partition(":")[2].startswith(_READS)


def _in_the_cluster(
    ports: DiagnosePorts, cluster: ClusterRef, commands: Sequence[str]
) -> list[Check]:
    """The caller's identity in the cluster, and what it may do there, asked as itself."""
    caller = ports.cluster.caller_chain()[-1]
    try:
        reviewer = ports.reviewers.as_principal(caller)
        subject = reviewer.who_am_i()
    except MigratorError as error:
        return [Check("login", "unknown", f"{error.message} {error.why}".strip(), error.remedy)]
    if subject is None:
        return [
            Check(
                "login",
                "fail",
                "The cluster refuses your login.",
                "Use a principal that has access.",
            )
        ]
    if not subject.may_ask:
        return [
            Check(
                "login",
                "unknown",
                f"Inside the cluster you are {subject.username or '(no name)'}, and it does not "
                "let you ask about yourself.",
                "Give the caller the ClusterRole system:basic-user, or use another principal.",
            )
        ]
    groups = ", ".join(subject.groups) or "no groups"
    checks = [
        Check(
            "login",
            "ok",
            f"Inside the cluster you are {subject.username or '(no name)'} with {groups}.",
        )
    ]
    requests = {command: kubernetes_needs_of(command) for command in commands}
    locks = not LOCKING.isdisjoint(commands)
    # Commands need much the same: each request is asked once.
    asked: dict[AccessRequest, None] = {}
    for needs in requests.values():
        asked |= dict.fromkeys(needs)
    if locks:
        asked |= dict.fromkeys(LOCK_REQUESTS)
    wanted = list(asked)
    try:
        answers = dict(zip(wanted, ports.tasks.map(_asking(reviewer), wanted), strict=True))
    except MigratorError as error:
        said = f"{error.message} {error.why}".strip()
        return [*checks, Check("kubernetes-permissions", "unknown", said, error.remedy)]
    for command, needs in requests.items():
        if needs:
            checks.append(_kubernetes_check(command, needs, answers))
    if locks:
        missing = [need for need in LOCK_REQUESTS if not answers[need]]
        checks.append(_lock_check(ports, cluster, missing))
    return checks


def _lock_check(
    ports: DiagnosePorts, cluster: ClusterRef, missing: Sequence[AccessRequest]
) -> Check:
    """Whether the caller can lock the cluster: by a Lease, else by a tag. Without a lock no run
    writes.
    """
    name = "cluster-lock"
    if not missing:
        return Check(name, "ok", "You may write the Lease by which runs lock the cluster.")
    said = (
        f"The API server does not allow you to {', '.join(map(_spelled, missing))} in kube-system"
    )
    remedy = "Give the caller get, create, update and delete on leases in namespace kube-system."
    refused = ports.permissions.refused(list(lock_tag_needs(cluster)))
    if refused is None:
        return Check(
            name,
            "unknown",
            f"{said}; whether IAM allows to lock by a tag may not be asked.{_because(ports)}",
            remedy,
        )
    if not refused:
        return Check(
            name, "warn", f"{said}: runs lock the cluster by a tag, which takes longer.", remedy
        )
    actions = ", ".join(action for action, _ in refused)
    also = f"{remedy[:-1]}, or {actions} on the cluster."
    return Check(
        name,
        "fail",
        f"{said}, and IAM does not allow {actions}: no run can lock the cluster.",
        also,
    )


def _because(ports: DiagnosePorts) -> str:
    why = ports.permissions.why_not_asked()
    return "" if why is None else f" {why.message}"


def _leftovers(ports: DiagnosePorts, cluster: ClusterRef) -> list[Check]:
    """What runs left in the cluster, and the run that holds its lock."""
    if ports.rbac is None or ports.lock is None:
        return []
    try:
        locks = ports.lock.current()
        timer = TimerReads(ports.objects, ports.config_maps) if ports.objects else None
        left = own_objects(ports.rbac, ports.cluster, timer).leftovers(locks)
    except MigratorError as error:
        return [Check("leftovers", "unknown", f"{error.message} {error.why}".strip(), error.remedy)]
    checks = [
        Check("lock", "warn", f"A run works on the cluster: {describe_lock(seen)}.")
        for seen in locks
    ]
    if not left:
        checks.append(Check("leftovers", "ok", "No run left a binding or a group in the cluster."))
    checks += [_leftover(each, cluster) for each in left]
    return checks


def _leftover(left: Leftover, cluster: ClusterRef) -> Check:
    """What an earlier run left: a failure where it gives access that no run will take away, or
    where no row is in force.
    """
    remedy = ""
    if left.removable:
        remedy = f"`migrate rollback {cluster.name} --leftovers`"
    # A group that is bound to cluster-admin, and no run that would remove it.
    if left.kind == "bridge" and not left.locked_by:
        return Check("leftovers", "fail", left.describe(cluster.name), remedy)
    # No row of aws-auth may be in force, and no rehearsal is under way that would restore them.
    if left.ended_by and not left.locked_by:
        return Check("leftovers", "fail", left.describe(cluster.name), remedy)
    return Check("leftovers", "warn", left.describe(cluster.name), remedy)


def _asking(reviewer: AccessReviewer) -> Callable[[AccessRequest], bool]:
    """The question to the API server, without its reason."""
    return lambda request: reviewer.can(request)[0]


def _kubernetes_check(
    command: str, needs: Sequence[AccessRequest], answers: dict[AccessRequest, bool]
) -> Check:
    """The answer for one command: whether the API server allows its requests."""
    name = f"kubernetes-permissions-{command}"
    refused = [need for need in needs if not answers[need]]
    if not refused:
        return Check(name, "ok", f"The API server allows what `{command}` needs.")
    missing = ", ".join(map(_spelled, refused))
    said = f"The API server does not allow you to {missing} (`{command}`)."
    remedy = "Bind the caller to a role that allows it."
    # Without a list the answers are weaker; without anything else the command fails.
    if all(need.verb == "list" for need in refused):
        return Check(name, "warn", said, remedy)
    return Check(name, "fail", said, remedy)


def _spelled(need: AccessRequest) -> str:
    """A request in words: ``get configmaps aws-auth``."""
    name = f" {need.name}" if need.name else ""
    return f"{need.verb} {need.resource}{name}"
