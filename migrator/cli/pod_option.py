"""``--pod`` and ``--pod-labels``: the pod that network policies are asked about."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from migrator.model.network_policies.packets import Pod

# Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors".
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY: Final = re.compile(r"([a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")


def pod_options(command: Callable[..., int]) -> Callable[..., int]:
    """The two options."""
    command = click.option(
        "--pod-labels",
        metavar="KEY=VALUE,…",
        default="",
        help="The labels of the pod of --pod.",
    )(command)
    return click.option(
        "--pod",
        metavar="NAMESPACE[/ACCOUNT]",
        help="Say, too, what network policies let such a pod reach: the API server, DNS, the "
        "addresses of credentials. ACCOUNT is its ServiceAccount, else default.",
    )(command)


def pod_in(ctx: click.Context, pod: str | None, labels: str) -> "Pod | None":
    """The pod, None where none is asked about. Raises ``UsageError`` for what is none."""
    from migrator.model.network_policies.packets import Pod

    if pod is None:
        if labels:
            raise click.UsageError("--pod-labels is for the pod of --pod: name it.", ctx)
        return None
    namespace, slash, account = pod.partition("/")
    names = [namespace, account] if slash else [namespace]
    if not all(map(_NAME.fullmatch, names)):
        raise click.UsageError("--pod takes NAMESPACE or NAMESPACE/SERVICEACCOUNT.", ctx)
    return Pod(namespace, _labels_in(ctx, labels), account or "default")


def _labels_in(ctx: click.Context, labels: str) -> dict[str, str]:
    """``KEY=VALUE,KEY=VALUE`` as a dictionary; empty parts are left out."""
    found: dict[str, str] = {}
    for each in filter(None, labels.split(",")):
        key, sign, value = each.partition("=")
        if not (sign and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            raise click.UsageError("--pod-labels takes KEY=VALUE,KEY=VALUE.", ctx)
        found[key] = value
    return found
