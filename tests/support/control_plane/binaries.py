"""Where the real components are, by envtest's convention: who has tested a controller has most of
them already.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = "/usr/local/kubebuilder/bin"
HOW = """\
the real components are not here: {missing}.
Get kube-apiserver and etcd with `setup-envtest use -p path` (sigs.k8s.io/controller-runtime/tools/setup-envtest) and
aws-iam-authenticator from https://github.com/kubernetes-sigs/aws-iam-authenticator/releases; put all three into one
folder and name it in KUBEBUILDER_ASSETS, or name each in TEST_ASSET_KUBE_APISERVER, TEST_ASSET_ETCD and
TEST_ASSET_AWS_IAM_AUTHENTICATOR. With TEST_ASSET_KUBE_CONTROLLER_MANAGER, which is optional, the real controllers fill the
aggregated ClusterRoles. Known to do: kube-apiserver 1.36.2, etcd 3.5.16 and 3.6.8, aws-iam-authenticator 0.7.18. etcd before 3.5.5 does not do: kube-apiserver's late watches fail on it."""  # noqa: E501
OLDEST_ETCD = (3, 5, 5)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The executables. ``controller_manager`` is None where it was not named: then the launcher
    fills the aggregated ClusterRoles itself.
    """

    kube_apiserver: Path
    etcd: Path
    authenticator: Path
    controller_manager: Path | None = None


def find_binaries(environment: Mapping[str, str]) -> Binaries | str:
    """The executables, or a text that says which are missing and how to get them."""
    # Programs start in a folder of their own, where a relative path names nothing.
    folder = Path(environment.get("KUBEBUILDER_ASSETS") or DEFAULT_FOLDER).absolute()
    found: dict[str, Path] = {}
    missing = []
    for name in ("kube-apiserver", "etcd", "aws-iam-authenticator"):
        variable = f"TEST_ASSET_{name.upper().replace('-', '_')}"
        named = environment.get(variable)
        path = Path(named).absolute() if named else folder / name
        # What was named is meant: another one on the PATH is not taken in its place.
        if not named and not _runs(path):
            elsewhere = shutil.which(name, path=environment.get("PATH", os.defpath))
            path = Path(elsewhere).absolute() if elsewhere else path
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
    manager = environment.get("TEST_ASSET_KUBE_CONTROLLER_MANAGER")
    if manager and not _runs(Path(manager)):
        return HOW.format(missing=f"kube-controller-manager ({manager})")
    return Binaries(
        found["kube-apiserver"],
        found["etcd"],
        found["aws-iam-authenticator"],
        Path(manager).absolute() if manager else None,
    )


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


def versions(found: Binaries) -> dict[str, str]:
    """What each component says that it is."""
    etcd = etcd_version(found.etcd)
    return {
        "kube-apiserver": _said(found.kube_apiserver, "--version").removeprefix("Kubernetes "),
        "etcd": ".".join(map(str, etcd)) if etcd else "unknown",
        "aws-iam-authenticator": authenticator_version(found.authenticator),
    }


def authenticator_version(path: Path) -> str:
    """The version alone: newer ones say it as ``{"Version": …, "Commit": …}``."""
    said = _said(path, "version")
    try:
        return str(json.loads(said)["Version"])
    except (ValueError, KeyError, TypeError):
        return said


def _said(path: Path, *arguments: str) -> str:
    try:
        found = subprocess.run(
            [path, *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        return type(error).__name__
    return found.stdout.strip()


def main() -> int:
    """Print the versions that are here; without them say what is missing and how to get it."""
    found = find_binaries(os.environ)
    if isinstance(found, str):
        sys.stderr.write(f"make test-control-plane cannot run: {found}\n")
        return 1
    for name, version in versions(found).items():
        sys.stdout.write(f"{name} {version}\n")
    return 0


def _runs(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)


if __name__ == "__main__":
    raise SystemExit(main())
