"""What is checked before the first call of a command that may change something.

Every check looks at this machine alone: settings, files, descriptors, packages. Nothing is asked of
AWS or of the cluster.
"""

import fcntl
import importlib.util
import os
import select
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from migrator.app.settings import Settings
from migrator.errors import Failed, WrongUse
from migrator.model.principal import parse_arn

_DEV_FULL = os.makedev(1, 7)  # Linux, Documentation/admin-guide/devices.txt


def preflight(
    settings: Settings,
) -> None:
    """Raises ``external-id-without-role``, ``reader-role-malformed``, and what
    :func:`migrator.adapters.via.parse_via` and :func:`refuse_malformed_way` raise.
    """
    _ = settings.role_chain
    readers_of(settings)
    refuse_malformed_way(settings)
    if settings.via is not None:
        from migrator.adapters.via import parse_via

        parse_via(settings.via)


def refuse_malformed_way(
    settings: Settings,
) -> None:
    """Raises ``proxy-malformed`` and ``proxy-unsupported`` for a proxy of the options or of the
    environment, ``source-address-malformed``.
    """
    from migrator.adapters.caller_permissions import KnownAddress
    from migrator.adapters.proxy_settings import choose_proxy

    # The endpoint is not known yet: NO_PROXY may exempt it. The environment is judged later.
    if settings.proxy_url is not None:
        choose_proxy("https://", proxy_url=settings.proxy_url)
    if settings.source_address is not None:
        KnownAddress(settings.source_address, public=settings.open_endpoint_for_me)


def readers_of(
    settings: Settings,
) -> dict[str, str]:
    """Which role reads IAM of which foreign account: the account that the role is in."""
    readers: dict[str, str] = {}
    for text in settings.reader_role:
        arn = parse_arn(text)
        if arn is None or arn.kind != "role":
            why, remedy = f"Found {text!r}.", "Give the ARN of a role in the account that it reads."
            raise WrongUse(
                "reader-role-malformed",
                "--reader-role wants the ARN of a role.",
                why=why,
                remedy=remedy,
            )
        readers[arn.account] = text
    return readers


def refuse_missing_extra(
    extra: str,
    packages: Sequence[str],
    what: str,
    instead: str = "",
) -> None:
    """Raises ``extra-missing`` where a package of an extra of this distribution is not installed.

    ``what`` needs it; ``instead`` is what can be done without it.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        from migrator.adapters.installed_package import install_command

        raise WrongUse(
            "extra-missing",
            f"{what} needs the extra {extra}, which is not installed.",
            why=f"Python finds no package {', '.join(missing)}.",
            remedy=f"{install_command(extra)}{instead}",
        )


def refuse_unwritable_stdout(
    descriptor: int | None,
) -> None:
    """Raises ``stdout-unwritable`` where it is known that nothing can be written on standard
    output; None: it was closed when the process began.
    """
    why = "It is closed." if descriptor is None else why_unwritable(descriptor)
    if why:
        raise Failed(
            "stdout-unwritable",
            "Nothing was done: the result could not be written on standard output.",
            why=why,
            remedy="Send it to a terminal, a pipe, a file with room, or /dev/null.",
        )


def why_unwritable(
    descriptor: int,
) -> str:
    """Why nothing can be written on an open descriptor, empty where nothing is known against it.
    Nothing is written to find out.
    """
    try:
        found = os.fstat(descriptor)
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        return "It is closed."
    if mode == os.O_RDONLY:
        return "It is open for reading only."
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == _DEV_FULL:
        return "It is /dev/full, which takes nothing."
    if stat.S_ISREG(found.st_mode):
        return _why_no_room(descriptor)
    return _why_no_reader(descriptor)


def _why_no_room(
    descriptor: int,
) -> str:
    space = os.fstatvfs(descriptor)
    # A file system without its own size says 0 blocks (statvfs(3), tmpfs(5)).
    if space.f_blocks and not space.f_bavail and not space.f_bfree:
        return "The file system that it is on is full."
    return ""


def _why_no_reader(
    descriptor: int,
) -> str:
    """A pipe whose reader ended, or a terminal that hung up (poll(2): POLLERR, POLLHUP)."""
    poll = select.poll()
    poll.register(descriptor, 0)
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
        return "Its reader ended."
    return ""


def refuse_unwritable_file(
    path: str,
) -> None:
    """Raises ``file-unwritable`` where a file cannot be made or replaced in one move: a probe is
    made beside it and removed again. The file itself is not touched.
    """
    target = Path(path)
    try:
        refuse_no_file(target)
        handle, probe = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            os.write(handle, b"\n")  # a full disk has room for a name, and none for a byte
        finally:
            os.close(handle)
            Path(probe).unlink()
    except OSError as error:
        raise unwritable(path, error.strerror or type(error).__name__) from error


def refuse_unwritable_folder(
    path: str,
) -> None:
    """Raises ``file-unwritable`` where no file can be made in a folder, which may be missing with
    those above it: a probe is made in the first that exists, and removed again.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise unwritable(path, "It is a file.", "Name a folder.")
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        refuse_unwritable_file(str(folder / "migrate"))
    except Failed as error:
        raise unwritable(path, error.why) from error


def refuse_no_file(
    target: Path,
) -> None:
    """Raises ``file-unwritable`` where the place of a file cannot have one: it is a folder, a
    device, a pipe or a socket, or its folder is missing or lets owners alone replace files.
    """
    if target.is_dir():
        raise unwritable(str(target), "It is a folder.", "Name a file inside it.")
    # /dev/stdout that leads to a file: the move would replace the link, for every process (root).
    in_devices = target.absolute().parts[1:2] in (("dev",), ("proc",)) and target.is_symlink()
    if in_devices or (target.exists() and not target.is_file()):
        remedy = "Name a file, or - for standard output where the option takes it."
        raise unwritable(str(target), "It is a device, a pipe or a socket.", remedy)
    folder = target.parent
    if not folder.is_dir():
        there = "is not a folder" if folder.exists() else "does not exist"
        remedy = "Make it with mkdir -p, or name another place."
        raise unwritable(str(target), f"The folder {folder} {there}.", remedy)
    if not _may_replace(target):
        why = f"Another user owns it, and {folder} lets owners alone replace files."
        raise unwritable(str(target), why)


def _may_replace(
    target: Path,
) -> bool:
    """In a folder with the sticky bit only the owner of a file or of the folder may replace it
    (rename(2), EPERM).
    """
    user, folder = os.geteuid(), target.parent.stat()
    if not folder.st_mode & stat.S_ISVTX or user in (0, folder.st_uid):
        return True
    try:
        return target.lstat().st_uid == user
    except FileNotFoundError:
        return True


def unwritable(
    path: str,
    why: str,
    remedy: str = "Name another place.",
) -> Failed:
    """The error for a file that cannot be written."""
    return Failed("file-unwritable", f"{path} cannot be written.", why=why, remedy=remedy)
