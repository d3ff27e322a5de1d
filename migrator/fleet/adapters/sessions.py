"""The ways into the accounts of a fleet: one session, one set of clients and one listing of IAM an
account.

An account without a profile and without roles is the caller's own. Sessions are made when they are
first asked for and kept; every attempt to send takes its turn by
:mod:`migrator.fleet.adapters.rate_limits`.
"""

import gc
import importlib
import resource
import threading
from collections.abc import Iterable, Mapping, Sequence

from migrator.adapters.aws_session import AwsSession, AwsSettings, RoleToAssume, open_session
from migrator.adapters.iam import IamPrincipals
from migrator.errors import Failed, MigratorError
from migrator.fleet.adapters.rate_limits import RateLimits
from migrator.fleet.model.fleet import FleetAccount, RoleLink
from migrator.model.principal import parse_arn
from migrator.ports import Raw, TaskRunner

# principals of one account; from the next one on a listing costs less (a snapshot's LIST_FROM)
SINGLE_READS = 7
# Objects, and collections of the younger generation; 700, 10, 10 by default. Sixteen clusters that
# are under way have some 250,000 objects, which end without a look at them.
_COLLECT_AFTER = (400_000, 10, 10)
# Accounts and Regions whose clients are kept: half a megabyte for each. Clusters are worked on in
# the order of their Regions and accounts, so the others are mostly done with.
_MOST_WITH_CLIENTS = 128
_FILES = 10_240


def load_sdks() -> None:
    """Import the SDKs in one thread: threads that import them concurrently meet in the middle of
    their import cycles.

    What is loaded then stays, and garbage is looked for less often: the SDKs' service models are
    very many objects, and looking through them at every plan stops all threads and takes a quarter
    of the CPU.
    """
    for name in ("boto3", "kubernetes.client", "urllib3"):
        importlib.import_module(name)
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def allow_many_files() -> None:
    """Open as many files as the system permits: each service of each Region has its connections,
    and many shells allow 256 or 1,024 (getrlimit(2); macOS permits no more than 10,240).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class FleetSessions:
    """Sessions by account and Region. ``settings`` is how the caller itself comes to AWS."""

    def __init__(
        self,
        settings: AwsSettings,
        accounts: Iterable[FleetAccount],
        readers: Mapping[str, RoleLink],
        limits: RateLimits,
        tasks: TaskRunner,
    ) -> None:
        self._settings = settings
        self._accounts = {account.id: account for account in accounts}
        self._readers = dict(readers)
        self._limits = limits
        self._tasks = tasks
        self._lock = threading.RLock()
        self._kept: dict[tuple[str, str], AwsSession] = {}
        self._iam: dict[str, IamPrincipals] = {}
        self._names: dict[str, Mapping[tuple[bool, str], Raw] | None] = {}
        self._asked: dict[str, set[str]] = {}
        self._caller: AwsSession | None = None

    def know(self, accounts: Iterable[FleetAccount]) -> None:
        """Further accounts of the fleet, as discovery found them."""
        with self._lock:
            self._accounts.update((account.id, account) for account in accounts)

    def caller(self) -> AwsSession:
        """The caller's own session. Raises ``no-credentials``, ``profile-not-found``."""
        with self._lock:
            if self._caller is None:
                self._caller = open_session(self._settings)
                self._caller.pace = self._limits.pace("caller", self._caller.region or "")
            return self._caller

    def session(self, account: FleetAccount, region: str) -> AwsSession:
        """The session for an account and Region. Nothing is sent yet."""
        key = (account.id, region)
        with self._lock:
            # The one that was asked for last is the last one.
            session = self._kept.pop(key, None) or self._open(account, region)
            self._kept[key] = session
            if len(self._kept) > _MOST_WITH_CLIENTS:
                list(self._kept.values())[-_MOST_WITH_CLIENTS - 1].forget_clients()
            return session

    def _open(self, account: FleetAccount, region: str) -> AwsSession:
        """A session in a Region. The way into the account is opened once and kept, with the pace of
        each account that it leads through.
        """
        home = next((kept for (owner, _), kept in self._kept.items() if owner == account.id), None)
        if home is None:
            home = self.caller()
            if account.profile:
                home = home.with_profile(account.profile)
            for link in account.roles:
                home = home.assume(link.arn, external_id=link.external_id)
                home.pace = self._limits.pace(_account_of(link.arn), home.region or "")
        session = home.in_region(region)
        if session is not self._caller:
            session.pace = self._limits.pace(account.id, region)
        return session

    def checked(self, account: FleetAccount, region: str) -> AwsSession:
        """The same, once it leads into the account that is meant. Raises ``wrong-account``,
        ``iam-denied``.
        """
        session = self.session(account, region)
        found = str(session.caller_identity()["Account"])
        if found != account.id:
            raise Failed(
                "wrong-account",
                f"The way into account {account.id} leads into account {found}.",
                why="Its role or profile is of another account, or it has none and the caller's "
                "own is another.",
                remedy="Correct role or profile of this account in the fleet file.",
            )
        return session

    def principals(self, account: FleetAccount, region: str) -> "FleetPrincipals":
        """IAM for a cluster of the account and Region; what is read of an account is read once for
        the whole fleet.
        """
        return FleetPrincipals(self, self.session(account, region), self._tasks)

    def fresh_principals(self, account: FleetAccount, region: str) -> "FreshPrincipals":
        """IAM for a cluster of the account and Region as it is now: nothing that the fleet has read
        before counts.
        """
        return FreshPrincipals(self, self.session(account, region), self._tasks)

    def iam_of(self, account_id: str, session: AwsSession) -> IamPrincipals:
        """The reader of one account's IAM, with what it has read: one for the whole fleet."""
        with self._lock:
            if account_id not in self._iam:
                self._iam[account_id] = self.new_iam_of(account_id, session)
            return self._iam[account_id]

    def new_iam_of(self, account_id: str, session: AwsSession) -> IamPrincipals:
        """A reader of one account's IAM that has read nothing yet: by the fleet's own way into the
        account, else by a reader role, else by ``session``, which raises ``account-unreadable`` for
        an account that is not its own.
        """
        with self._lock:
            account, reader = self._accounts.get(account_id), self._readers.get(account_id)
            if account is not None:
                return IamPrincipals(self.session(account, session.region or ""), self._tasks)
            if reader is not None:
                role = RoleToAssume(reader.arn, reader.external_id)
                return IamPrincipals(self.caller(), self._tasks, {account_id: role})
            return IamPrincipals(session, self._tasks)

    def by_name(
        self,
        account_id: str,
        name: str,
        iam: IamPrincipals,
    ) -> Mapping[tuple[bool, str], Raw] | None:
        """Every principal of an account by (is a user, name); None where not all of them may be
        listed, or while fewer names than :data:`SINGLE_READS` have been asked for.
        """
        if account_id not in self._names:
            with self._lock:
                asked = self._asked.setdefault(account_id, set())
                asked.add(name)
                if len(asked) <= SINGLE_READS:
                    return None
            try:
                items, roles, users = iam.list_account(account_id)
            except MigratorError as error:
                if error.code not in ("iam-denied", "account-unreadable"):
                    raise
                items, roles, users = [], False, False
            named = {
                (":user/" in item["arn"], item["arn"].rpartition("/")[2]): item for item in items
            }
            self._names[account_id] = named if roles and users else None
        return self._names[account_id]


class FleetPrincipals:
    """:class:`migrator.ports.Principals` of one cluster, over what the fleet has read.

    The first few principals of an account are asked for one by one, whichever clusters ask; then
    the account is listed, once for all of them. So nothing need be known beforehand, and it never
    costs twice what the cheaper way does.
    """

    def __init__(
        self,
        fleet: FleetSessions,
        session: AwsSession,
        tasks: TaskRunner,
    ) -> None:
        self._fleet = fleet
        self._session = session
        self._own = IamPrincipals(session, tasks)  # instances belong to a Region

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        """As :meth:`migrator.ports.Principals.list_account`."""
        return self._fleet.iam_of(account, self._session).list_account(account)

    def why_not_listed(self, account: str) -> Sequence[MigratorError]:
        """As :meth:`migrator.ports.Principals.why_not_listed`."""
        return self._fleet.iam_of(account, self._session).why_not_listed(account)

    def get(self, arn: str) -> Raw | None:
        """One role or user: from the account's listing where that is complete, else asked for."""
        parsed = parse_arn(arn)
        if parsed is None:
            return self._own.get(arn)
        iam = self._fleet.iam_of(parsed.account, self._session)
        named = self._fleet.by_name(parsed.account, parsed.name, iam)
        return iam.get(arn) if named is None else named.get((parsed.kind == "user", parsed.name))

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """As :meth:`migrator.ports.Principals.roles_of_instances`."""
        return self._own.roles_of_instances(instance_ids)


class FreshPrincipals:
    """:class:`migrator.ports.Principals` of one cluster, read again by each object of this class.

    A run asks through it directly before it writes, so that a role that was deleted and made again
    since the plan is not taken for the old one.
    """

    def __init__(
        self,
        fleet: FleetSessions,
        session: AwsSession,
        tasks: TaskRunner,
    ) -> None:
        self._fleet = fleet
        self._session = session
        self._own = IamPrincipals(session, tasks)
        self._lock = threading.Lock()
        self._accounts: dict[str, IamPrincipals] = {}

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        """As :meth:`migrator.ports.Principals.list_account`."""
        return self._of(account).list_account(account)

    def why_not_listed(self, account: str) -> Sequence[MigratorError]:
        """As :meth:`migrator.ports.Principals.why_not_listed`."""
        return self._of(account).why_not_listed(account)

    def get(self, arn: str) -> Raw | None:
        """As :meth:`migrator.ports.Principals.get`."""
        parsed = parse_arn(arn)
        return self._own.get(arn) if parsed is None else self._of(parsed.account).get(arn)

    def roles_of_instances(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """As :meth:`migrator.ports.Principals.roles_of_instances`."""
        return self._own.roles_of_instances(instance_ids)

    def _of(self, account: str) -> IamPrincipals:
        with self._lock:
            if account not in self._accounts:
                self._accounts[account] = self._fleet.new_iam_of(account, self._session)
            return self._accounts[account]


def _account_of(arn: str) -> str:
    parsed = parse_arn(arn)
    return parsed.account if parsed else "caller"
