"""Refresh the recorded answers: ``python -m tests.support.control_plane.record``, where the real
components are.

The questions stay as they are in ``tests/data``; each answer is replaced by what the real
authenticator and the real kube-apiserver say now, and the files name the versions that said it.
``vectors-random.json.gz`` holds their answers to questions that are drawn from a seed, which it
names. ``vectors-parse.jsonl.gz`` is not refreshed: it is what the authenticator's own code makes of
4,000 texts, and takes a Go program to record.
"""

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.control_plane import random_answers
from tests.support.control_plane.bed import Bed, could
from tests.support.control_plane.binaries import find_binaries, versions
from tests.support.control_plane.logins import MODES as ALL_MODES
from tests.support.control_plane.random_answers import Size
from tests.support.control_plane.real_bed import RealBed
from tests.support.control_plane.recorded import (
    AWS_AUTH,
    DATA,
    MODES,
    answers_by_aws_auth,
    answers_by_mode,
)

RBAC = DATA / "vectors-rbac.json.gz"
_KINDS = {
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
    "roles": "Role",
    "rolebindings": "RoleBinding",
}


def record_modes(bed: Bed, version: str) -> dict[str, Any]:
    """``vectors-modes.json`` with the answers of this cluster."""
    document: dict[str, Any] = json.loads(MODES.read_text(encoding="utf-8"))
    found = {
        id_of(vector): answer for mode in ALL_MODES for vector, answer in answers_by_mode(bed, mode)
    }
    vectors = [{**vector, "answer": found[id_of(vector)]} for vector in document["vectors"]]
    return {**document, "authenticator": version, "vectors": vectors}


def record_aws_auth(bed: Bed, version: str) -> dict[str, Any]:
    """``vectors-aws-auth.json`` with the answers of this cluster."""
    document: dict[str, Any] = json.loads(AWS_AUTH.read_text(encoding="utf-8"))
    results: dict[str, dict[str, Any]] = {}
    for vector, caller, answer in answers_by_aws_auth(bed):
        kept = {
            key: answer[key] for key in ("authenticated", "username", "groups") if key in answer
        }
        code = 200 if answer["authenticated"] else 403
        results.setdefault(vector["case"], {})[caller] = {"http": code, **kept}
    vectors = [{**vector, "results": results[vector["case"]]} for vector in document["vectors"]]
    return {**document, "authenticator": version, "vectors": vectors}


def record_rbac(bed: Bed, server: str) -> dict[str, Any]:
    """``vectors-rbac.json.gz`` with the decisions of this cluster, on the recorded objects."""
    document = recorded_rbac()
    objects = document["objects"]
    places = {found["metadata"].get("namespace") for plural in objects for found in objects[plural]}
    for name in sorted(places - {None}):
        bed.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for plural, kind in _KINDS.items():
        for found in objects[plural]:
            bed.put({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, **found})
    reviews = []
    for user, groups, attributes, _ in document["sars"]:
        allowed = could(bed, bed.admin(), {"user": user, "groups": groups}, **attributes).get(
            "allowed", False
        )
        reviews.append([user, groups, attributes, allowed])
    return {**document, "server": server, "sars": reviews}


def recorded_rbac() -> dict[str, Any]:
    """The recorded reviews and the objects that they were decided on."""
    document: dict[str, Any] = json.loads(gzip.decompress(RBAC.read_bytes()))
    return document


def id_of(vector: dict[str, Any]) -> tuple[str, str]:
    """Every vector has a principal of its own in its mode."""
    return vector["mode"], vector["principal"]


def write(
    folder: Path, modes: dict[str, Any], aws_auth: dict[str, Any], rbac: dict[str, Any]
) -> None:
    """The three files; the same answers give the same bytes."""
    (folder / MODES.name).write_text(json.dumps(modes), encoding="utf-8")
    (folder / AWS_AUTH.name).write_text(json.dumps(aws_auth, indent=1), encoding="utf-8")
    (folder / RBAC.name).write_bytes(gzip.compress(json.dumps(rbac).encode(), mtime=0))


def record_all(
    bed_of: Callable[[], AbstractContextManager[Bed]],
    folder: Path,
    said: Mapping[str, str],
    size: Size,
) -> None:
    """Every file of this module. ``said`` are the components' versions; random questions get a
    cluster of their own, because objects of the others would count for them.
    """
    with bed_of() as bed:
        server = str(bed.ask(bed.admin(), "GET", "/version").body["gitVersion"])
        authenticator = said["aws-iam-authenticator"]
        write(
            folder,
            record_modes(bed, authenticator),
            record_aws_auth(bed, authenticator),
            record_rbac(bed, f"kube-apiserver {server}"),
        )
    with bed_of() as bed:
        drawn = random_answers.document(bed, said, size)
        random_answers.write(folder / random_answers.FILE.name, drawn)


def main() -> int:
    """Record everything."""
    found = find_binaries(os.environ)
    if isinstance(found, str):
        sys.stderr.write(found + "\n")
        return 1

    @contextmanager
    def bed_of() -> Iterator[Bed]:
        with TemporaryDirectory(prefix="record-") as folder:
            bed = RealBed(Path(folder), found).start()
            try:
                yield bed
            finally:
                bed.stop()

    record_all(bed_of, DATA, versions(found), Size())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
