"""Which process this is, so that another one on the same machine can tell whether it still runs.

Linux: proc(5), ``/proc/PID/stat`` field 22 (start time), and pid_namespaces(7): a process id means
something in one boot of one kernel and one PID namespace only.
"""

import os
import secrets
import socket
from pathlib import Path

from migrator.model.cluster_lock import LockHolder

_PROC = Path("/proc")
_DEAD = frozenset("ZXx")


def host_name() -> str:
    """The name of this machine."""
    return socket.gethostname() or "unknown-host"


def process_mark() -> str:
    """``BOOT/PID-NAMESPACE/PID/START``; empty where the system does not tell."""
    started = _started(os.getpid())
    here = _machine()
    return f"{here}/{os.getpid()}/{started}" if here and started else ""


def still_runs(mark: str) -> bool | None:
    """Whether the process with that mark runs; None where this is another machine, or it cannot be
    known.
    """
    machine, _, rest = mark.rpartition("/")[0].rpartition("/")
    started = mark.rpartition("/")[2]
    if not machine or machine != _machine() or not rest.isdecimal() or not started:
        return None
    return _started(int(rest)) == started


def _machine() -> str:
    """Boot of the kernel and the PID namespace; empty where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink().name.strip('pid:[]')}"
    except (OSError, ValueError):
        return ""


def _started(pid: int) -> str:
    """When a process started, in clock ticks since the boot; empty when it does not run."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name of a process may hold blanks and brackets
    return "" if len(fields) < 20 or fields[0] in _DEAD else fields[19]


def this_holder(caller: str) -> LockHolder:
    """The running process as the holder of a lock."""
    host = host_name()
    return LockHolder(
        f"{caller}@{host}/{os.getpid()}",
        token=secrets.token_hex(8),
        caller=caller,
        host=host,
        process=process_mark(),
    )
