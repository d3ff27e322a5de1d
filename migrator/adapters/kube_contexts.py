"""Which cluster a kubectl context means, as ``aws eks update-kubeconfig`` and eksctl write it.

``update-kubeconfig`` names the kubeconfig's cluster by its ARN, and the context too, or by
``--alias``. Other writers name the cluster in the login's command. The file is read and nothing of
it is run: a context gives a name and a Region, never a login.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml
from migrator.model.principal import is_cluster_arn, is_cluster_name, parse_arn

_NAME_OPTIONS = ("--cluster-name", "--cluster-id", "-i")
_REGION_OPTIONS = ("--region",)
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class KubeContext:
    """``name``: of the cluster; ``arn`` and ``region`` where the kubeconfig has them; ``file``."""

    name: str
    arn: str | None
    region: str | None
    file: str


def kube_contexts(
    file: str | None, environment: Mapping[str, str] = os.environ
) -> dict[str, KubeContext]:
    """The contexts that mean an EKS cluster, by name, of ``file`` or else of those that kubectl
    reads. A file that cannot be read has none: it is not what the command is about.
    """
    found: dict[str, KubeContext] = {}
    for path in _files(file, environment):
        for name, context in _contexts_in(path):
            # kubectl: the first file that has a name decides.
            found.setdefault(name, context)
    return found


def _files(file: str | None, environment: Mapping[str, str]) -> list[Path]:
    if file:
        return [Path(file)]
    paths = environment.get("KUBECONFIG", "")
    if paths:
        return [Path(each) for each in paths.split(os.pathsep) if each]
    return [Path("~/.kube/config").expanduser()]


def _contexts_in(path: Path) -> Iterator[tuple[str, KubeContext]]:
    document = _document(path)
    users = dict(_named(document, "users", "user"))
    for name, context in _named(document, "contexts", "context"):
        cluster = str(context.get("cluster") or "")
        found = _of_arn(cluster) or _of_login(users.get(str(context.get("user"))) or {})
        if found is not None:
            yield name, KubeContext(*found, file=str(path))


def _document(path: Path) -> Mapping[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        document = load_yaml(path.read_bytes(), pure=False)
    except (OSError, RuntimeError, YamlError):  # RuntimeError: no home directory
        return {}
    return document if isinstance(document, dict) else {}


def _named(document: Mapping[str, Any], key: str, inner: str) -> Iterator[tuple[str, Any]]:
    """``{name: …, INNER: {…}}`` of a list, malformed items left out."""
    items = document.get(key)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and isinstance(item.get(inner), dict):
            yield str(item.get("name")), item[inner]


def _of_arn(cluster: str) -> tuple[str, str | None, str | None] | None:
    arn = parse_arn(cluster)
    if arn is None or not is_cluster_arn(cluster):
        return None
    return arn.name, cluster, arn.region


def _of_login(user: Mapping[str, Any]) -> tuple[str, str | None, str | None] | None:
    """The cluster that the login's command names."""
    login = user.get("exec")
    if not isinstance(login, dict):
        return None
    listed = login.get("args")
    words = [str(each) for each in listed] if isinstance(listed, list) else []
    name = _option(words, _NAME_OPTIONS)
    if name is None or not is_cluster_name(name):
        return None
    return name, None, _option(words, _REGION_OPTIONS) or _variable(login.get("env"))


def _option(words: list[str], names: tuple[str, ...]) -> str | None:
    """The value of ``--option VALUE`` or ``--option=VALUE``."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        head, sign, value = word.partition("=")
        if head in names:
            return (value if sign else following) or None
    return None


def _variable(environment: object) -> str | None:
    """The Region that the login's environment has."""
    for item in environment if isinstance(environment, list) else ():
        if isinstance(item, dict) and item.get("name") in _REGION_VARIABLES:
            return str(item.get("value")) or None
    return None
