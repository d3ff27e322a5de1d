"""``migrate lab kubeconfig``: kubectl against the lab, as any of its principals."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of
from migrator.errors import Failed
from migrator.lab.cli.place import lab_directory_option, resolved
from migrator.model.plan import ClusterRef


@click.command(
    "kubeconfig", cls=MigrateCommand, short_help="Print a kubeconfig for a cluster of the lab."
)
@click.argument("cluster", required=False)
@click.option(
    "--as",
    "principal",
    metavar="PRINCIPAL",
    help="An ARN, or the end of one; the operator without it.",
)
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context, /, cluster: str | None, principal: str | None, lab_dir: str
) -> None:
    """Print a kubeconfig for CLUSTER, a name or an ARN (the only one, where there is one). It holds
    no credentials: kubectl asks migrate token for a login each time.
    """
    from migrator.app.connect import describe
    from migrator.lab.cli.credentials import find_principal
    from migrator.lab.lab_client import control, enter_lab, lab_state
    from migrator.model.files.snapshot import cluster_ref

    directory = resolved(lab_dir)
    enter_lab(directory, os.environ)
    state = lab_state(directory)
    wanted = cluster or _only_cluster(control(directory, "GET", "world"))
    arn = state["operator"] if principal is None else find_principal(directory, principal)
    described = describe(settings_of(ctx), wanted)
    kubeconfig = _kubeconfig(described, _login(state, arn, cluster_ref(described)))
    from migrator.model.files.yaml_text import yaml_text

    output_of(settings_of(ctx)).show(
        document=lambda: kubeconfig, table=lambda: yaml_text(kubeconfig)
    )


def _only_cluster(world: Mapping[str, Any]) -> str:
    """The ARN of the lab's cluster, where it has one. Raises ``cluster-not-found``."""
    arns = [str(cluster["arn"]) for cluster in world["clusters"]]
    if len(arns) == 1:
        return arns[0]
    raise Failed(
        "cluster-not-found",
        "Which cluster of the lab?",
        why=f"The lab has {', '.join(arns)}.",
        remedy="Give the name or the ARN of one of them.",
    )


def _login(state: Mapping[str, Any], arn: str, cluster: ClusterRef) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": str(state["endpoint"]),
        "AWS_REGION": cluster.region,
        "AWS_SHARED_CREDENTIALS_FILE": str(state["credentialsFile"]),
        "AWS_CONFIG_FILE": str(state["configFile"]),
        "AWS_PROFILE": str(state["profiles"][arn]),
    }


def _kubeconfig(described: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    name = str(described["name"])
    server = {
        "server": described["endpoint"],
        "certificate-authority-data": described["certificateAuthority"]["data"],
    }
    # Keys in the environment would win over the profile, so they are taken away for this one
    # process.
    unset = [
        f"-u{key}" for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    ]
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "env",
        "args": [*unset, sys.executable, "-m", "migrator", "token", name],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": "lab", "user": {"exec": login}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "lab"}}],
        "current-context": name,
    }
