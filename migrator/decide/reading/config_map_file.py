"""The ConfigMap aws-auth out of whatever file a person has of it: a manifest as kubectl prints it,
or mappings in the forms of eksctl.

A first look: a file is what was declared, or what was once read. The origin is kept, so that the
plan says that the cluster was not asked.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from migrator.decide.reading.eksctl_files import (
    RowsRead,
    is_cluster_config,
    is_printed,
    rows_as_printed,
    rows_of_config,
)
from migrator.decide.reading.manifest_text import decode_text, refuse_file
from migrator.decide.reading.read_manifest import documents_of, manifest_in, refuse_duplicates
from migrator.model.principal import Arn
from migrator.model.snapshot import ConfigMapOrigin


class ConfigMapFile(NamedTuple):
    """The object, where it comes from, and what a person has to know of the reading, a line
    each.
    """

    config_map: Mapping[str, Any]
    origin: ConfigMapOrigin
    said: tuple[str, ...] = ()


def read_config_map_file(content: bytes, cluster: Arn) -> ConfigMapFile:
    """aws-auth of the cluster with this ARN, out of a file.

    Raises Failed: what :func:`~migrator.decide.reading.read_manifest.read_manifest` raises, and
    ``manifest-eksctl``.
    """
    text = decode_text(content)
    found = documents_of(text)
    configs = [each for each in found if is_cluster_config(each.value)]
    if len(configs) > 1:
        refuse_file(
            "manifest-eksctl",
            "the file holds several ClusterConfigs",
            "eksctl reads a file of one cluster",
        )
    if configs:
        refuse_duplicates(configs[0].duplicates)
        return _of_eksctl(rows_of_config(configs[0].value, cluster), "eksctl-config")
    if found and all(is_printed(each.value) for each in found):
        for each in found:
            refuse_duplicates(each.duplicates)
        return _of_eksctl(rows_as_printed([each.value for each in found]), "eksctl-mappings")
    return ConfigMapFile(manifest_in(text, found), "manifest")


def _of_eksctl(rows: RowsRead, origin: ConfigMapOrigin) -> ConfigMapFile:
    """The object that eksctl keeps the rows in (pkg/authconfigmap, ObjectMeta)."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": rows.data,
    }
    return ConfigMapFile(config_map, origin, rows.said)
