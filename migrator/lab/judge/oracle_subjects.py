"""The subjects and the probes of the oracle: every login that a world's principals can have, and
requests that show a difference of access.

The oracle evaluates each probe for every login, not only for the login that it was made for: a
request that is normal for one login is a wrong allow for another.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

from migrator.decide.access.probes import probes_for
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.user import AUTHENTICATED, User
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import Account, Credential, IamRole, Principal
from migrator.lab.worlds.raw_parts import items_of
from migrator.lab.worlds.world import World
from migrator.model.access_entry import SERVICE_LINKED_MARK, AssociatedPolicy, Identity
from migrator.model.rbac import AccessRequest

SESSION = "oracle"
_SESSIONS = 6  # of one role: more tell nothing new
_RBAC = "rbac.authorization.k8s.io"
# Probes for every login in every world: the rights that matter most when a principal gains or
# loses them.
_ALWAYS = (
    AccessRequest("*", "*", "*"),
    *(
        AccessRequest(verb, group, resource, subresource, namespace)
        for namespace in (None, "kube-system", "default", "lab-oracle-elsewhere")
        for verb, group, resource, subresource in (
            ("list", "", "pods", ""),
            ("get", "", "secrets", ""),
            ("create", "", "pods", "exec"),
            ("patch", "apps", "deployments", ""),
        )
    ),
    AccessRequest("list", "", "nodes"),
    AccessRequest("impersonate", "", "users"),
    AccessRequest("update", "", "configmaps", namespace="kube-system", name="aws-auth"),
    AccessRequest("create", _RBAC, "clusterrolebindings"),
    AccessRequest("escalate", _RBAC, "clusterroles"),
    AccessRequest("create", "certificates.k8s.io", "certificatesigningrequests"),
    AccessRequest("get", path="/metrics"),
    AccessRequest("get", path="/version"),
)


def logins_of(world: World, api: KubernetesApi) -> Iterator[Credential]:
    """Credentials of every login to check. They have no secret key, and no list of keys contains
    them.

    A role has several sessions: an ordinary one, one for each of its nodes, and those whose name
    RBAC binds. Only EKS can assume a service-linked role, so it has none.
    """
    names = list(_names_in_rbac(api))
    for account in world.accounts.values():
        for principal in (*account.principals(), account.root):
            if SERVICE_LINKED_MARK in principal.arn:
                continue
            if not isinstance(principal, IamRole):
                yield credential(principal, None)
                continue
            nodes = _nodes_of(account, principal, api.cluster)
            sessions = dict.fromkeys((SESSION, *nodes, *names))
            for session in islice(sessions, _SESSIONS):
                yield credential(principal, session)


def credential(principal: Principal, session: str | None) -> Credential:
    """What a caller is worked out from; no request can be signed with it."""
    return Credential(
        "ASIAORACLE",
        "",
        None,
        principal.arn,
        principal.id,
        session,
    )


def probes_of(
    api: KubernetesApi,
    users: Iterable[tuple[User, Sequence[AssociatedPolicy]]],
    *,
    each: int,
    most: int,
) -> tuple[AccessRequest, ...]:
    """The requests to evaluate for every login: ``each`` for every different kind of user, ``most``
    in all.

    Those that matter in every world come first, then the first probe of each user, the second of
    each, and so on, so that a limit leaves every user some.
    """
    index, namespaces = api.authorizer.rbac, _namespaces(api)
    kinds = dict.fromkeys((user.username, user.groups, tuple(held)) for user, held in users)
    by_user = []
    for name, all_groups, policies in kinds:
        # Every login is in this group: it makes no difference between two.
        groups = tuple(group for group in all_groups if group != AUTHENTICATED)
        identity = Identity(name, groups, "config-map", policies)
        probes = probes_for(identity, index, limit=each, namespaces=namespaces)
        by_user.append([probe.request for probe in probes])
    # The first probe of each user, then the second of each: None where a user has no more.
    by_turns = filter(None, chain.from_iterable(zip_longest(*by_user)))
    return tuple(dict.fromkeys((*_ALWAYS, *by_turns)))[:most]


def named(arn: str, session: str | None) -> str:
    """``arn:… as SESSION``; the ordinary session is not worth a word."""
    if session in (None, SESSION):
        return arn
    return f"{arn} as {session}"


def _nodes_of(account: Account, role: IamRole, cluster: LabCluster) -> Iterator[str]:
    """Session names of nodes: instances by their id, Fargate pods by the name of their node."""
    held = account.instance_profiles.values()
    profiles = {found.name for found in held if found.role_name == role.name}
    for instance in account.instances.values():
        if instance.instance_profile in profiles:
            yield instance.id
    fargate = [found.get("podExecutionRoleArn") for found in cluster.fargate_profiles.values()]
    if role.arn not in fargate:
        return
    for found in cluster.kubernetes_objects:
        if found.get("kind") != "Node":
            continue
        if found["metadata"]["name"].startswith("fargate-"):
            yield found["metadata"]["name"]


def _names_in_rbac(api: KubernetesApi) -> Iterator[str]:
    """Ends of usernames that RBAC binds: a template may render to such a name for one session and
    not for another. Names of the system are never rendered.
    """
    for plural in ("clusterrolebindings", "rolebindings"):
        for binding in api.registry.store.items((_RBAC, plural))[0]:
            for subject in items_of(binding, "subjects"):
                name = str(subject.get("name", ""))
                if subject.get("kind") != "User" or name.startswith("system:"):
                    continue
                yield name.rpartition(":")[2]


def _namespaces(api: KubernetesApi) -> list[str]:
    return [found["metadata"]["name"] for found in api.registry.store.items(("", "namespaces"))[0]]
