"""Where the real components are, by envtest's convention: who has tested a controller has most of
them already.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = "/usr/local/kubebuilder/bin"
HOW = """\
the real components are not here: {missing}.
Get kube-apiserver and etcd with `setup-envtest use -p path` (sigs.k8s.io/controller-runtime/tools/setup-envtest) and
aws-iam-authenticator from https://github.com/kubernetes-sigs/aws-iam-authenticator/releases; put all three into one
folder and name it in KUBEBUILDER_ASSETS, or name each in TEST_ASSET_KUBE_APISERVER, TEST_ASSET_ETCD and
TEST_ASSET_AWS_IAM_AUTHENTICATOR. etcd before 3.5.5 does not do: kube-apiserver's late watches fail on it."""  # noqa: E501
OLDEST_ETCD = (3, 5, 5)


@dataclass(frozen=True, slots=True)
class Binaries:
    """Three executables."""

    kube_apiserver: Path
    etcd: Path
    authenticator: Path


def find_binaries(environment: Mapping[str, str]) -> Binaries | str:
    """The executables, or a text that says which are missing and how to get them."""
    folder = Path(environment.get("KUBEBUILDER_ASSETS") or DEFAULT_FOLDER)
    found: dict[str, Path] = {}
    missing = []
    for name in ("kube-apiserver", "etcd", "aws-iam-authenticator"):
        variable = f"TEST_ASSET_{name.upper().replace('-', '_')}"
        path = Path(environment[variable]) if environment.get(variable) else folder / name
        if not _runs(path) and (
            elsewhere := shutil.which(name, path=environment.get("PATH", os.defpath))
        ):
            path = Path(elsewhere)
        if not _runs(path):
            missing.append(f"{name} ({path})")
        elif (
            name == "etcd" and (version := etcd_version(path)) is not None and version < OLDEST_ETCD
        ):
            missing.append(f"etcd ({path} is {'.'.join(map(str, version))}, which is too old)")
        else:
            found[name] = path
    if missing:
        return HOW.format(missing=", ".join(missing))
    return Binaries(found["kube-apiserver"], found["etcd"], found["aws-iam-authenticator"])


def etcd_version(path: Path) -> tuple[int, int, int] | None:
    """What an etcd says that it is; None where it does not say it."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"etcd Version: (\d+)\.(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _runs(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)
