"""Roles and users of one or more accounts, as items of a snapshot's ``iam.principals``.

An account is listed page by page (ListRoles, ListUsers) and cached; single reads are cached too.
Foreign accounts are read through reader roles that the operator names; without one they stay
unread, which is not the same as empty.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from migrator.adapters.aws_session import AwsSession, RoleToAssume, jsonable
from migrator.adapters.trust_policy import trusted_services
from migrator.errors import Failed, MigratorError
from migrator.model.principal import Arn, parse_arn
from migrator.ports import Raw, TaskRunner

R = TypeVar("R")
_BATCH = 200  # values of one DescribeInstances filter (EC2 API reference)


class IamPrincipals:
    """:class:`migrator.ports.Principals`. ``readers`` maps a foreign account to the role that may
    read its IAM.
    """

    def __init__(
        self,
        session: AwsSession,
        tasks: TaskRunner,
        readers: Mapping[str, RoleToAssume | str] | None = None,
    ) -> None:
        self._session = session
        self._tasks = tasks
        self._readers = dict(readers or {})
        self._sessions: dict[str, AwsSession] = {}
        self._lock = threading.RLock()
        self._cache: dict[tuple[str, ...], Any] = {}
        self._locks: dict[tuple[str, ...], threading.Lock] = {}
        self._refusals: dict[str, tuple[MigratorError, ...]] = {}

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        """``(items, roles complete, users complete)`` of an account. Not complete: no permission,
        or a foreign account without a reader role. Other failures are raised.
        """
        return self._once(("list", account), lambda: self._list_account(account))

    def why_not_listed(self, account: str) -> tuple[MigratorError, ...]:
        """What kept :meth:`list_account` from being complete."""
        return self._refusals.get(account, ())

    def _list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        try:
            session = self._session_of(account)
        except MigratorError as error:
            if error.code == "account-unreadable":
                self._refusals[account] = (_alone(error),)
                return [], False, False
            raise

        def listing(method: str, key: str) -> list[Raw] | MigratorError:
            try:
                return session.pages(
                    "iam",
                    method,
                    key,
                    subject=f"account {account}",
                    PaginationConfig={"PageSize": 1000},
                )
            except MigratorError as error:
                if error.code == "iam-denied":
                    return _alone(error)
                raise

        answers = self._tasks.map(
            lambda names: listing(*names), [("list_roles", "Roles"), ("list_users", "Users")]
        )
        self._refusals[account] = tuple(
            answer for answer in answers if isinstance(answer, MigratorError)
        )
        roles, users = (None if isinstance(answer, MigratorError) else answer for answer in answers)
        items: list[Raw] = [*map(_role, roles or ()), *map(_user, users or ())]
        return items, roles is not None, users is not None

    def get(self, arn: str) -> Raw | None:
        """One role or user by the account and name in ``arn``; None when IAM has none. The answer
        carries the ARN as IAM spells it. Raises ``iam-denied``, ``account-unreadable``,
        ``not-a-principal``.
        """
        parsed = parse_arn(arn)
        if parsed is None or parsed.kind not in ("role", "service-linked-role", "user"):
            raise Failed(
                "not-a-principal",
                "This ARN names no role and no user that IAM could know.",
                why=arn[:256],
            )
        kind = "user" if parsed.kind == "user" else "role"
        return self._once(
            ("get", parsed.account, kind, parsed.name), lambda: self._get(parsed, kind)
        )

    def _get(self, arn: Arn, kind: str) -> Raw | None:
        session = self._session_of(arn.account)
        try:
            if kind == "user":
                return _user(
                    session.call("iam", "get_user", subject=str(arn), UserName=arn.name)["User"]
                )
            return _role(
                session.call("iam", "get_role", subject=str(arn), RoleName=arn.name)["Role"]
            )
        except MigratorError as error:
            # a name that no role can have (a blank, a wildcard) is refused as invalid: no role has
            # it
            if error.code == "principal-not-found" or (
                error.code == "aws-refused" and not _could_be_name(arn.name)
            ):
                return None
            raise

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """Instance id -> role ARN, through the instance profile; what cannot be resolved is left
        out.

        Raises ``iam-denied`` when instances or instance profiles may not be read at all.
        """
        wanted = sorted({one for one in instance_ids if one.startswith("i-")})
        batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
        profiles: dict[str, str] = {}
        for found in self._tasks.map(self._profiles_of, batches):
            profiles.update(found)
        names = sorted(set(profiles.values()))
        roles = dict(zip(names, self._tasks.map(self._role_of_profile, names), strict=True))
        return {
            instance: role
            for instance, name in profiles.items()
            if (role := roles[name]) is not None
        }

    def _profiles_of(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """A filter, and not InstanceIds: one id that no longer exists would fail the whole call."""
        reservations = self._session.pages(
            "ec2",
            "describe_instances",
            "Reservations",
            subject="the cluster's nodes",
            Filters=[{"Name": "instance-id", "Values": list(instance_ids)}],
        )
        found: dict[str, str] = {}
        for instance in (
            instance for group in reservations for instance in group.get("Instances", ())
        ):
            arn = (instance.get("IamInstanceProfile") or {}).get("Arn", "")
            if arn:
                found[instance["InstanceId"]] = arn.rpartition("/")[2]
        return found

    def _role_of_profile(self, name: str) -> str | None:
        return self._once(("profile", name), lambda: self._read_profile(name))

    def _read_profile(self, name: str) -> str | None:
        try:
            answer = self._session.call(
                "iam", "get_instance_profile", subject=name, InstanceProfileName=name
            )
        except MigratorError as error:
            if error.code == "principal-not-found":
                return None
            raise
        roles = answer["InstanceProfile"].get("Roles", ())
        return str(roles[0]["Arn"]) if roles else None

    def _session_of(self, account: str) -> AwsSession:
        if account == self._session.caller_identity()["Account"]:
            return self._session
        with self._lock:
            reader = self._readers.get(account)
            if reader is None:
                raise Failed(
                    "account-unreadable",
                    f"IAM of account {account[:24]} is not read: no reader role is named for it.",
                    remedy="Name one that may iam:GetRole and iam:ListRoles there (--reader-role "
                    "ARN).",
                )
            if account not in self._sessions:
                role = RoleToAssume(reader) if isinstance(reader, str) else reader
                self._sessions[account] = self._session.assume(
                    role.arn, external_id=role.external_id
                )
            return self._sessions[account]

    def _once(self, key: tuple[str, ...], read: Callable[[], R]) -> R:
        """Read once, also when many threads ask at the same time. Failures are not kept."""
        with self._lock:
            if key in self._cache:
                kept: R = self._cache[key]
                return kept
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._cache:
                self._cache[key] = read()
            found: R = self._cache[key]
            return found


def _alone(error: MigratorError) -> MigratorError:
    """The same error without its traceback, which would keep what was read."""
    return Failed(error.code, error.message, why=error.why, remedy=error.remedy)


def _role(raw: Raw) -> dict[str, Any]:
    item = {
        "arn": raw["Arn"],
        "id": raw.get("RoleId"),
        "createDate": jsonable(raw.get("CreateDate")),
    }
    services = trusted_services(raw.get("AssumeRolePolicyDocument"))
    return item if services is None else {**item, "trustedServices": services}


def _user(raw: Raw) -> dict[str, Any]:
    return {
        "arn": raw["Arn"],
        "id": raw.get("UserId"),
        "createDate": jsonable(raw.get("CreateDate")),
    }


def _could_be_name(name: str) -> bool:
    """IAM names are letters, digits and ``_+=,.@-`` (IAM user guide, "IAM and AWS STS quotas")."""
    return (
        bool(name)
        and len(name) <= 64
        and all(char.isascii() and (char.isalnum() or char in "_+=,.@-") for char in name)
    )
