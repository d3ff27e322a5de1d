"""EKS Pod Identity: associations of ServiceAccounts with roles, and the agent that gives pods their
credentials.

Sources: EKS API Reference, CreatePodIdentityAssociation and its neighbours; EKS user guide, "EKS
Pod Identity" (the agent answers on 169.254.170.23 port 80, path ``/v1/credentials``; the role
trusts ``pods.eks.amazonaws.com`` for ``sts:AssumeRole`` and ``sts:TagSession``; the variables that
a pod gets). Here the agent listens on the lab's own port, below :data:`AGENT`.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.eks_clusters import find_cluster
from migrator.lab.aws.errors import AwsError
from migrator.lab.aws.trust import trusts_service
from migrator.lab.http_wire import Request, Response
from migrator.lab.worlds.lab_cluster import LabCluster, PodIdentity
from migrator.lab.worlds.world import IamRole, World

AGENT: Final = "/_lab/pod-identity/"
SERVICE: Final = "pods.eks.amazonaws.com"
MOUNT: Final = f"/var/run/secrets/{SERVICE}/serviceaccount"
TOKEN: Final = "eks-pod-identity-token"  # noqa: S105 - a file's name
_ACTIONS: Final = ("sts:AssumeRole", "sts:TagSession")
_LIFE: Final = timedelta(hours=6)
_ACCOUNT: Final = "system:serviceaccount:"


def create_association(call: Call) -> Mapping[str, Any]:
    """CreatePodIdentityAssociation. Raises ResourceInUseException where the account has one."""
    cluster = find_cluster(call, "clusterName")
    place = (str(call.need("namespace")), str(call.need("serviceAccount")))
    role = str(call.need("roleArn"))
    call.require("iam:PassRole", role)
    if place in cluster.pod_identities:
        raise AwsError("ResourceInUseException", "Association already exists.", 409)
    made = PodIdentity(f"a-{secrets.token_hex(8)}", *place, role)
    with call.effect(cluster=cluster.name, role=role):
        cluster.pod_identities[place] = made
    return {"association": _shown(cluster, made)}


def list_associations(call: Call) -> Mapping[str, Any]:
    """ListPodIdentityAssociations, of a namespace or an account where they are given."""
    cluster = find_cluster(call, "clusterName")
    wanted = (call.params.get("namespace"), call.params.get("serviceAccount"))
    found = [
        each
        for place, each in cluster.pod_identities.items()
        if all(given in (None, have) for given, have in zip(wanted, place, strict=True))
    ]
    page, token = call.page(found, lambda each: each.id)
    shown = [_shown(cluster, each) for each in page]
    for each in shown:
        del each["roleArn"]
    return {"associations": shown, "nextToken": token}


def delete_association(call: Call) -> Mapping[str, Any]:
    """DeletePodIdentityAssociation. Raises ResourceNotFoundException."""
    cluster, wanted = find_cluster(call, "clusterName"), str(call.need("associationId"))
    for place, each in cluster.pod_identities.items():
        if each.id == wanted:
            with call.effect(cluster=cluster.name, role=each.role_arn):
                del cluster.pod_identities[place]
            return {"association": _shown(cluster, each)}
    raise AwsError("ResourceNotFoundException", f"No association found for: {wanted}.", 404)


def _shown(cluster: LabCluster, each: PodIdentity) -> dict[str, Any]:
    stem = f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account}"
    return {
        "clusterName": cluster.name,
        "namespace": each.namespace,
        "serviceAccount": each.account,
        "roleArn": each.role_arn,
        "associationArn": f"{stem}:podidentityassociation/{cluster.name}/{each.id}",
        "associationId": each.id,
    }


def variables_for(
    world: World,
    cluster: LabCluster,
    namespace: str,
    account: str,
) -> dict[str, str]:
    """The variables that the webhook of Pod Identity gives a pod, and where the lab's AWS is; empty
    for a ServiceAccount without an association.
    """
    if (namespace, account) not in cluster.pod_identities or world.endpoint is None:
        return {}
    agent = f"{world.endpoint}{AGENT}{_place(cluster)}"
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{MOUNT}/{TOKEN}",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_DEFAULT_REGION": cluster.region,
        "AWS_REGION": cluster.region,
        "AWS_ENDPOINT_URL": world.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _place(cluster: LabCluster) -> str:
    """Where the agent of the cluster's nodes is, below :data:`AGENT`."""
    return f"{cluster.account}/{cluster.region}/{quote(cluster.name, safe='')}"


class PodIdentityAgent:
    """Answers what pods ask for their credentials."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, request: Request) -> Response:
        """Credentials of the role that is associated with the token's ServiceAccount; 404 for
        another path, 403 for a token of no ServiceAccount of the cluster, and for an account
        without an association or with a role that does not trust Pod Identity.
        """
        place, _, path = request.raw_path.removeprefix(AGENT).partition("/v1/")
        with self._world.lock:
            clusters = self._world.clusters.values()
            cluster = next((each for each in clusters if _place(each) == place), None)
            if cluster is None or cluster.kube is None or path != "credentials":
                return _json(404, {"message": "not found"})
            user = cluster.kube.service_accounts.user_of(request.joined("authorization"))
            name = "" if user is None else user.username.removeprefix(_ACCOUNT)
            namespace, _, account = name.partition(":")
            found = cluster.pod_identities.get((namespace, account))
            role = None if found is None else self._world.principal(found.role_arn)
            if not isinstance(role, IamRole) or not _trusts(role):
                return _json(403, {"message": f"no role for ServiceAccount {name}"})
            return _json(200, self._issue(cluster, role, account))

    def _issue(self, cluster: LabCluster, role: IamRole, account: str) -> dict[str, str]:
        expires = self._world.clock.machine_now() + _LIFE
        session = f"eks-{cluster.name}-{account}-{secrets.token_hex(4)}"[:64]
        made = self._world.issue(role, session, expires)
        return {
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "Token": str(made.session_token),
            "AccountId": cluster.account,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _trusts(role: IamRole) -> bool:
    return all(trusts_service(role.trust_policy, SERVICE, action) for action in _ACTIONS)


def _json(status: int, body: Mapping[str, str]) -> Response:
    return Response(status, json.dumps(body).encode(), "application/json")


OPERATIONS: Mapping[str, Handler] = {
    "CreatePodIdentityAssociation": create_association,
    "ListPodIdentityAssociations": list_associations,
    "DeletePodIdentityAssociation": delete_association,
}
