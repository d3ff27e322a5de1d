"""CloudTrail: the CreateCluster events of the last 90 days, one for each cluster whose creator the
world names.

A world's clusters exist before the lab starts. The lab reports who created them as CloudTrail does,
and for no longer than CloudTrail does (CloudTrail API reference, LookupEvents).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import make_id
from migrator.lab.worlds.world import IamRole
from migrator.model.principal import parse_arn

_KEPT = timedelta(days=90)
_ATTRIBUTES = (
    "EventName",
    "EventSource",
    "ResourceName",
    "Username",
    "ReadOnly",
    "EventId",
    "ResourceType",
)


def lookup_events(call: Call) -> Mapping[str, Any]:
    """LookupEvents of the account in the region, newest first, by one attribute and time.

    Times are seconds since 1970. Raises InvalidLookupAttributesException for two attributes and for
    one that CloudTrail does not have.
    """
    attributes = call.params.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError(
            "InvalidLookupAttributesException",
            "You may only specify one lookup attribute per request.",
        )
    wanted = {}
    if attributes:
        wanted = attributes[0]
    if wanted and wanted.get("AttributeKey") not in _ATTRIBUTES:
        raise AwsError("InvalidLookupAttributesException", "Specify a valid lookup attribute key.")
    found = [event for event in _events(call) if _passes(event, call, wanted)]
    page, token = call.page(found, _newest_first, default=50)
    return {"Events": [_shown(event) for event in page], "NextToken": token}


def _newest_first(event: Mapping[str, Any]) -> str:
    """A key that sorts the newest event first; the id makes it unique."""
    return f"{9e11 - event['EventTime'].timestamp():020.3f}{event['EventId']}"


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event without the two fields by which it is only found: the model shows the resources
    in a list (CloudTrail API Reference, Event), which the lab leaves out.
    """
    hidden = ("ResourceName", "ResourceType")
    return {key: value for key, value in event.items() if key not in hidden}


def _passes(event: Mapping[str, Any], call: Call, wanted: Mapping[str, Any]) -> bool:
    """Whether an event is within the times, and has the attribute, that the call asks for."""
    at = event["EventTime"].timestamp()
    start, end = call.params.get("StartTime"), call.params.get("EndTime")
    if start is not None and at < float(start):
        return False
    if end is not None and at > float(end):
        return False
    if not wanted:
        return True
    return bool(event.get(str(wanted["AttributeKey"])) == wanted.get("AttributeValue"))


def _events(call: Call) -> Iterable[dict[str, Any]]:
    """A CreateCluster event of each of the caller's clusters whose creator is known, for as long as
    CloudTrail keeps events.
    """
    for (account, region, _), cluster in call.world.clusters.items():
        if (account, region) != (call.caller.account, call.region):
            continue
        if not cluster.creator_arn:
            continue
        if call.now - _KEPT <= cluster.created_at <= call.now:
            yield _created(call, cluster, cluster.creator_arn)


def _created(call: Call, cluster: LabCluster, creator: str) -> dict[str, Any]:
    """The event that the creation of a cluster left (CloudTrail user guide, "CloudTrail record
    contents"). Its id depends on the cluster alone, so that each lookup finds the same one.
    """
    event_id = make_id("", f"CreateCluster {cluster.arn}").lower()
    identity = _identity(call, creator)
    detail = {
        "eventVersion": "1.10",
        "userIdentity": identity,
        "eventTime": f"{cluster.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "eks.amazonaws.com",
        "eventName": "CreateCluster",
        "awsRegion": cluster.region,
        "requestParameters": {"name": cluster.name},
        "responseElements": {
            "cluster": {"name": cluster.name, "arn": cluster.arn, "status": "CREATING"}
        },
        "eventID": event_id,
        "recipientAccountId": cluster.account,
    }
    return {
        "EventId": event_id,
        "EventName": "CreateCluster",
        "ReadOnly": "false",
        "EventTime": cluster.created_at,
        "EventSource": "eks.amazonaws.com",
        "Username": str(identity["arn"]).rpartition("/")[2],
        "ResourceName": cluster.name,
        "ResourceType": "AWS::EKS::Cluster",
        "CloudTrailEvent": json.dumps(detail),
    }


def _identity(call: Call, creator: str) -> dict[str, Any]:
    """``userIdentity`` of the creator: a role acts by a session, here ``terraform``, whose issuer
    is the role (CloudTrail user guide, "CloudTrail userIdentity element").
    """
    arn, principal = parse_arn(creator), call.world.principal(creator)
    if arn is None:
        return {"type": "IAMUser", "arn": creator, "accountId": ""}
    if arn.kind != "role":
        kind = "Root" if arn.kind == "root" else "IAMUser"
        return {"type": kind, "arn": creator, "accountId": arn.account}
    role_id = make_id("AROA", creator)
    # The role may have been deleted since: then its id is made up.
    if isinstance(principal, IamRole):
        role_id = principal.id
    session = f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/terraform"
    issuer = {
        "type": "Role",
        "principalId": role_id,
        "arn": creator,
        "accountId": arn.account,
        "userName": arn.name,
    }
    return {
        "type": "AssumedRole",
        "principalId": f"{role_id}:terraform",
        "arn": session,
        "accountId": arn.account,
        "sessionContext": {"sessionIssuer": issuer},
    }


OPERATIONS: Mapping[str, Handler] = {"LookupEvents": lookup_events}
