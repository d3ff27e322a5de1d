"""Why the API server refuses the caller, where a run left the caller's own access entry half-made:
the cause is in EKS, and no rule of RBAC is missing.
"""

from migrator.decide.planning.entries.decide_principal import is_half_made
from migrator.errors import Failed, MigratorError
from migrator.model.access_entry import AccessEntry
from migrator.model.files.snapshot import access_entry
from migrator.model.principal import parse_arn
from migrator.ports import ClusterReader, Raw
from migrator.run.begin_run import arrives_through

DENIED = "kubernetes-denied"


def explained(error: MigratorError, cluster: ClusterReader) -> MigratorError:
    """The error with this cause and the ways out, where it is the cause; else as it is."""
    if error.code != DENIED:
        return error
    try:
        entry = _own_entry(cluster)
        described = cluster.describe_cluster()
    except MigratorError:
        # The API server's answer stays what there is to say.
        return error
    if entry is None:
        return error
    return Failed(
        DENIED,
        error.message,
        why=f"A run stopped between your own access entry, {entry.principal_arn}, and its access "
        "policy. The entry decides for you, and no longer your row in aws-auth.",
        remedy="Run `migrate apply PLAN` or `migrate rollback PLAN` with the plan and the state "
        "of that run: both associate the policy over EKS first. If you no longer have them, "
        f"delete the entry: `{_deletion(described, entry)}`. Your row decides again within a "
        "minute; then plan again.",
    )


def _own_entry(cluster: ClusterReader) -> AccessEntry | None:
    """The caller's own entry, where a run made it and it has no access policy yet."""
    caller = str(cluster.caller_identity().get("Arn", ""))
    for raw in cluster.list_access_entries() or ():
        arn = str(raw["principalArn"])
        if not arrives_through(arn, (caller,)):
            continue
        entry = access_entry(raw, arn)
        if is_half_made(entry) and not entry.access_policies:
            return entry
    return None


def _deletion(cluster: Raw, entry: AccessEntry) -> str:
    """The call of the AWS CLI that deletes the entry."""
    arn = parse_arn(str(cluster["arn"]))
    region = "" if arn is None else f" --region {arn.region}"
    return (
        f"aws eks delete-access-entry{region} --cluster-name {cluster['name']} --principal-arn "
        f"{entry.principal_arn}"
    )
