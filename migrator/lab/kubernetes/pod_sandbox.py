"""What a container finds when it starts: environment, mounted files, service account, command line.

There is no container here, only a process of this machine: files of a mount lie in a folder of
their own, and whatever of the command line or environment begins with a mount's path is rewritten
to that folder.
"""

import base64
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrator.lab.aws import pod_identity
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.service_accounts import ServiceAccountTokens
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.worlds.raw_parts import items_of, part_of

SERVICE_ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
COMMAND = "migrate"
# Where a variable takes its value from, and the resource of that.
_KEY_SOURCES = {"configMapKeyRef": "configmaps", "secretKeyRef": "secrets"}
_TOKEN_SECONDS = 86_400
_API_SERVER = b"https://kubernetes.default.svc"
_INHERITED = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")


class NotRunnableError(Exception):
    """Why a container cannot start, in the words that the pod's status shows."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every pod of a cluster has around it. ``clock_url`` is the lab's clock. ``aws``: the
    variables by which pods of a ServiceAccount reach AWS, empty where it has no role.
    """

    host: str
    port: int
    ca_pem: bytes
    clock_url: str | None
    store: ObjectStore
    tokens: ServiceAccountTokens
    aws: Callable[[str, str], Mapping[str, str]] = lambda _namespace, _account: {}


@dataclass(frozen=True, slots=True)
class Process:
    """What to start: arguments and environment."""

    arguments: list[str]
    environment: dict[str, str]


def runnable(pod_spec: Json) -> bool:
    """Whether the lab runs this pod: one container whose command is ``migrate``."""
    containers = items_of(pod_spec, "containers")
    if len(containers) != 1:
        return False
    command = containers[0].get("command") or [""]
    return bool(command[0] == COMMAND)


def furnish(pod: Json, folder: Path, around: Surroundings) -> Process:
    """Write the mounts of a pod below ``folder`` and say what to start.

    Raises :class:`NotRunnableError` for a ConfigMap, Secret, key or service account that is not
    there, and for a volume that the lab does not mount. Later mounts of a path replace earlier
    ones.
    """
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    container = spec["containers"][0]
    account = spec.get("serviceAccountName") or "default"
    mounts = {SERVICE_ACCOUNT_MOUNT: _account_files(around, namespace, account)}
    aws = around.aws(namespace, account)
    if aws:
        token, _ = around.tokens.make(namespace, account, _TOKEN_SECONDS)
        mounts[pod_identity.MOUNT] = {pod_identity.TOKEN: token.encode()}
    volumes = {volume["name"]: volume for volume in items_of(spec, "volumes")}
    for mount in items_of(container, "volumeMounts"):
        volume = volumes.get(mount["name"])
        if volume is None:
            raise NotRunnableError(f"volume {mount['name']} is not there")
        mounts[str(mount["mountPath"])] = dict(_volume_files(around, namespace, account, volume))
    for path, files in mounts.items():
        for name, content in files.items():
            _write(folder / path.lstrip("/") / name, _resolved(content, around))
    # What the pod sets itself comes before what Pod Identity adds.
    variables = {**aws, **dict(_variables(around.store, pod, container))}

    def inside(text: str) -> str:
        """A mount's path below ``folder``. The longest path comes first, since a mount can lie
        inside another one.
        """
        for path in sorted(mounts, key=len, reverse=True):
            if text == path or text.startswith(f"{path.rstrip('/')}/"):
                return str(folder) + text
        return text

    arguments = [*container["command"][1:], *items_of(container, "args")]
    expanded = [_expand(str(argument), variables) for argument in arguments]
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {"HOME": str(folder), "KUBERNETES_SERVICE_HOST": around.host}
    environment |= {
        "KUBERNETES_SERVICE_PORT": str(around.port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(around.port),
    }
    if around.clock_url is not None:
        environment["MIGRATE_CLOCK_URL"] = around.clock_url
    environment |= {name: inside(value) for name, value in variables.items()}
    return Process([sys.executable, "-m", "migrator", *map(inside, expanded)], environment)


def _resolved(content: bytes, around: Surroundings) -> bytes:
    """A file with the name of the API server's Service as an address: there is no cluster DNS."""
    host = f"[{around.host}]" if ":" in around.host else around.host
    return content.replace(_API_SERVER, f"https://{host}:{around.port}".encode())


def _account_files(around: Surroundings, namespace: str, account: str) -> dict[str, bytes]:
    """The files of a service account: the token of this pod, the cluster's CA and the namespace
    (Kubernetes documentation, "Service Accounts", "Bound service account token volume mechanism").
    """
    if around.store.get(("", "serviceaccounts"), namespace, account) is None:
        raise NotRunnableError(f'serviceaccount "{account}" not found')
    token, _ = around.tokens.make(namespace, account, _TOKEN_SECONDS)
    return {"token": token.encode(), "ca.crt": around.ca_pem, "namespace": namespace.encode()}


def _volume_files(
    around: Surroundings, namespace: str, account: str, volume: Json
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a volume.

    A projected volume has several sources, every other one is its own source (Kubernetes
    documentation, "Projected Volumes"). An ``emptyDir`` begins without files.
    """
    if "emptyDir" in volume:
        return
    sources = part_of(volume, "projected").get("sources") or [volume]
    for source in sources:
        if "configMap" in source:
            name = source["configMap"]["name"]
            yield from _data(around.store, ("", "configmaps"), namespace, name).items()
        elif "secret" in source:
            secret = source["secret"]
            # A volume says ``secretName``, a source of a projected volume ``name``.
            name = secret.get("secretName") or secret["name"]
            yield from _data(around.store, ("", "secrets"), namespace, name).items()
        elif "serviceAccountToken" in source:
            token, _ = around.tokens.make(namespace, account, _TOKEN_SECONDS)
            yield str(source["serviceAccountToken"].get("path") or "token"), token.encode()
        else:
            raise NotRunnableError(f"the lab mounts no {', '.join(sorted(set(source) - {'name'}))}")


def _data(store: ObjectStore, key: tuple[str, str], namespace: str, name: str) -> dict[str, bytes]:
    """The data of a ConfigMap or Secret in bytes; a Secret's is stored in base64."""
    found = store.get(key, namespace, name)
    if found is None:
        raise NotRunnableError(f'{key[1].removesuffix("s")} "{name}" not found')
    data = part_of(found, "data")
    if key[1] == "secrets":
        return {name: base64.b64decode(value) for name, value in data.items()}
    return {name: value.encode() for name, value in data.items()}


def _variables(store: ObjectStore, pod: Json, container: Json) -> Iterator[tuple[str, str]]:
    """Name and value of each variable of a container (Kubernetes documentation, "Define Environment
    Variables for a Container").

    A value is written in the pod, or comes from a field of it or from a key of a ConfigMap or
    Secret.
    """
    metadata = pod["metadata"]
    fields = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
    }
    for item in items_of(container, "env"):
        source = part_of(item, "valueFrom")
        if "fieldRef" in source:
            path = str(source["fieldRef"].get("fieldPath"))
            if path not in fields:
                raise NotRunnableError(f"the lab knows no field {path} of a pod")
            yield item["name"], fields[path]
        elif source:
            kind, reference = next(iter(source.items()))
            plural = _KEY_SOURCES.get(kind, kind)
            data = _data(store, ("", plural), metadata["namespace"], reference["name"])
            key = reference["key"]
            if key not in data:
                raise NotRunnableError(f"couldn't find key {key} in {plural} {reference['name']}")
            yield item["name"], data[key].decode()
        else:
            yield item["name"], str(item.get("value") or "")


def _expand(text: str, variables: dict[str, str]) -> str:
    """``$(NAME)`` as Kubernetes expands it in command and args; what is no variable stays as it is
    (Kubernetes documentation, "Define a Command and Arguments for a Container").
    """
    for name, value in variables.items():
        text = text.replace(f"$({name})", value)
    return text


def _write(path: Path, content: bytes) -> None:
    """Write a file that only the owner may read: a mount can hold a token or a Secret."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
