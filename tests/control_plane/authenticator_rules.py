"""What aws-iam-authenticator asks of its configuration before it starts, as rules on the document.

Proven with v0.7.18: ``init`` and ``server`` end with an error where one of them is broken. Keys are
read in any case (viper). The stub of the authenticator and a test of the written file share these
rules; this module imports nothing but the standard library, because the stub is a script.
"""

from collections.abc import Iterator, Mapping
from typing import Any

BACKENDS = ("MountedFile", "CRD", "EKSConfigMap", "DynamicFile")
_PORTS = range(65536)
# Settings of the server that the launcher may write; a misspelled one would be ignored in silence.
_KNOWN = frozenset(
    name.lower()
    for name in (
        "address",
        "hostname",
        "port",
        "stateDir",
        "generateKubeconfig",
        "kubeconfigPregenerated",
        "kubeconfig",
        "master",
        "backendMode",
        "dynamicFilePath",
        "dynamicFileUserIDStrict",
        "dynamicBackendModePath",
        "reservedPrefixConfig",
        "scrubbedAccounts",
        "ec2DescribeInstancesRoleARN",
        "ec2DescribeInstancesQps",
        "ec2DescribeInstancesBurst",
        "sourceARN",
        "mapRoles",
        "mapUsers",
        "mapAccounts",
    )
)


# Prefixes of usernames that EKS refuses in entries (EKS user guide, "Create access entries").
RESERVED = frozenset({"aws:", "system:", "eks:", "amazon:", "iam:"})
# Without these the server asks the metadata of the machine for its Region, or AWS for the caller.
ENVIRONMENT = frozenset({"HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "AWS_CA_BUNDLE", "AWS_REGION"})
# What decides who may do what, of an API server that judges as EKS does.
API_SERVER = {
    "authorization-mode": "Node,RBAC,Webhook",
    "authorization-webhook-version": "v1",
    "authentication-token-webhook-version": "v1beta1",
    "disable-admission-plugins": "ServiceAccount",
}


def unlike_eks(config: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Settings with which the server starts and lets other logins in than EKS does, one text
    each.
    """
    server = {key.lower(): value for key, value in config.get("server", {}).items()}
    if server.get("dynamicfileuseridstrict") is not True:
        yield "an entry matches a principal that was made again: dynamicfileUserIDStrict"
    if server.get("backendmode") != ["DynamicFile", "EKSConfigMap"]:
        yield "an entry does not come before its row: backendMode"
    reserved = {
        each.get("backendMode"): frozenset(each.get("usernamePrefixReserveList", ()))
        for each in server.get("reservedprefixconfig", [])
    }
    if reserved != {"DynamicFile": RESERVED}:
        yield "other usernames are reserved: reservedPrefixConfig"
    if environment.get("AWS_EC2_METADATA_DISABLED") != "true":
        yield "the Region is asked of the machine: AWS_EC2_METADATA_DISABLED"
    for name in sorted(ENVIRONMENT):
        if not environment.get(name):
            yield f"the environment lacks {name}"


def unlike_eks_in_api_server(given: Mapping[str, str]) -> Iterator[str]:
    """Flags of kube-apiserver with which it allows or denies otherwise, one text each."""
    for name, value in API_SERVER.items():
        if given.get(name) != value:
            yield f"--{name} is {given.get(name)!r}, and not {value!r}"


def faults(config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a configuration, one text each, in the authenticator's words where it has
    any.
    """
    config = {key.lower(): value for key, value in config.items()}
    server = {key.lower(): value for key, value in config.get("server", {}).items()}
    if not config.get("clusterid"):
        yield "cluster ID cannot be empty"
    for name in sorted(server.keys() - _KNOWN):
        yield f"the server has no setting {name}"
    if server.get("port", 21362) not in _PORTS:
        yield "the port is not from 0 to 65535"
    # The kubeconfig for the API server would say https://:PORT/authenticate.
    if not server.get("hostname"):
        yield "hostname is not set"
    yield from _of_backends(server)
    for reserved in server.get("reservedprefixconfig", []):
        if reserved.get("backendMode") not in BACKENDS:
            yield f"reservedPrefixConfig has the backend {reserved.get('backendMode')!r}"


def _of_backends(server: Mapping[str, Any]) -> Iterator[str]:
    """What the list of backends needs beside it."""
    modes = server.get("backendmode", [])
    if not modes:
        yield "backend-mode cannot be empty"
    if len(set(modes)) != len(modes):
        yield f"backend-mode {modes} has duplicates"
    for mode in modes:
        if mode not in BACKENDS:
            yield f"backend-mode {mode!r} is not a valid mode"
    path = server.get("dynamicfilepath")
    if path and "DynamicFile" not in modes:
        yield "dynamicfile is not set in backend-mode but dynamicfilepath is set"
    if "DynamicFile" in modes and not path:
        yield "dynamicfile is set in backend-mode but dynamicfilepath is not set"
    if {"EKSConfigMap", "CRD"} & set(modes) and not (
        server.get("kubeconfig") or server.get("master")
    ):
        yield "the backend reads the API server, and no kubeconfig is set"
