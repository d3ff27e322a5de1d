"""STS: who am I, and roles assumed as their trust policies allow (IAM user guide, "Policy
evaluation logic").
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError, CommonError
from migrator.lab.aws.trust import trusts, trusts_web_identity
from migrator.lab.worlds.world import IamRole, RootUser
from migrator.model.principal import parse_arn

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
CHAIN_LIMIT = 3600  # seconds: a session that assumes a role gets one hour at most


def get_caller_identity(call: Call) -> Mapping[str, Any]:
    """GetCallerIdentity, signed by header or presigned."""
    return {"Account": call.caller.account, "Arn": call.caller.arn, "UserId": call.caller.user_id}


def assume_role(call: Call) -> Mapping[str, Any]:
    """AssumeRole. A role that does not exist is denied like one that does not trust the caller, so
    that role names cannot be tried out. Root may assume no role (IAM API Reference, AssumeRole).
    """
    arn, session = str(call.need("RoleArn")), str(call.need("RoleSessionName"))
    if not _SESSION_NAME.fullmatch(session):
        raise AwsError(
            "ValidationError", "roleSessionName must match [\\w+=,.@-]* and have 2 to 64 characters"
        )
    if isinstance(call.world.principal(call.caller.principal_arn), RootUser):
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    role = call.world.principal(arn)
    if not isinstance(role, IamRole) or not _may_assume(call, role):
        raise CommonError(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: "
            f"{arn}",
        )
    return _session(call, role, session, _duration(call, role))


def assume_role_with_web_identity(call: Call) -> Mapping[str, Any]:
    """AssumeRoleWithWebIdentity: unsigned, the provider's token is who asks.

    Raises InvalidIdentityToken for a token that no provider of the world gave, AccessDenied for a
    role that does not exist or does not trust it.
    """
    arn, session = str(call.need("RoleArn")), str(call.need("RoleSessionName"))
    identity = call.world.web_identities.get(str(call.need("WebIdentityToken")))
    if identity is None:
        raise AwsError(
            "InvalidIdentityToken", "The web identity token that was passed is not valid."
        )
    role = call.world.principal(arn)
    if not isinstance(role, IamRole) or not trusts_web_identity(role.trust_policy, identity):
        raise AwsError(
            "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403
        )
    answer = _session(call, role, session, _duration(call, role))
    return {
        **answer,
        "SubjectFromWebIdentityToken": identity.subject,
        "Audience": identity.audience,
        "Provider": identity.provider_arn,
    }


def _session(call: Call, role: IamRole, session: str, seconds: int) -> dict[str, Any]:
    """A session of a role: keys that expire after ``seconds`` of machine time, and its ARN, which
    lacks the role's path.
    """
    expires = call.world.clock.machine_now() + timedelta(seconds=seconds)
    credential = call.world.issue(role, session, expires)
    parsed = parse_arn(role.arn)
    partition, account = (parsed.partition, parsed.account) if parsed else ("aws", "")
    return {
        "Credentials": {
            "AccessKeyId": credential.access_key_id,
            "SecretAccessKey": credential.secret_access_key,
            "SessionToken": credential.session_token,
            "Expiration": expires,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.id}:{session}",
            "Arn": f"arn:{partition}:sts::{account}:assumed-role/{role.name}/{session}",
        },
    }


def _may_assume(call: Call, role: IamRole) -> bool:
    """Trusted by name: the trust policy is enough in one account; trusted by account: the caller's
    policy too.

    The lab's principals may do everything unless the world says otherwise, so one question covers
    both.
    """
    if "denied" in call.faults or not call.caller.permissions.allows("sts:AssumeRole"):
        return False
    return trusts(role.trust_policy, call.caller, call.params.get("ExternalId"))


def _duration(call: Call, role: IamRole) -> int:
    """How long a session lives, in seconds: 15 minutes to 12 hours, at most what the role allows,
    and one hour for a caller that is a session itself (IAM user guide, "Methods to assume a role").
    """
    seconds = int(call.params.get("DurationSeconds") or CHAIN_LIMIT)
    if not 900 <= seconds <= 43200:
        raise AwsError("ValidationError", "durationSeconds must be between 900 and 43200")
    if call.caller.session_name and seconds > CHAIN_LIMIT:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining",
        )
    if seconds > role.max_session:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return seconds


OPERATIONS: Mapping[str, Handler] = {
    "GetCallerIdentity": get_caller_identity,
    "AssumeRole": assume_role,
    "AssumeRoleWithWebIdentity": assume_role_with_web_identity,
}
