"""IAM of one account: roles, users and instance profiles.

A client reads and changes them as in a real account. Names are unique without regard to case. A
principal that is deleted and created again gets a new unique id: its old access entry is dead.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any, TypeVar
from urllib.parse import quote

from migrator.lab.aws.call import Call, Handler, make_token, read_token
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.principals import IAM_NAME, Account, InstanceProfile, Permissions, make_id
from migrator.lab.worlds.raw_parts import items_of
from migrator.lab.worlds.world import IamRole, IamUser
from migrator.model.access_entry import SERVICE_LINKED_MARK

T = TypeVar("T")
_PATH = re.compile(r"/(?:[\x21-\x2e\x30-\x7e]+/)*", re.ASCII)


def _no_such(what: str, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {what} with name {name} cannot be found.", 404)


def _exists(what: str, name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"{what} with name {name} already exists.", 409)


def _role(call: Call) -> IamRole:
    """The role that a call names. Raises NoSuchEntity, for one that was made after ``as_of`` too: a
    stale read does not see it yet.
    """
    name = str(call.need("RoleName"))
    role = call.account.roles.get(name.lower())
    if role is None or role.create_date > call.as_of:
        raise _no_such("role", name)
    return role


def _show_role(role: IamRole) -> dict[str, Any]:
    """A role as GetRole shows it: the trust policy is URL-encoded JSON (IAM API Reference,
    Role).
    """
    trust = json.dumps(role.trust_policy, separators=(",", ":"))
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.create_date,
        "AssumeRolePolicyDocument": quote(trust, safe=""),
        "Description": role.description or None,
        "MaxSessionDuration": role.max_session,
        "Tags": _show_tags(role.tags),
    }


def _show_user(user: IamUser) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.create_date,
        "Tags": _show_tags(user.tags),
    }


def _show_tags(tags: Mapping[str, str]) -> list[dict[str, str]] | None:
    """Tags as IAM lists them; None, which is left out, where there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def _show_profile(account: Account, profile: InstanceProfile) -> dict[str, Any]:
    """An instance profile with its role in full; a role that was deleted is left out."""
    role = account.roles.get((profile.role_name or "").lower())
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.create_date,
        "Roles": [_show_role(role)] if role else [],
    }


def _page(call: Call, items: Mapping[str, T]) -> tuple[list[T], dict[str, Any]]:
    """A page by IAM's Marker and MaxItems, in the order of names."""
    size = int(call.params.get("MaxItems") or 100)
    if not 1 <= size <= 1000:
        raise AwsError("ValidationError", "maxItems must be between 1 and 1000")
    if partial := call.faults.get("partial-page"):
        size = min(size, max(1, partial.page_size))
    names = sorted(items)
    if marker := call.params.get("Marker"):
        after = read_token(marker)
        names = [name for name in names if name > after]
    more = len(names) > size
    page = [items[name] for name in names[:size]]
    return page, {"IsTruncated": more, "Marker": make_token(names[size - 1]) if more else None}


def get_role(call: Call) -> Mapping[str, Any]:
    """GetRole."""
    return {"Role": _show_role(_role(call))}


def _is_listed(found: IamRole | IamUser, prefix: str, as_of: datetime) -> bool:
    """Whether a list by path contains a principal, as far as a stale read sees it."""
    if found.create_date > as_of:
        return False
    return found.path.startswith(prefix)


def list_roles(call: Call) -> Mapping[str, Any]:
    """ListRoles, by path; tags are not part of the list."""
    prefix = call.params.get("PathPrefix") or "/"
    roles = {
        name: role
        for name, role in call.account.roles.items()
        if _is_listed(role, prefix, call.as_of)
    }
    page, rest = _page(call, roles)
    return {"Roles": [{**_show_role(role), "Tags": None} for role in page], **rest}


def create_role(call: Call) -> Mapping[str, Any]:
    """CreateRole, with a new unique id even for a name that existed before.

    Raises MalformedPolicyDocument for a trust policy that is no policy, EntityAlreadyExists for a
    name that differs from another one by case alone.
    """
    name, path = _new_name(call, "RoleName")
    try:
        trust = json.loads(call.need("AssumeRolePolicyDocument"))
    except ValueError:
        trust = None
    if not isinstance(trust, dict) or "Statement" not in trust:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json")
    if name.lower() in call.account.roles:
        raise _exists("Role", name)
    arn = call.account.arn_of(f"role{path}{name}")
    role = IamRole(
        arn=arn,
        name=name,
        path=path,
        id=make_id("AROA", f"{arn} {call.world.next_number()}"),
        create_date=call.now,
        trust_policy=trust,
        permissions=Permissions(),
        tags=_tags(call),
        description=str(call.params.get("Description") or ""),
        max_session=int(call.params.get("MaxSessionDuration") or 3600),
    )
    with call.effect(arn=arn):
        call.account.roles[name.lower()] = role
    return {"Role": _show_role(role)}


def delete_role(call: Call) -> Mapping[str, Any]:
    """DeleteRole. Raises UnmodifiableEntity for a role that belongs to a service, and
    DeleteConflict for one that is in an instance profile (IAM API Reference, DeleteRole).
    """
    role = _role(call)
    if SERVICE_LINKED_MARK in role.arn:
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{role.name}'.",
        )
    if _profiles_with(call, role):
        raise AwsError(
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
            409,
        )
    with call.effect(arn=role.arn):
        del call.account.roles[role.name.lower()]
    return {}


def update_assume_role_policy(call: Call) -> Mapping[str, Any]:
    """UpdateAssumeRolePolicy."""
    role = _role(call)
    try:
        trust = json.loads(call.need("PolicyDocument"))
    except ValueError:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from None
    with call.effect(arn=role.arn):
        role.trust_policy = trust
    return {}


def _user(call: Call) -> IamUser:
    """The user that a call names, or the caller where it names none. Raises NoSuchEntity, and
    ValidationError for a caller that is no user (IAM API Reference, GetUser).
    """
    name = call.params.get("UserName")
    if not name:
        found = call.world.principal(call.caller.principal_arn)
        if isinstance(found, IamUser):
            return found
        raise AwsError(
            "ValidationError", "Must specify userName when calling with non-User credentials"
        )
    user = call.account.users.get(str(name).lower())
    if user is None or user.create_date > call.as_of:
        raise _no_such("user", name)
    return user


def get_user(call: Call) -> Mapping[str, Any]:
    """GetUser; the caller when no name is given."""
    return {"User": _show_user(_user(call))}


def list_users(call: Call) -> Mapping[str, Any]:
    """ListUsers, by path."""
    prefix = call.params.get("PathPrefix") or "/"
    users = {
        name: user
        for name, user in call.account.users.items()
        if _is_listed(user, prefix, call.as_of)
    }
    page, rest = _page(call, users)
    return {"Users": [{**_show_user(user), "Tags": None} for user in page], **rest}


def create_user(call: Call) -> Mapping[str, Any]:
    """CreateUser, with a new unique id even for a name that existed before. Raises
    EntityAlreadyExists.
    """
    name, path = _new_name(call, "UserName")
    if name.lower() in call.account.users:
        raise _exists("User", name)
    arn = call.account.arn_of(f"user{path}{name}")
    user = IamUser(
        arn=arn,
        name=name,
        path=path,
        id=make_id("AIDA", f"{arn} {call.world.next_number()}"),
        create_date=call.now,
        tags=_tags(call),
    )
    with call.effect(arn=arn):
        call.account.users[name.lower()] = user
    return {"User": _show_user(user)}


def delete_user(call: Call) -> Mapping[str, Any]:
    """DeleteUser."""
    user = _user(call)
    with call.effect(arn=user.arn):
        del call.account.users[user.name.lower()]
    return {}


def _new_name(call: Call, parameter: str) -> tuple[str, str]:
    """Name and path of a principal to be made. Raises ValidationError for what IAM does not allow:
    a name of at most 64 characters, a path of at most 512 between slashes (IAM user guide, "IAM and
    AWS STS quotas").
    """
    name, path = str(call.need(parameter)), str(call.params.get("Path") or "/")
    if not IAM_NAME.fullmatch(name) or len(name) > 64:
        raise AwsError("ValidationError", f"The specified value for {parameter} is invalid.")
    if not _PATH.fullmatch(path) or len(path) > 512:
        raise AwsError("ValidationError", "The specified value for path is invalid.")
    return name, path


def _tags(call: Call) -> dict[str, str]:
    return {str(tag.get("Key")): str(tag.get("Value", "")) for tag in items_of(call.params, "Tags")}


def _profiles_with(call: Call, role: IamRole) -> dict[str, InstanceProfile]:
    """The instance profiles that hold a role, by lower-cased name. Names have no case."""
    mine = {}
    for name, profile in call.account.instance_profiles.items():
        if (profile.role_name or "").lower() == role.name.lower():
            mine[name] = profile
    return mine


def get_instance_profile(call: Call) -> Mapping[str, Any]:
    """GetInstanceProfile."""
    name = str(call.need("InstanceProfileName"))
    profile = call.account.instance_profiles.get(name.lower())
    if profile is None:
        raise AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
    return {"InstanceProfile": _show_profile(call.account, profile)}


def list_instance_profiles(call: Call) -> Mapping[str, Any]:
    """ListInstanceProfiles."""
    page, rest = _page(call, call.account.instance_profiles)
    return {"InstanceProfiles": [_show_profile(call.account, profile) for profile in page], **rest}


def list_instance_profiles_for_role(call: Call) -> Mapping[str, Any]:
    """ListInstanceProfilesForRole."""
    page, rest = _page(call, _profiles_with(call, _role(call)))
    return {"InstanceProfiles": [_show_profile(call.account, profile) for profile in page], **rest}


def simulate_principal_policy(call: Call) -> Mapping[str, Any]:
    """SimulatePrincipalPolicy: what the world lets the principal do, for each action and
    resource.
    """
    arn = str(call.need("PolicySourceArn"))
    principal = call.world.principal(arn)
    if principal is None:
        raise AwsError("NoSuchEntity", f"The principal {arn} cannot be found.", 404)
    permissions = call.world.permissions_of(principal)
    actions = items_of(call.params, "ActionNames")
    resources = call.params.get("ResourceArns") or ["*"]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": _decision(permissions, action),
            "MatchedStatements": [],
            "MissingContextValues": [],
            **_limits(permissions, action),
        }
        for action, resource in product(actions, resources)
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _decision(permissions: Permissions, action: str) -> str:
    """``EvalDecision`` (IAM API Reference, EvaluationResult)."""
    refusal = permissions.refusal(action)
    if refusal is None:
        return "allowed"
    return "implicitDeny" if refusal.startswith(" because no ") else "explicitDeny"


def _limits(permissions: Permissions, action: str) -> Mapping[str, Any]:
    """What EvaluationResult says of the organization's policies and of a permissions boundary,
    where one of them denies.
    """
    kind = ""
    if not Permissions(permissions.denied).allows(action):
        kind = permissions.denied_by
    elif limit := permissions.limit_of(action):
        kind = limit.kind
    if kind.startswith("service control policy"):
        return {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
    if kind.startswith("permissions boundary"):
        return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
    return {}


def list_account_aliases(call: Call) -> Mapping[str, Any]:
    """ListAccountAliases: the account's name in the world."""
    aliases = [call.account.name]
    return {"AccountAliases": list(filter(None, aliases)), "IsTruncated": False}


OPERATIONS: Mapping[str, Handler] = {
    "GetRole": get_role,
    "ListRoles": list_roles,
    "CreateRole": create_role,
    "DeleteRole": delete_role,
    "UpdateAssumeRolePolicy": update_assume_role_policy,
    "GetUser": get_user,
    "ListUsers": list_users,
    "CreateUser": create_user,
    "DeleteUser": delete_user,
    "GetInstanceProfile": get_instance_profile,
    "ListInstanceProfiles": list_instance_profiles,
    "ListInstanceProfilesForRole": list_instance_profiles_for_role,
    "SimulatePrincipalPolicy": simulate_principal_policy,
    "ListAccountAliases": list_account_aliases,
}
