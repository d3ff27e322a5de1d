"""The lab as a process: one AWS port, one TLS port a cluster, a directory with how to reach them.

``python -m migrator.lab.server --world FILE --directory DIR`` runs it until SIGTERM or SIGINT.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import resource
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from migrator.errors import MigratorError
from migrator.lab.aws.api import AwsApi
from migrator.lab.aws.pod_identity import AGENT, PodIdentityAgent
from migrator.lab.control_api import PREFIX, ControlApi
from migrator.lab.data_channels import DataChannels
from migrator.lab.http_server import HttpServer
from migrator.lab.http_wire import Request, Response, WireRules
from migrator.lab.kubernetes_controls import add_controls
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import IAM_NAME
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_controls import add_aws_controls
from migrator.lab.worlds.world_copies import load_snapshot
from migrator.lab.worlds.world_files import demo_world_path, load_world
from migrator.model.lab_record import NOTE_FILE, STATE_FILE, UP, down_note

TOKEN_FILE = "control-token"  # noqa: S105 - a file's name
CREDENTIALS_FILE = "credentials"
CONFIG_FILE = "config"
CA_FILE = "ca.pem"
BIN_FOLDER = "bin"  # of the lab: programs for a PATH
PLUGIN = "session-manager-plugin"
FORMAT = "migrator/lab/v1"
REFUSED = "refused: "  # how the lab's log begins a line about a world that it does not load
SAID_OF_ERROR = ("code", "message", "why", "remedy")
_FILES = 16_384  # open at the same time


class Lab:
    """A running lab. Start one per process and directory; several may run on one machine. ``up`` is
    the command that starts it again.
    """

    def __init__(self, world: World, directory: Path, up: str = UP) -> None:
        self.world = world
        self.directory = directory
        self._up = up
        self._port = 0  # not running
        self._close: Callable[[], None] | None = None

    @property
    def endpoint(self) -> str:
        """URL of the AWS side and of the control API."""
        if self._close is None:
            raise RuntimeError("the lab is not running")
        return f"http://127.0.0.1:{self._port}"

    def start(self, port: int = 0) -> str:
        """Serve the world; returns :attr:`endpoint`. Files in the directory are 0600."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = secrets.token_urlsafe(24)
        aws, control = AwsApi(self.world), ControlApi(self.world, token)
        agent = PodIdentityAgent(self.world)

        def handle(request: Request) -> Response:
            if request.raw_path.startswith(AGENT):
                return agent(request)
            return control(request) if request.raw_path.startswith(PREFIX) else aws(request)

        add_aws_controls(self.world)
        add_controls(self.world)
        # A request that comes now waits for the lock, so that it finds the world complete.
        with self.world.lock:
            self._port, self._close = HttpServer().listen(handle, WireRules(), port=port)
            self.world.endpoint = self.endpoint
            if self.world.channels is None:
                self.world.channels = DataChannels(self.world)
            if self.world.open_endpoint is None:
                self.world.open_endpoint = _kubernetes_side(self.world)
        self._write_state(token)
        return self.endpoint

    def stop(self) -> None:
        """Close every port; take the state file and all keys away, and leave a note that it is
        down.
        """
        if self._close is not None:
            self._leave_note()
        for name in (STATE_FILE, TOKEN_FILE, CREDENTIALS_FILE, CONFIG_FILE, CA_FILE):
            (self.directory / name).unlink(missing_ok=True)
        for cluster in self.world.clusters.values():
            stop = getattr(cluster.kube, "stop", None)
            if callable(stop):
                stop()
        if self.world.channels is not None:
            self.world.channels.stop()
            self.world.channels = None
        if self._close is not None:
            self._close()
            self._close = None

    def _leave_note(self) -> None:
        """Say for later commands when the lab stopped, and how it is started again."""
        stopped_at = self.world.clock.machine_now().isoformat(timespec="seconds")
        note = json.dumps(down_note(self._state(), stopped_at), indent=2)
        # A demo takes its folder away while it stops its lab.
        with contextlib.suppress(FileNotFoundError):
            write_private(self.directory / NOTE_FILE, note + "\n")

    def _write_state(self, token: str) -> None:
        write_private(self.directory / TOKEN_FILE, token)
        profiles = write_profiles(self.world, self.directory)
        ca_pem = getattr(self.world.kubernetes, "ca_pem", b"")
        write_private(self.directory / CA_FILE, ca_pem.decode())
        write_program(self.directory / BIN_FOLDER, PLUGIN, "session_manager_plugin.py")
        (self.directory / NOTE_FILE).unlink(missing_ok=True)
        clusters = sorted(each.arn for each in self.world.clusters.values())
        state = {**self._state(), "clusters": clusters, "profiles": profiles}
        write_private(self.directory / STATE_FILE, json.dumps(state, indent=2) + "\n")

    def _state(self) -> dict[str, object]:
        """How the lab is reached, without its principals' profiles."""
        return {
            "format": FORMAT,
            "pid": os.getpid(),
            "endpoint": self.endpoint,
            "controlTokenFile": str(self.directory.resolve() / TOKEN_FILE),
            "credentialsFile": str(self.directory.resolve() / CREDENTIALS_FILE),
            "configFile": str(self.directory.resolve() / CONFIG_FILE),
            "caFile": str(self.directory.resolve() / CA_FILE),
            "binFolder": str(self.directory.resolve() / BIN_FOLDER),
            "world": self.world.name,
            "region": self.world.settings.region,
            "operator": self.world.settings.operator,
            "up": self._up,
        }


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner can read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def write_program(folder: Path, name: str, module: str) -> None:
    """A program in ``folder`` that runs a module of this package."""
    folder.mkdir(mode=0o700, exist_ok=True)
    file = Path(__file__).with_name(module)
    command = shlex.join([sys.executable, "-I", "-S", str(file)])
    write_private(folder / name, f'#!/bin/sh\nexec {command} "$@"\n')
    (folder / name).chmod(0o700)


def write_profiles(world: World, directory: Path) -> dict[str, str]:
    """AWS credentials and config files with a profile for every principal; returns profile names by
    ARN.
    """
    profiles: dict[str, str] = {}
    taken: set[str] = set()
    credentials: list[str] = []
    with world.lock:
        for principal in world.principals():
            account = principal.arn.split(":")[4]
            # The files' format has no quotes: a line break in a name would start another setting.
            safe = principal.name if IAM_NAME.fullmatch(principal.name) else "unnamed"
            wanted = (safe, f"{safe}-{account}", f"{safe}-{account}-{len(taken)}")
            name = next(name for name in wanted if name not in taken)
            taken.add(name)
            profiles[principal.arn] = name
            keys = world.credentials_of(principal.arn)
            credentials += [
                f"[{name}]",
                f"aws_access_key_id = {keys.access_key_id}",
                f"aws_secret_access_key = {keys.secret_access_key}",
            ]
            if keys.session_token:
                credentials.append(f"aws_session_token = {keys.session_token}")
    config: list[str] = []
    for name in profiles.values():
        config += [f"[profile {name}]", f"region = {world.settings.region}"]
    write_private(directory / CREDENTIALS_FILE, "\n".join([*credentials, ""]))
    write_private(directory / CONFIG_FILE, "\n".join([*config, ""]))
    return profiles


def _kubernetes_side(world: World) -> Callable[[LabCluster], tuple[str, bytes]] | None:
    """What opens clusters' endpoints; None where the lab's extra is not installed."""
    if importlib.util.find_spec("cryptography") is None:
        return None
    from migrator.lab.kubernetes_api import KubernetesServers, start_cluster_server  # noqa: PLC0415

    if world.kubernetes is None:
        world.kubernetes = KubernetesServers(world)
    return lambda cluster: start_cluster_server(world, cluster)


def _read(world: Path, snapshot: Path | None, reader_roles: Sequence[str]) -> World:
    if snapshot is None:
        return load_world(world)
    copy = load_snapshot(snapshot, reader_roles)
    for text in copy.left_out:
        sys.stderr.write(f"not copied: {' '.join(text.split())}\n")
    return copy.world


def _allow_many_ports() -> None:
    """A port for each cluster and a socket for each connection: more than the 1,024 files that many
    shells allow.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a lab in the foreground until a signal stops it."""
    parser = argparse.ArgumentParser(
        prog="python -m migrator.lab.server", description="An EKS on this machine."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--world", type=Path, default=demo_world_path(), help="a world file")
    source.add_argument(
        "--from", type=Path, dest="snapshot", help="a snapshot: the lab is a copy of its cluster"
    )
    parser.add_argument(
        "--reader-role",
        action="append",
        default=[],
        help="with --from: a role that reads IAM of a foreign account",
    )
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--up", default=UP, help="the command that starts this lab again")
    options = parser.parse_args(arguments)
    _allow_many_ports()
    try:
        world = _read(options.world, options.snapshot, options.reader_role)
    except MigratorError as error:
        # `migrate lab up` says it: it reads this line in the lab's log.
        said = {each: getattr(error, each) for each in SAID_OF_ERROR}
        sys.stderr.write(f"{REFUSED}{json.dumps(said)}\n")
        return error.exit_code
    lab = Lab(world, options.directory, options.up)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    lab.start(options.port)
    with contextlib.suppress(KeyboardInterrupt):
        over.wait()
    lab.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
