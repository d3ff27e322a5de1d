"""Where the real components are, by envtest's convention: who has tested a controller has most of them already."""

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = "/usr/local/kubebuilder/bin"
HOW = """\
the real components are not here: {missing}.
Get kube-apiserver and etcd with `setup-envtest use -p path` (sigs.k8s.io/controller-runtime/tools/setup-envtest) and
aws-iam-authenticator from https://github.com/kubernetes-sigs/aws-iam-authenticator/releases; put all three into one
folder and name it in KUBEBUILDER_ASSETS, or name each in TEST_ASSET_KUBE_APISERVER, TEST_ASSET_ETCD and
TEST_ASSET_AWS_IAM_AUTHENTICATOR. etcd before 3.5.5 does not do: kube-apiserver's late watches fail on it."""


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
        if _runs(path):
            found[name] = path
        elif elsewhere := shutil.which(name, path=environment.get("PATH", os.defpath)):
            found[name] = Path(elsewhere)
        else:
            missing.append(f"{name} ({path})")
    if missing:
        return HOW.format(missing=", ".join(missing))
    return Binaries(found["kube-apiserver"], found["etcd"], found["aws-iam-authenticator"])


def _runs(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)
