"""The composition root: builds the adapters that a workflow asks for, from the settings, the
operator and the environment.

Adapters are imported in the function that needs them, so that a command loads boto3 and kubernetes
only when it talks to a cluster.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrator.app.operator import NoEvents, Operator
from migrator.app.preflight import preflight, readers_of, refuse_malformed_way
from migrator.app.settings import Settings
from migrator.errors import Failed, MigratorError, Refused, WrongUse
from migrator.model.decision import AssumeAs
from migrator.model.evidence import SelfSubject
from migrator.model.plan import ClusterRef, Plan
from migrator.model.security_note import RUN_SESSION
from migrator.model.snapshot import Snapshot
from migrator.ports import (
    AuthMode,
    Clock,
    Events,
    NetworkPolicies,
    NodeHealth,
    Principals,
    Rbac,
    SourceAddress,
    StateStore,
    TaskRunner,
)

if TYPE_CHECKING:
    from migrator.adapters.aws_session import AwsSession
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.kube_contexts import KubeContext
    from migrator.adapters.kubernetes_client import KubernetesClient
    from migrator.adapters.kubernetes_errors import Endpoint
    from migrator.adapters.kubernetes_wire import KubernetesWire
    from migrator.adapters.reviewers import RealReviewers
    from migrator.adapters.state_files import StateFolder
    from migrator.adapters.state_s3 import StateBucket
    from migrator.app.cluster_meant import ClusterMeant
    from migrator.run.begin_run import RunPorts
    from migrator.run.diagnose import DiagnosePorts
    from migrator.run.lock_cluster import LeasedLock
    from migrator.run.observe import ObservePorts
    from migrator.run.open_endpoint import OpenPorts
    from migrator.run.show_status import StatusPorts
    from migrator.run.take_snapshot import SnapshotPorts

WORKERS = 8  # concurrent calls


def clock(environment: Mapping[str, str] = os.environ) -> Clock:
    """The machine's clock, or the lab's."""
    from migrator.adapters.clock import open_clock

    return open_clock(environment)


def now(environment: Mapping[str, str] = os.environ) -> datetime:
    """The one clock reading of a command that only decides."""
    return clock(environment).now()


def open_aws(
    settings: Settings, *, region: str | None = None, run: str = RUN_SESSION
) -> "AwsSession":
    """A session by the global options. ``region`` is the plan's; ``--region`` comes first."""
    from migrator.adapters.aws_session import AwsSettings, RoleToAssume, open_session

    roles = tuple(RoleToAssume(*link) for link in settings.role_chain)
    return open_session(AwsSettings(settings.profile, settings.region or region, roles, run))


def open_store(settings: Settings, cluster: ClusterRef) -> "StateFolder | StateBucket":
    """The state of one cluster, in ``--state-dir``: a folder, or ``s3://BUCKET/PREFIX``."""
    place = settings.state_place
    if "://" in place:
        from migrator.adapters.state_s3 import open_bucket_state
        from migrator.adapters.tasks_threads import Threads

        return open_bucket_state(
            open_aws(settings, region=cluster.region), place, cluster, Threads(WORKERS)
        )
    from migrator.adapters.state_files import StateFolder

    return StateFolder(Path(place), cluster)


@dataclass(frozen=True, slots=True)
class FleetIam:
    """IAM as a fleet reads it: ``principals`` share what other clusters have read, ``fresh`` ones
    read it again.
    """

    principals: Principals
    fresh: Callable[[], Principals]


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that talks to one cluster, as the operator.

    ``questions`` asks what principals may do. ``iam``: how a fleet reads IAM; None: read it for
    this cluster alone. ``store`` and ``mode``: the state, and the authentication mode as far as
    this process may change it; None: as the settings say, and without limits.
    """

    name: str
    session: "AwsSession"
    tasks: TaskRunner
    reader: "EksCluster"
    described: Mapping[str, Any]
    wire: "KubernetesWire"
    client: "KubernetesClient"
    questions: TaskRunner
    iam: "FleetIam | None" = None
    store: StateStore | None = None
    mode: AuthMode | None = None


def connect(
    settings: Settings,
    name: str,
    *,
    operator: Operator | None = None,
    region: str | None = None,
    session: "AwsSession | None" = None,
    described: Mapping[str, Any] | None = None,
    iam: "FleetIam | None" = None,
    tasks: TaskRunner | None = None,
) -> Connection:
    """Describe the cluster, given by name or ARN, and get ready to talk to its API server; nothing
    is asked of it yet.

    ``operator`` holds the tunnel or the opened endpoint that the settings ask for. ``session``,
    ``described``, ``iam`` and ``tasks`` are given by a caller that has them for many clusters.
    Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``, ``kubeconfig-unreadable``.
    """
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.eks_token import TokenMint
    from migrator.adapters.kubeconfig import open_kubeconfig
    from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin
    from migrator.adapters.kubernetes_wire import endpoint_of, open_wire
    from migrator.adapters.tasks_threads import SharedThreads, Threads
    from migrator.app.way import login_explainer, way_explainer

    refuse_malformed_way(settings)
    events = NoEvents() if operator is None else operator.events
    events.doing(f"asking EKS about {name}")
    session, name = session_for(settings, name, region=region, session=session)
    # Principals and their questions share one pool: a thread without a principal helps another.
    questions = tasks or SharedThreads(WORKERS, WORKERS)
    tasks = tasks or Threads(WORKERS)
    reader = EksCluster(session, name, tasks)
    described = described or reader.describe_cluster()
    if settings.open_endpoint_for_me:
        _open_endpoint(operator, session, described)
    if operator is not None:
        # What killed commands left may be closed by now.
        left_open = reader.describe_cluster() if settings.open_endpoint_for_me else described
        _say_what_is_left_open(operator, left_open)
    endpoint = replace(
        endpoint_of(described, proxy_url=settings.proxy_url),
        renew_ca=lambda: endpoint_of(reader.describe_cluster()).ca_pem,
    )
    if settings.via is not None:
        endpoint = _tunnelled(settings.via, operator, session, endpoint)
    explain = way_explainer(settings, session)
    wire = open_wire(endpoint, explain=explain)
    if settings.kubeconfig or settings.context:
        client = open_kubeconfig(
            endpoint, file=settings.kubeconfig, context=settings.context, explain=explain
        )
        wire = client.wire
    else:
        client = KubernetesClient(wire, MintedLogin(TokenMint(session, name)))
    is_own = not (settings.kubeconfig or settings.context)
    client.explain_login = login_explainer(session, described, is_own=is_own)
    return Connection(
        name,
        session,
        tasks,
        reader,
        described,
        wire,
        client,
        questions,
        iam,
    )


def _say_what_is_left_open(operator: Operator, described: Mapping[str, Any]) -> None:
    """Every command names the openings of the endpoint whose command ended and did not close
    them.
    """
    from migrator.adapters.this_process import still_runs
    from migrator.decide.reach.opened_endpoint import debt_words, with_killed
    from migrator.model.opened_endpoint import seen_in

    openings = seen_in(described).openings
    if not openings:
        return
    left = with_killed(openings, still_runs)
    for said in debt_words(left, str(described.get("name") or "CLUSTER"), now()):
        operator.events.say("warn", said, event="endpoint-open")


def _open_endpoint(
    operator: Operator | None, session: "AwsSession", described: Mapping[str, Any]
) -> None:
    """Let this machine through publicAccessCidrs until the command has ended. ``--yes`` answers the
    question.
    """
    from migrator.adapters.clock import SystemEntropy
    from migrator.run.open_endpoint import opened_endpoint

    if operator is None or operator.resources is None:
        # a worker of a fleet: its commands end at different times
        message = "--open-endpoint-for-me is for commands on one cluster."
        raise WrongUse(
            "open-endpoint-one-cluster", message, remedy="Open the endpoints of a fleet beforehand."
        )
    ports = open_ports(operator, session, described)
    operator.resources.enter_context(opened_endpoint(ports, run=SystemEntropy().run_id()))


def open_ports(
    operator: Operator, session: "AwsSession", described: Mapping[str, Any]
) -> "OpenPorts":
    """What opening and closing the public endpoint of a cluster needs."""
    from migrator.adapters.eks_entries import EksAuthMode
    from migrator.adapters.endpoint_access import EksEndpointAccess
    from migrator.adapters.this_process import process_mark, still_runs
    from migrator.model.files.snapshot import cluster_ref
    from migrator.run.open_endpoint import OpenPorts

    cluster = cluster_ref(described)
    return OpenPorts(
        access=EksEndpointAccess(session, cluster.name, cluster.arn),
        updates=EksAuthMode(session, cluster.name),
        source=source_of(operator.settings),
        store=open_store(operator.settings, cluster),
        approver=operator.approver,
        events=operator.events,
        clock=clock(),
        cluster=cluster.name,
        caller=session.caller_chain()[-1],
        process=process_mark(),
        runs=still_runs,
    )


def _tunnelled(
    via: str, operator: Operator | None, session: "AwsSession", endpoint: "Endpoint"
) -> "Endpoint":
    """The endpoint through a tunnel, which is closed when the command has ended."""
    from migrator.adapters.tunnel_ssm import open_tunnel
    from migrator.adapters.via import parse_via

    if operator is None or operator.resources is None:
        # a worker of a fleet: its commands end at different times
        raise WrongUse(
            "option-of-one-cluster",
            "--via is for one cluster, not for a fleet.",
            remedy="Leave it out; endpoints come from DescribeCluster.",
        )
    events = operator.events
    events.doing("opening the Session Manager tunnel")
    tunnel = open_tunnel(
        session, parse_via(via), endpoint, say=lambda text: events.say("info", text, event="tunnel")
    )
    return operator.resources.enter_context(tunnel)


def source_of(settings: Settings) -> SourceAddress:
    """The address this machine is seen under: as the options say, else as AWS sees it."""
    from migrator.adapters.caller_permissions import CheckIp, KnownAddress

    return CheckIp() if settings.source_address is None else KnownAddress(settings.source_address)


def principals_of(settings: Settings, connection: Connection) -> Principals:
    """IAM of the cluster's account, and of the foreign ones that a reader role may read."""
    return (
        connection.iam.principals
        if connection.iam is not None
        else _fresh_principals(settings, connection)
    )


def _fresh_principals(settings: Settings, connection: Connection) -> Principals:
    """The same, where nothing has been read yet: what a run asks directly before it writes."""
    from migrator.adapters.iam import IamPrincipals

    if connection.iam is not None:
        return connection.iam.fresh()
    return IamPrincipals(connection.session, connection.tasks, readers_of(settings))


def snapshot_ports(operator: Operator, connection: Connection) -> "SnapshotPorts":
    """What taking a snapshot needs."""
    from migrator.adapters.cloud_trail import CloudTrailCreation
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
    from migrator.adapters.node_network import Ec2NodeNetwork
    from migrator.run.take_snapshot import SnapshotPorts

    settings = operator.settings
    return SnapshotPorts(
        cluster=connection.reader,
        config_maps=KubernetesConfigMaps(connection.client),
        rbac=KubernetesRbac(connection.client, connection.tasks),
        principals=principals_of(settings, connection),
        tasks=connection.tasks,
        events=operator.events,
        creation=CloudTrailCreation(connection.session),
        ways_out=Ec2NodeNetwork(connection.session, connection.tasks),
        # a login of a kubeconfig need not be the AWS identity of this session
        who_am_i=None
        if settings.kubeconfig or settings.context
        else lambda: _own_login(connection),
    )


def _own_login(connection: Connection) -> SelfSubject | None:
    """Who the operator is inside the cluster, by a fresh token."""
    caller = connection.reader.caller_chain()[-1]
    return reviewers(connection, {}).as_principal(caller).who_am_i()


def read_cluster(
    operator: Operator,
    name: str,
    connection: Connection | None = None,
    *,
    moment: datetime | None = None,
) -> dict[str, Any]:
    """The snapshot document of a live cluster, with what its state says of the time before our own
    mode step. ``moment``: when it is taken, None: now.
    """
    from migrator.run.read_history import with_history
    from migrator.run.take_snapshot import take_snapshot

    connected = connection or connect(operator.settings, name, operator=operator)
    ports = snapshot_ports(operator, connected)
    document = take_snapshot(ports, now=moment or now(), described=connected.described)
    return with_history(document, store_of(operator, connected))


def store_of(operator: Operator, connection: Connection) -> StateStore:
    """The state of the cluster that a connection is to."""
    from migrator.model.files.snapshot import cluster_ref

    return connection.store or open_store(operator.settings, cluster_ref(connection.described))


# What shows which entries EKS makes itself.
_SHOW_THE_MAKER = ("nodegroups", "fargateProfiles", "capabilities")


def read_log_ins(
    operator: Operator,
    connection: Connection,
    *,
    moment: datetime | None = None,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """The part of the snapshot document that says who can log in: aws-auth, the access entries,
    their principals in IAM, the creator. What cannot be read is under ``unread``, and nothing is
    raised for it. ``moment``: when it is taken, None: now. ``also``: principals that IAM is asked
    for besides.
    """
    from migrator.run.read_history import with_history
    from migrator.run.take_snapshot import take_snapshot

    ports = replace(snapshot_ports(operator, connection), ways_out=None)
    document = take_snapshot(
        ports,
        now=moment or now(),
        described=connection.described,
        only=_SHOW_THE_MAKER,
        also=also,
    )
    return with_history(document, store_of(operator, connection))


def describe(settings: Settings, name: str) -> Mapping[str, Any]:
    """DescribeCluster of a cluster, by its name or ARN, nothing more. Raises as
    :func:`session_for`, and ``cluster-not-found``.
    """
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.tasks_threads import Threads

    session, cluster = session_for(settings, name)
    return EksCluster(session, cluster, Threads(1)).describe_cluster()


def session_for(
    settings: Settings,
    cluster: str,
    *,
    region: str | None = None,
    session: "AwsSession | None" = None,
) -> tuple["AwsSession", str]:
    """The session and the name of a cluster that a person gives by its name, its ARN or a kubectl
    context; an ARN and a context say the Region, where no option does. With ``region`` or
    ``session`` it is the name or the ARN of a cluster that is known already.

    EKS describes a cluster to callers of the cluster's account and Region: a cluster of the same
    name elsewhere is another one. Raises ``cluster-arn-malformed``, ``cluster-ambiguous``, and
    ``cluster-not-found`` for an ARN or a context of another account or Region than the caller's.
    """
    from migrator.model.principal import parse_arn, parse_cluster_arn

    if region is None and session is None:
        meant = cluster_of_person(settings, cluster)
        cluster, region = meant.cluster, meant.region
        if region is not None and parse_arn(cluster) is None:
            found = open_aws(settings, region=region)
            _refuse_other_region(found, cluster, region, "the context")
            return found, cluster
    if parse_arn(cluster) is None:
        return session or open_aws(settings, region=region), cluster
    arn = parse_cluster_arn(cluster)
    found = session or open_aws(settings, region=arn.region)
    _refuse_other_region(found, cluster, arn.region, "its ARN")
    account = str(found.caller_identity()["Account"])
    if account != arn.account:
        raise Failed(
            "cluster-not-found",
            f"{cluster} is not in account {account}, whose credentials these are.",
            why=f"Its ARN has the account {arn.account}; EKS shows a cluster to its own account.",
            remedy=f"Use credentials of account {arn.account}: --profile, or --assume-role with a "
            f"role of it.",
        )
    return found, arn.name


def cluster_of_person(settings: Settings, text: str) -> "ClusterMeant":
    """The cluster that a person means: see :func:`migrator.app.cluster_meant.cluster_meant`. A name
    that is also a context of another cluster is the one that there is.

    Raises ``cluster-not-found``, and ``cluster-ambiguous`` where there are both.
    """
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.tasks_threads import Threads
    from migrator.app.cluster_meant import cluster_meant, of_context

    meant = cluster_meant(settings, text)
    if meant.other is None:
        return meant
    try:
        session = open_aws(settings)
        described = EksCluster(session, text, Threads(1)).describe_cluster()
    except MigratorError as error:
        # Whatever else it is, the name itself meets it again.
        return of_context(meant.other) if error.code in _NO_SUCH_CLUSTER else meant
    if _is_same(meant.other, text, str(described["arn"]), region_given=bool(settings.region)):
        return meant
    other = meant.other.arn or f"{meant.other.name} ({meant.other.region})"
    raise WrongUse(
        "cluster-ambiguous",
        f"{text!r} is a cluster here, and a kubectl context of another one.",
        why=f"The cluster here is {described['arn']}; the context, in {meant.other.file}, is "
        f"{other}.",
        remedy="Give the ARN of the one that you mean.",
    )


def _is_same(context: "KubeContext", name: str, arn: str, *, region_given: bool) -> bool:
    """Whether a context means the cluster with this ARN, as far as it says. ``region_given``: an
    option says the Region, so that a context of another one is not meant.
    """
    from migrator.model.principal import parse_cluster_arn

    if context.name != name:
        return False
    region = parse_cluster_arn(arn).region
    if context.region not in (None, region):
        return region_given
    return context.arn in (None, arn)


_NO_SUCH_CLUSTER = ("cluster-not-found", "no-region")


def _refuse_other_region(session: "AwsSession", cluster: str, region: str, origin: str) -> None:
    """Raises ``cluster-not-found`` where another Region was asked for."""
    if session.region == region:
        return
    raise Failed(
        "cluster-not-found",
        f"{cluster} is not in {session.region}, the Region that was asked for.",
        why=f"{origin[0].upper()}{origin[1:]} has the Region {region}.",
        remedy=f"Leave out --region (and MIGRATE_REGION): {origin} has it.",
    )


def status_ports(operator: Operator, cluster: ClusterRef) -> "StatusPorts":
    """What a status needs; where no session can be opened the cluster is not asked.

    Raises ``plan-for-other-cluster`` where the profile or the Region lead to another cluster of the
    name.
    """
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.eks_entries import EksAuthMode
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.adapters.tasks_threads import Threads
    from migrator.adapters.this_process import still_runs
    from migrator.run.begin_run import refuse_other_arn
    from migrator.run.show_status import StatusPorts

    settings = operator.settings
    store = open_store(settings, cluster)
    try:
        session = open_aws(settings, region=cluster.region)
    except MigratorError:
        return StatusPorts(store, clock(), None)
    tasks = Threads(WORKERS)
    try:
        connection = connect(
            settings,
            cluster.name,
            operator=operator,
            region=cluster.region,
            session=session,
            tasks=tasks,
        )
    except (Refused, WrongUse):  # what was asked for is wrong, whatever the cluster says
        raise
    except MigratorError as error:  # the cluster cannot be described, or no way to it be made
        reader = EksCluster(session, cluster.name, tasks)
        mode = EksAuthMode(session, cluster.name)
        why = error.message
        return StatusPorts(store, clock(), mode, reader, runs=still_runs, unreached=why)
    refuse_other_arn(cluster.arn, str(connection.described["arn"]))
    operator.events.doing("reading the mode, entries, locks and leftovers")
    return StatusPorts(
        store,
        clock(),
        EksAuthMode(session, cluster.name),
        connection.reader,
        KubernetesRbac(connection.client, tasks),
        cluster_lock(connection, operator.events),
        principals_of(settings, connection),
        tasks,
        KubernetesConfigMaps(connection.client),
        KubernetesObjects(connection.client),
        still_runs,
    )


def cluster_lock(connection: Connection, events: Events) -> "LeasedLock":
    """The lock of record in a cluster: a Lease, else a tag."""
    from migrator.adapters.clock import SteadyTime
    from migrator.adapters.lock_lease import LeaseRecords
    from migrator.adapters.lock_tag import TagRecords
    from migrator.adapters.this_process import still_runs, this_holder
    from migrator.decide.running.lock_protocol import TAG_SETTLE_SECONDS
    from migrator.run.lock_cluster import LeasedLock, LockPorts

    arn = str(connection.described["arn"])
    return LeasedLock(
        LockPorts(
            lease=LeaseRecords(connection.client),
            tag=TagRecords(
                connection.session, connection.name, arn, settle_seconds=TAG_SETTLE_SECONDS
            ),
            time=SteadyTime(),
            events=events,
            runs=still_runs,
            this_holder=this_holder,
        )
    )


def _break_lock(
    owner: str, store: "StateFolder | StateBucket", lock: "LeasedLock", ports: "RunPorts"
) -> None:
    """Take the locks away from ``owner``, who is shown first. Raises ``lock-owner-differs``,
    ``locked``.
    """
    from migrator.decide.running.lock_protocol import lock_of_another
    from migrator.model.cluster_lock import describe_lock

    found = lock.current()
    for seen in found:
        if seen.record is not None and owner not in (
            seen.record.holder.identity,
            seen.record.holder.caller,
        ):
            raise lock_of_another(seen)
    for seen in found:
        ports.events.say(
            "warn", f"to be taken away: the lock of {describe_lock(seen)}", event="locked"
        )
    ports.approver.confirm(
        f"Take the lock of the cluster away from {owner}? Its run, if it still works, stops before "
        f"its next write."
    )
    broken = store.break_lock(
        owner
    )  # refuses where a process with this state folder still runs: it is to be ended
    for seen in found:
        lock.break_lock(seen)
    if broken or found:
        ports.events.say("warn", f"the lock of {owner} was taken away", event="locked")


def diagnose_ports(operator: Operator, connection: Connection) -> "DiagnosePorts":
    """What a diagnosis needs."""
    from migrator.adapters.admission_webhooks import KubernetesWebhooks
    from migrator.adapters.caller_permissions import SimulatedPermissions
    from migrator.adapters.instance_metadata import own_host
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.adapters.kubernetes_pods import KubernetesPods
    from migrator.adapters.node_network import Ec2NodeNetwork
    from migrator.adapters.security_groups import Ec2Network
    from migrator.adapters.this_pod import pod_here
    from migrator.adapters.this_process import still_runs
    from migrator.app.way import WayHere
    from migrator.run.diagnose import DiagnosePorts

    settings = operator.settings
    principals = principals_of(settings, connection)
    rbac = KubernetesRbac(connection.client, connection.tasks)
    return DiagnosePorts(
        cluster=connection.reader,
        config_maps=KubernetesConfigMaps(connection.client),
        reviewers=reviewers(connection, {}),
        permissions=SimulatedPermissions(connection.session, principals),
        source=source_of(settings),
        tasks=connection.tasks,
        clock=clock(),
        rbac=rbac,
        lock=cluster_lock(connection, operator.events),
        objects=KubernetesObjects(connection.client),
        way=WayHere(settings, connection.session, connection.client.wire),
        network=Ec2Network(
            connection.session,
            connection.tasks,
            host_address=settings.source_address,
            own_host=lambda: own_host(os.environ),
            instances=lambda: _instances(rbac),
        ),
        network_policies=network_policies(connection),
        ways_out=Ec2NodeNetwork(connection.session, connection.tasks),
        webhooks=KubernetesWebhooks(connection.client),
        runs=still_runs,
        pods=KubernetesPods(connection.client),
        here=pod_here(os.environ),
    )


def _instances(rbac: Rbac) -> list[str]:
    """The ids of the instances that are nodes; none where nodes may not be listed: those with the
    cluster's tag are found without them.
    """
    try:
        nodes = rbac.list_nodes()
    except MigratorError:
        return []
    ids = {str(node["providerID"]).rpartition("/")[2] for node in nodes}
    # Nodes of Fargate are no instances.
    return sorted(each for each in ids if each.startswith("i-"))


def reviewers(connection: Connection, ways: Mapping[str, AssumeAs]) -> "RealReviewers":
    """Ways to become each principal: by assuming it, or as ``ways`` says."""
    from migrator.adapters.reviewers import RealReviewers

    return RealReviewers(connection.session, connection.wire, connection.name, ways=ways)


def run_ports(
    operator: Operator,
    plan: Plan | ClusterRef,
    *,
    ways: Mapping[str, AssumeAs] | None = None,
    connection: Connection | None = None,
    break_lock: str | None = None,
) -> "RunPorts":
    """What a run needs, on the cluster of the plan or on the one that is given, over ``connection``
    where there is one.

    ``break_lock``: whose lock on the cluster's state is taken away first.
    """
    from migrator.adapters.audit_logs import CloudWatchAuditLogs
    from migrator.adapters.caller_permissions import SimulatedPermissions
    from migrator.adapters.clock import SystemEntropy
    from migrator.adapters.eks_entries import EksAccessEntries, EksAuthMode
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
    from migrator.adapters.kubernetes_pods import KubernetesPods
    from migrator.decide.planning.proof.basis import basis_of
    from migrator.model.files.snapshot import decode_snapshot
    from migrator.run.begin_run import RunPorts
    from migrator.run.read_entries import WithoutEntries
    from migrator.run.take_snapshot import take_snapshot

    settings, talk = operator.settings, operator.events
    preflight(settings)
    cluster = plan.cluster if isinstance(plan, Plan) else plan
    name = cluster.name
    connected = connection or connect(settings, name, operator=operator, region=cluster.region)
    ticking = clock()
    store = connected.store or open_store(settings, cluster)
    lock = cluster_lock(connected, talk)
    permissions = SimulatedPermissions(connected.session, principals_of(settings, connected))

    def read_snapshot() -> Snapshot:
        return decode_snapshot(
            take_snapshot(snapshot_ports(operator, connected), now=ticking.now())
        )

    def read_without_entries() -> WithoutEntries:
        arns: list[str] | None = None

        def listed() -> list[Mapping[str, Any]] | None:
            nonlocal arns
            arns = connected.reader.list_entry_arns()
            return None if arns is None else [{"principalArn": arn} for arn in arns]

        document = take_snapshot(
            snapshot_ports(operator, connected), now=ticking.now(), entries=listed
        )
        document["accessEntries"] = None
        return WithoutEntries(decode_snapshot(document), frozenset(arns or ()))

    ports = RunPorts(
        entries=EksAccessEntries(connected.session, name),
        mode=connected.mode or EksAuthMode(connected.session, name),
        config_maps=KubernetesConfigMaps(connected.client),
        rbac=KubernetesRbac(connected.client, connected.tasks),
        reviewers=reviewers(connected, ways or {}),
        store=store,
        clock=ticking,
        approver=operator.approver,
        events=talk,
        tasks=connected.tasks,
        reader=connected.reader,
        entropy=SystemEntropy(),
        read_snapshot=read_snapshot,
        read_without_entries=read_without_entries,
        questions=connected.questions,
        basis_of=basis_of,
        nodes=node_health(settings, connected),
        logs=CloudWatchAuditLogs(connected.session, name),
        permissions=permissions,
        own_permissions=permissions,
        pods=KubernetesPods(connected.client),
        network_policies=network_policies(connected),
        fresh_principals=lambda: _fresh_principals(settings, connected),
        lock=lock,
    )
    if break_lock is not None:
        _break_lock(break_lock, open_store(settings, cluster), lock, ports)
    return ports


def observe_ports(operator: Operator, name: str) -> "tuple[ObservePorts, str]":
    """What observing needs, and the cluster's ARN."""
    from migrator.adapters.audit_logs import CloudWatchAuditLogs
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps
    from migrator.model.files.snapshot import cluster_ref
    from migrator.run.observe import ObservePorts

    settings = operator.settings
    connection = connect(settings, name, operator=operator)
    cluster = cluster_ref(connection.described)
    ports = ObservePorts(
        logs=CloudWatchAuditLogs(connection.session, connection.name),
        reader=connection.reader,
        config_maps=KubernetesConfigMaps(connection.client),
        store=open_store(settings, cluster),
        clock=clock(),
        approver=operator.approver,
        events=operator.events,
    )
    return ports, cluster.arn


def network_policies(connection: Connection) -> NetworkPolicies:
    """The network policies of the cluster."""
    from migrator.adapters.network_policies import KubernetesNetworkPolicies

    return KubernetesNetworkPolicies(connection.client, connection.tasks)


def node_health(settings: Settings, connection: Connection) -> NodeHealth:
    """How the cluster's nodes are doing."""
    from migrator.adapters.node_health import KubernetesNodeHealth

    principals = principals_of(settings, connection)
    return KubernetesNodeHealth(
        connection.client, principals, connection.reader.list_fargate_profiles, connection.tasks
    )
