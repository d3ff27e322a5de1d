"""Commands of the AWS CLI on a cluster, to copy: with its Region, whatever the shell has."""

from collections.abc import Mapping
from typing import Any


def aws_eks(cluster: Mapping[str, Any], call: str) -> str:
    """``aws eks CALL --region REGION --name NAME``. ``cluster``: DescribeCluster ``.cluster``."""
    region = str(cluster.get("arn", ":::")).split(":")[3]
    where = f" --region {region}" if region else ""
    return f"aws eks {call}{where} --name {cluster.get('name', 'CLUSTER')}"
