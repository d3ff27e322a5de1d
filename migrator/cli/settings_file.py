"""``migrate.yaml`` beside the plan: options that a team gives in every command.

Paths in it are relative to its folder. It is read strictly: an unknown key is refused, and so is
what only the command line may say (:mod:`migrator.cli.setting_names`).
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from migrator.cli.setting_names import NOT_IN_FILE, ON_COMMAND_LINE_ONLY, SHARED, long_name
from migrator.cli.settings import GLOBAL_NAMES
from migrator.errors import WrongUse

NAME = "migrate.yaml"
FORMAT = "migrator/settings/v1"
_PATHS = ("FILE", "FOLDER", "DIR", "PATH|s3://…")
_REMEDY = "Correct it; playbooks/reference/settings.md lists what a migrate.yaml may have."
Table = Mapping[str, Any]


def read_settings(folder: Path, root: click.Command) -> dict[str, Any]:
    """The document of the folder's ``migrate.yaml``; empty where there is none. ``root`` has all
    commands: a section is one of them.

    Raises ``settings-unreadable``, ``settings-malformed``, ``setting-refused``.
    """
    from migrator.cli.files import read_bytes
    from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml

    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    if not path.is_file():
        raise WrongUse(
            "settings-unreadable",
            f"The settings file {path} is no regular file.",
            why="It is a folder, a pipe or a device, or a link that leads nowhere.",
            remedy="Move it away, or put a file there.",
        )
    _refuse_of_others(path)
    try:
        document = load_yaml(read_bytes(str(path), "The settings file", limit=MOST_BYTES))
    except YamlError as error:
        raise WrongUse(
            "settings-unreadable",
            f"The settings file {path} is not YAML that can be used.",
            why=str(error),
            remedy=_REMEDY,
        ) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _malformed(path, "It holds no mapping at its top.")
    _check_group(path, (), root, document)
    return document


def _refuse_of_others(path: Path) -> None:
    """A settings file leads credentials: it must not be one that another user put there, in a
    folder that several users share.
    """
    file, folder = path.stat(), path.parent.stat()
    trusted = {0, os.geteuid(), folder.st_uid}
    if file.st_uid in trusted and not file.st_mode & stat.S_IWOTH:
        return
    raise WrongUse(
        "settings-unreadable",
        f"The settings file {path} is not used.",
        why="Another user owns it, or any user may write it.",
        remedy=f"Look at it; then take it over (chown) and close it: chmod go-w {path}.",
    )


def defaults_for(
    of: Sequence[click.Option], words: tuple[str, ...], document: Table, folder: Path
) -> dict[str, Any]:
    """What the document gives the command ``words``, whose options are ``of``: long name of the
    option -> value, paths resolved. Raises ``settings-malformed``.
    """
    options = {long_name(each): each for each in of}
    section: Any = document
    for word in words:
        section = section.get(word) or {}
    found: dict[str, Any] = {}
    for table in (document, section):
        for key, value in table.items():
            option = options.get(str(key))
            if option is not None:
                found[str(key)] = _value(folder, str(key), option, value)
    return found


def _value(folder: Path, key: str, option: click.Option, value: Any) -> Any:  # noqa: ANN401 - YAML
    """The value as click takes it. Raises ``settings-malformed`` for one of another kind."""
    wanted, words = _kind(option)
    values = value if option.multiple and isinstance(value, list) else [value]
    for each in values:
        # Python's bool is an int.
        if not isinstance(each, wanted) or (isinstance(each, bool) and bool not in wanted):
            raise _malformed(folder / NAME, f"{key} takes {words}, and has {each!r}.")
    if option.metavar in _PATHS:
        values = [_path(folder, each) for each in values]
    return values if option.multiple else values[0]


def _kind(option: click.Option) -> tuple[tuple[type, ...], str]:
    """The types of YAML that an option takes, and their name."""
    if option.is_flag:
        return (bool,), "true or false"
    if option.count or isinstance(option.type, click.types.IntParamType):
        return (int,), "a whole number"
    if isinstance(option.type, click.types.FloatParamType):
        return (int, float), "a number"
    return (str,), "text"


def _path(folder: Path, text: str) -> str:
    """A path of the file, seen from the folder in which the command runs."""
    if text == "-" or "://" in text:
        return text
    return str(folder / text)


def _check_group(path: Path, words: tuple[str, ...], group: click.Command, table: Table) -> None:
    """All keys of a group of commands: its commands, and at the top what holds for all."""
    general = {name.replace("_", "-") for name in GLOBAL_NAMES} | {*SHARED, "format"}
    known = general if not words else set()
    commands: Table = getattr(group, "table", {})
    for key, value in table.items():
        if key == "format" and not words:
            if value != FORMAT:
                raise _malformed(path, f"Its format is {value!r}, not {FORMAT!r}.")
        elif key in commands:
            _check_section(path, (*words, key), _command(group, key), value)
        else:
            _check_key(path, words, str(key), {*known, *commands})


def _command(group: click.Command, name: str) -> click.Command:
    found = (
        group.get_command(click.Context(group), name) if isinstance(group, click.Group) else None
    )
    assert found is not None  # noqa: S101 - from the group's own table
    return found


def _check_section(path: Path, words: tuple[str, ...], command: click.Command, value: Any) -> None:  # noqa: ANN401 - YAML
    """The section of one command, or of a group of commands."""
    if not isinstance(value, dict):
        raise _malformed(path, f"{'.'.join(words)} holds no mapping.")
    if isinstance(command, click.Group):
        _check_group(path, words, command, value)
        return
    known = {name for name in map(long_name, command.params) if name}
    for key in value:
        _check_key(path, words, str(key), known)


def _check_key(path: Path, words: tuple[str, ...], key: str, known: set[str]) -> None:
    """Raises ``setting-refused``, ``settings-malformed`` for a key that may not be there."""
    place = ".".join((*words, key))
    for refused in (ON_COMMAND_LINE_ONLY, NOT_IN_FILE):
        if key in refused:
            raise WrongUse(
                "setting-refused",
                f"{path} may not set {place}.",
                why=f"--{key}: {refused[key]}.",
                remedy=f"Take it out of the file, and give --{key} to the command that needs it.",
            )
    if key in known:
        return
    near = get_close_matches(key.replace("_", "-"), sorted(known), n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise _malformed(path, f"There is no setting {place!r}.{hint}")


def _malformed(path: Path, why: str) -> WrongUse:
    return WrongUse(
        "settings-malformed",
        f"The settings file {path} cannot be used.",
        why=why,
        remedy=_REMEDY,
    )


def said(found: Mapping[str, Any]) -> Iterator[str]:
    """``region=eu-west-1``: each setting that is used, without the login of a proxy."""
    from migrator.model.proxy import without_login

    for name, value in found.items():
        texts = value if isinstance(value, list | tuple) else [value]
        shown = " ".join(
            without_login(str(each)) if name == "proxy-url" else str(each) for each in texts
        )
        yield f"{name}={shown}"
