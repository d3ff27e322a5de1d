"""Systems Manager: instances that run its agent, and port forwarding sessions to what they reach.

Errors and their texts: Systems Manager API Reference, StartSession, TerminateSession,
DescribeInstanceInformation.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.principals import Instance
from migrator.lab.worlds.raw_parts import items_of
from migrator.lab.worlds.ssm_sessions import SsmSession

FORWARDING = "AWS-StartPortForwardingSessionToRemoteHost"


def describe_instance_information(call: Call) -> Mapping[str, Any]:
    """DescribeInstanceInformation: instances with an agent, by filters that must all pass. A filter
    by tag cannot be combined with one of another kind.
    """
    filters = items_of(call.params, "Filters")
    by_tag = [str(each.get("Key")).startswith("tag") for each in filters]
    if any(by_tag) and not all(by_tag):
        raise AwsError("InvalidFilterKey", "Tag filters cannot be combined with other filters.")
    found = [item for item in _with_agent(call) if all(_passes(item, each) for each in filters)]
    page, token = call.page(found, lambda item: item.id, default=50)
    return {"InstanceInformationList": [_show(item) for item in page], "NextToken": token}


def _with_agent(call: Call) -> list[Instance]:
    """Those of the account in the Region; stopped ones are left out (API Reference)."""
    return [
        item
        for item in call.account.instances.values()
        if item.region == call.region and item.ssm_ping_status and item.state == "running"
    ]


def _passes(instance: Instance, wanted: Mapping[str, Any]) -> bool:
    key, values = str(wanted.get("Key")), items_of(wanted, "Values")
    if key == "tag-key":
        return any(value in instance.tags for value in values)
    if key.startswith("tag:"):
        return instance.tags.get(key.removeprefix("tag:")) in values
    known = {"InstanceIds": instance.id, "PingStatus": instance.ssm_ping_status}
    if key not in known:
        raise AwsError("InvalidFilterKey", f"The lab has no filter {key}.")
    return known[key] in values


def _show(instance: Instance) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "PingStatus": instance.ssm_ping_status,
        "AgentVersion": instance.ssm_agent_version,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "ResourceType": "EC2Instance",
        "ComputerName": instance.private_dns_name,
    }


def start_session(call: Call) -> Mapping[str, Any]:
    """StartSession for forwarding to a remote host, the only document that the lab has."""
    target, document = call.need("Target"), call.params.get("DocumentName")
    if document != FORWARDING:
        raise AwsError("InvalidDocument", f"Document with name {document} does not exist.")
    online = {item.id for item in _with_agent(call) if item.ssm_ping_status == "Online"}
    if target not in online:
        raise AwsError("TargetNotConnected", f"{target} is not connected.")
    given = call.params.get("Parameters") or {}
    session = SsmSession(
        id=f"{call.caller.session_name or 'lab'}-{secrets.token_hex(8)}",
        token=secrets.token_urlsafe(48),
        account=call.caller.account,
        region=call.region,
        instance=target,
        host=str((given.get("host") or ["localhost"])[0]),
        port=int((given.get("portNumber") or ["80"])[0]),
    )
    call.world.ssm_sessions[session.id] = session
    url = call.world.channels.url(session)
    return {"SessionId": session.id, "TokenValue": session.token, "StreamUrl": url}


def terminate_session(call: Call) -> Mapping[str, Any]:
    """TerminateSession. A session that has ended, or never was, is no error."""
    session_id = call.need("SessionId")
    if session := call.world.ssm_sessions.get(session_id):
        session.end()
    return {"SessionId": session_id}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceInformation": describe_instance_information,
    "StartSession": start_session,
    "TerminateSession": terminate_session,
}
