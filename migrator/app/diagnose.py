"""Can this machine reach the API server, and may this caller do the work."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migrator.app.connect import (
    connect,
    describe,
    diagnose_ports,
    open_aws,
    open_ports,
    session_for,
)
from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.errors import MigratorError, WrongUse

if TYPE_CHECKING:
    from migrator.model.diagnosis import Diagnosis
    from migrator.model.network_policies.packets import Pod
    from migrator.model.opened_endpoint import ClosedEndpoint


def diagnose(cluster: str, operator: Operator, pod: "Pod | None" = None) -> "Diagnosis":
    """Check everything that a migration of the cluster needs: checks, each with what to do; a check
    that fails is a value. ``pod``: whether network policies let it reach what it needs.

    Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``.
    """
    from migrator.run.diagnose import diagnose as check

    connection = connect(operator.settings, cluster, operator=operator)
    operator.events.doing("checking the way to the API server, permissions, nodes and webhooks")
    return check(diagnose_ports(operator, connection), pod=pod, described=connection.described)


def close_endpoint(cluster: str, operator: Operator) -> "ClosedEndpoint":
    """Remove from ``publicAccessCidrs`` what commands with ``open_endpoint_for_me`` added and did
    not remove: what is overdue, and what a killed process of this machine left.

    Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``, ``not-confirmed``,
    ``endpoint-update-failed``, ``endpoint-last-range``.
    """
    from migrator.adapters.eks import EksCluster
    from migrator.adapters.tasks_threads import Threads
    from migrator.run.open_endpoint import close_overdue

    session, name = session_for(operator.settings, cluster)
    described = EksCluster(session, name, Threads(1)).describe_cluster()
    return close_overdue(open_ports(operator, session, described))


def required_policy(
    cluster: str, settings: Settings, commands: Sequence[str] = (), *, closing: bool = False
) -> dict[str, Any]:
    """An IAM policy document that allows the commands, or all of them, on the cluster, through a
    tunnel where the settings have ``via``, and opening the endpoint where they have
    ``open_endpoint_for_me`` or with ``closing``; nothing is checked. A cluster that is given by its
    ARN needs no credentials.

    Raises ``command-unknown``, ``no-credentials``, ``cluster-not-found``,
    ``cluster-arn-malformed``, ``via-malformed``.
    """
    from migrator.adapters.via import parse_via
    from migrator.app.cluster_meant import cluster_meant
    from migrator.decide.reach.required_permissions import COMMANDS, policy_document
    from migrator.model.files.snapshot import cluster_ref
    from migrator.model.principal import is_cluster_name, parse_cluster_arn

    refuse_unknown(commands)
    meant = cluster_meant(settings, cluster).cluster
    if is_cluster_name(meant):
        described = _described(settings, cluster, meant)
    else:
        described = {"name": parse_cluster_arn(meant).name, "arn": meant}
    tunnel = None if settings.via is None else parse_via(settings.via).instance or "*"
    return policy_document(
        commands or COMMANDS,
        cluster_ref(described),
        tunnel=tunnel,
        endpoint=settings.open_endpoint_for_me or closing,
    )


def required_fleet_policy(settings: Settings, commands: Sequence[str]) -> dict[str, Any]:
    """An IAM policy document that allows commands of a fleet, on all clusters of its accounts;
    without credentials, in the partition of the settings' Region.

    Raises ``command-unknown`` for a command on one cluster: its policy names the cluster.
    """
    from migrator.decide.reach.required_permissions import FLEET_COMMANDS, fleet_policy

    single = [command for command in commands if command not in FLEET_COMMANDS]
    if single:
        raise WrongUse(
            "command-unknown",
            f"--policy: {single[0]!r} is no command of a fleet, as the others are.",
            why="A policy is for commands on one cluster, or for those of a fleet.",
            remedy=f"Ask for each: migrate doctor CLUSTER --policy {single[0]}",
        )
    region = settings.region or ""
    partitions = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    named = [partitions[each] for each in partitions if region.startswith(each)]
    return fleet_policy(commands, (*named, "aws")[0])


def _described(settings: Settings, cluster: str, name: str) -> Mapping[str, Any]:
    """Name and ARN of the cluster; where the caller may not describe it, the ARN that a cluster of
    this name has in the account and Region of the caller: the policy is what lets it describe it.
    """
    from migrator.model.principal import parse_arn

    try:
        return describe(settings, cluster)
    except MigratorError as error:
        if error.code != "iam-denied":
            raise
        # GetCallerIdentity needs no permission (STS API Reference).
        session = open_aws(settings)
        caller = parse_arn(str(session.caller_identity()["Arn"]))
        if caller is None:
            raise
        place = f"arn:{caller.partition}:eks:{session.region}:{caller.account}"
        return {"name": name, "arn": f"{place}:cluster/{name}"}


def refuse_unknown(commands: Iterable[str]) -> None:
    """Raises ``WrongUse`` ``command-unknown`` for a name that is no command with permissions of its
    own.
    """
    from migrator.decide.reach.required_permissions import COMMANDS, FLEET_COMMANDS

    known = (*COMMANDS, *FLEET_COMMANDS)
    for command in commands:
        if command not in known:
            raise WrongUse(
                "command-unknown",
                f"--policy: there is no command {command!r}.",
                why=f"Commands are {', '.join(known)}.",
                remedy="Name one of them, or none for all: migrate doctor CLUSTER --policy",
            )
