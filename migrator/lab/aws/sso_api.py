"""The portal of IAM Identity Center: role credentials for a signed-in user
(``sso:GetRoleCredentials``).

Requests are not signed. The access token of a sign-in identifies the caller. The role of a
permission set is ``AWSReservedSSO_NAME_SUFFIX`` in the account (IAM Identity Center user guide,
"Reference permission sets in resource policies").
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError

LIFE = timedelta(hours=1)


def get_role_credentials(call: Call) -> Mapping[str, Any]:
    """GetRoleCredentials: a session of the permission set's role, named as the person who signed
    in.
    """
    signed_in = call.world.portal_sessions.get(str(call.params.get("accessToken") or ""))
    if signed_in is None:
        raise AwsError("UnauthorizedException", "Session token not found or invalid", 401)
    account = call.world.accounts.get(str(call.need("accountId")))
    wanted = f"awsreservedsso_{call.need('roleName')}_".lower()
    role = (
        next((role for name, role in account.roles.items() if name.startswith(wanted)), None)
        if account
        else None
    )
    if role is None:
        raise AwsError("ForbiddenException", "No access", 403)
    expires = call.world.clock.machine_now() + LIFE
    credential = call.world.issue(role, signed_in, expires)
    return {
        "roleCredentials": {
            "accessKeyId": credential.access_key_id,
            "secretAccessKey": credential.secret_access_key,
            "sessionToken": credential.session_token,
            "expiration": int(expires.timestamp() * 1000),
        }
    }


OPERATIONS: Mapping[str, Handler] = {"GetRoleCredentials": get_role_credentials}
