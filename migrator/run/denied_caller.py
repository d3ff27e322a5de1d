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
    except MigratorError as unread:
        return _unexplained(error, unread)
    if entry is None:
        return error
    return Failed(
        DENIED,
        error.message,
        why=f"A run stopped between your own access entry, {entry.principal_arn}, and its access "
        "policy. The entry decides for you, and no longer your row in aws-auth.",
        remedy=_ways_out(described, entry),
    )


def _unexplained(error: MigratorError, unread: MigratorError) -> MigratorError:
    """The API server's answer, and that the cause is not known: maybe no rule is missing."""
    if unread.code != "iam-denied":
        return error
    return Failed(
        error.code,
        error.message,
        why=f"{error.why} Whether a run stopped between your own access entry and its access "
        f"policy, which would be the cause, is not known. {unread.message}".strip(),
        remedy=f"{unread.remedy} Then run the same command again, which says the cause. If no run "
        f"is the cause: {error.remedy}",
    )


def _ways_out(cluster: Raw, entry: AccessEntry) -> str:
    """What the caller can do now."""
    mode = cluster.get("accessConfig", {}).get("authenticationMode")
    # In API mode no row decides: without the entry the caller would have nothing for good.
    if mode == "API":
        associated = _call(cluster, entry, "associate-access-policy")
        return (
            "The cluster is in API mode, so aws-auth gives nothing any more. `migrate show PLAN` "
            f"names the access policies of the entry; associate them: `{associated} "
            "--access-scope type=cluster --policy-arn POLICY_ARN`. They are in force within a "
            "minute."
        )
    return (
        "Run `migrate apply PLAN` or `migrate rollback PLAN` with the plan and the state of that "
        "run: both delete the entry first, so that your row decides again. If you no longer have "
        "them, and no other administrator withdrew its policy, delete it yourself: "
        f"`{_call(cluster, entry, 'delete-access-entry')}`. Your row decides again within a "
        "minute; then plan again."
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


def _call(cluster: Raw, entry: AccessEntry, operation: str) -> str:
    """A call of the AWS CLI about the entry."""
    arn = parse_arn(str(cluster["arn"]))
    region = "" if arn is None else f" --region {arn.region}"
    return (
        f"aws eks {operation}{region} --cluster-name {cluster['name']} --principal-arn "
        f"{entry.principal_arn}"
    )
