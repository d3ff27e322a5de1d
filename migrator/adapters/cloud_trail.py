"""Who created a cluster, as CloudTrail tells: the CreateCluster event, kept for 90 days without any
trail.

Source: CloudTrail API reference, LookupEvents (two calls a second for an account and Region); the
identity's fields: CloudTrail user guide, "userIdentity element".
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from migrator.adapters.aws_session import AwsSession
from migrator.ports import Raw

_AROUND = timedelta(hours=1)  # createdAt and the event's time are seconds apart


class CloudTrailCreation:
    """:class:`migrator.ports.ClusterCreation` over LookupEvents."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def creator_of(
        self,
        name: str,
        cluster_arn: str,
        created_at: datetime,
    ) -> Raw | None:
        """``{arn, source}`` of who called CreateCluster; None where no event tells it. Raises
        ``iam-denied``.
        """
        events = self._session.pages(
            "cloudtrail",
            "lookup_events",
            "Events",
            subject=f"cluster {name}",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateCluster"}],
            StartTime=created_at - _AROUND,
            EndTime=created_at + _AROUND,
        )
        for event in events:
            found = _creator(_document(event), name, cluster_arn)
            if found is not None:
                return {
                    "arn": found,
                    "source": f"CloudTrail: CreateCluster, event {event.get('EventId', '')}",
                }
        return None


def _document(event: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        document = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _creator(event: Mapping[str, Any], name: str, cluster_arn: str) -> str | None:
    """The principal of an event that made this very cluster; other services have a CreateCluster,
    too.
    """
    if event.get("eventSource") != "eks.amazonaws.com" or event.get("errorCode"):
        return None
    response, request = _mapping(event, "responseElements"), _mapping(event, "requestParameters")
    made = _mapping(response, "cluster").get("arn")
    if made != cluster_arn if made else request.get("name") != name:
        return None
    identity = _mapping(event, "userIdentity")
    kind, arn = identity.get("type"), identity.get("arn")
    if kind == "AssumedRole":
        arn = _mapping(_mapping(identity, "sessionContext"), "sessionIssuer").get("arn") or arn
    elif kind not in ("IAMUser", "Root", "Role"):
        return None
    return arn if isinstance(arn, str) and arn.startswith("arn:") else None


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}
