"""Values that a shell completes: files, and what files on this machine name. No network is used.

What is read can be written by others, and what a shell inserts is read by that shell: a value with
any character that a shell could read as more than itself is not offered.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from configparser import Error as ConfigError
from configparser import RawConfigParser
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from migrator.app.settings import Settings
from migrator.cli.pages import page_of
from migrator.model.lab_record import DIRECTORY_VARIABLE, STATE_FILE
from migrator.model.state_folder import DEFAULT_STATE_DIR

# IAM names and paths, Regions, EKS names: letters, digits and +=,.@:/_- (the scripts of completion
# escape the brackets of a row).
_PLAIN = re.compile(
    r"(?:map(?:Roles|Users)\[\d{1,6}\](?:=[A-Za-z0-9_+=,.@:/-]*)?"
    r"|[A-Za-z0-9_][A-Za-z0-9_+=,.@:/-]*)"
)
_CLUSTER_ARN = re.compile(r"arn:[a-z-]+:eks:[a-z0-9-]+:\d{12}:cluster/[0-9A-Za-z_-]+")
_LARGEST = 32 * 1024 * 1024  # bytes; of a larger file the rest is not read

Source = Callable[[click.Context, str], Iterable[str]]


def completions(
    kind: str,
    ctx: click.Context,
    incomplete: str,
) -> list[CompletionItem]:
    """What fits the beginning of a word. ``kind`` is a key of :data:`KINDS`."""
    found: list[CompletionItem] = []
    for source in KINDS[kind]:
        # "file" and "dir" are completed by the shell itself.
        if isinstance(source, str):
            found.append(CompletionItem(incomplete, type=source))
            continue
        for value in dict.fromkeys(filter(_PLAIN.fullmatch, source(ctx, incomplete))):
            if value.startswith(incomplete):
                found.append(CompletionItem(value))
    return found


def _read(path: str | Path) -> bytes:
    """The content of a file, empty where it cannot be read: completion is silent."""
    # The home folder may be unknown (RuntimeError), and a path may hold a NUL (ValueError).
    with suppress(OSError, RuntimeError, ValueError), Path(path).expanduser().open("rb") as file:
        return file.read(_LARGEST)
    return b""


def _given(
    ctx: click.Context,
    name: str,
) -> str:
    """An option that stands before or after the command's name; empty where it was not given."""
    before = ctx.find_root().params.get(name)
    return str(ctx.params.get(name) or before or "")


def _kubeconfigs(ctx: click.Context) -> list[bytes]:
    """The files that kubectl would read."""
    named = _given(ctx, "kubeconfig") or os.environ.get("KUBECONFIG", "")
    paths = filter(None, named.split(os.pathsep))
    return [*map(_read, paths)] or [_read("~/.kube/config")]


def _cluster_arns(
    ctx: click.Context,
    _incomplete: str,
) -> Iterator[str]:
    """Clusters that `aws eks update-kubeconfig` wrote into a kubeconfig, which names a cluster
    and its context by the ARN. The text is searched: other kubeconfigs have the ARN in the
    arguments of their exec plugin.
    """
    for content in _kubeconfigs(ctx):
        yield from _CLUSTER_ARN.findall(content.decode("utf-8", "replace"))


def _lab(ctx: click.Context) -> Mapping[str, Any] | None:
    """What the lab of a command of the lab left in its folder; None for other commands."""
    if "lab_dir" not in {each.name for each in ctx.command.params}:
        return None
    folder = _given(ctx, "lab_dir") or os.environ.get(DIRECTORY_VARIABLE)
    with suppress(ValueError):
        found = json.loads(_read(Path(folder or f"{DEFAULT_STATE_DIR}/lab") / STATE_FILE))
        if isinstance(found, dict):
            return found
    return {}


def _clusters(
    ctx: click.Context,
    incomplete: str,
) -> Iterator[str]:
    """Their names, and those with a folder in the state; ARNs for a word that starts like
    one. Of a command of the lab, its clusters.
    """
    lab = _lab(ctx)
    arns = [*map(str, lab.get("clusters", ()))] if lab is not None else None
    if arns is None:
        arns = list(_cluster_arns(ctx, incomplete))
    if incomplete.startswith("arn"):
        yield from arns
    yield from (arn.rpartition("/")[2] for arn in arns)
    if lab is not None:
        return
    place = Path(_given(ctx, "state_dir") or Settings().state_place)
    # PARTITION/ACCOUNT/REGION/CLUSTER
    for folder in sorted(place.glob("aws*/*/*/*/")):
        yield folder.name


def _contexts(
    ctx: click.Context,
    _incomplete: str,
) -> Iterator[str]:
    """The contexts of a kubeconfig."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    for content in _kubeconfigs(ctx):
        try:
            document = YAML(typ="safe").load(content)
        except (YAMLError, ValueError):
            continue
        # A file that is no kubeconfig has none.
        with suppress(TypeError, KeyError):
            for context in document["contexts"]:
                yield str(context["name"])


def _sections() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Name and values of each profile of the AWS configuration."""
    places = {
        "AWS_CONFIG_FILE": "~/.aws/config",
        "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    }
    for variable, usual in places.items():
        parser = RawConfigParser(strict=False)
        content = _read(os.environ.get(variable) or usual)
        # The part above a line that is no configuration was read.
        with suppress(ConfigError):
            parser.read_string(content.decode("utf-8", "replace"))
        for section in parser.sections():
            yield section.removeprefix("profile ").strip(), parser[section]


def _profiles(
    _ctx: click.Context,
    _incomplete: str,
) -> Iterator[str]:
    """The profiles of the AWS configuration, those of the credentials file last, as boto3 would
    find them.
    """
    # Other sections have a word in front (`sso-session corp`); with a blank they are not offered.
    return (name for name, _ in _sections())


def _roles(
    _ctx: click.Context,
    _incomplete: str,
) -> Iterator[str]:
    """Roles that the profiles assume."""
    return (values["role_arn"] for _, values in _sections() if "role_arn" in values)


def _regions(
    _ctx: click.Context,
    _incomplete: str,
) -> Iterator[str]:
    """The Regions of all partitions that botocore knows, in the order of its file.

    botocore itself takes too long to load: some 0.2 seconds, at each press of the key. A Region
    that is newer than the installed botocore is missing, and can be typed.
    """
    package = find_spec("botocore")
    # Another version may keep them elsewhere.
    with suppress(AttributeError, TypeError, ValueError, KeyError):
        content = _read(Path(package.origin).parent / "data" / "endpoints.json")  # type: ignore[union-attr,arg-type]
        for partition in json.loads(content)["partitions"]:
            yield from partition["regions"]


def _principals(
    ctx: click.Context,
    incomplete: str,
) -> Iterator[str]:
    """The principals of the plan on the command line, or of the lab, by ARN; for a word that has a
    beginning, also by an end of it that one of them has, and by their rows.
    """
    from migrator.model.principal_names import own_ends

    lab = _lab(ctx)
    rows = {str(arn): () for arn in lab.get("profiles", ())} if lab is not None else _planned(ctx)
    yield from rows
    if not incomplete:
        return
    for arn, ends in own_ends(rows).items():
        # One for each principal: a shell stops where two part.
        yield from [each for each in (*ends, *rows[arn]) if each.startswith(incomplete)][:1]


def _planned(ctx: click.Context) -> dict[str, tuple[str, ...]]:
    """The ARNs of the plan on the command line, with their rows."""
    # With an option that has no value yet, click leaves the arguments as they are.
    words = [ctx.params.get("plan_file"), ctx.params.get("plan_or_code"), *ctx.args]
    plan = next(filter(None, words), "")
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        found = json.loads(_read(str(plan)))["principals"]
        return {
            str(each["principalArn"]): tuple(map(str, each.get("sources", ()))) for each in found
        }
    return {}


def _principals_with_profile(
    ctx: click.Context,
    incomplete: str,
) -> Iterator[str]:
    """``PRINCIPAL=PROFILE``: a principal, and after the sign a profile."""
    principal, sign, profile = incomplete.rpartition("=")
    if sign:
        yield from (f"{principal}={name}" for name in _profiles(ctx, profile))
    yield from (f"{each}=" for each in _principals(ctx, incomplete))


def _codes(
    _ctx: click.Context,
    _incomplete: str,
) -> Iterable[str]:
    """The codes of findings and errors."""
    from migrator.app.explain_code import all_codes

    return all_codes()


def _commands(
    ctx: click.Context,
    _incomplete: str,
) -> Iterable[str]:
    """The commands, for `migrate help`."""
    place = ctx.find_root()
    with suppress(click.UsageError):
        for word in ctx.params.get("words", ()):
            place = page_of(place, word)
    return [*map(str, getattr(place.command, "listed", ()))]


KINDS: Mapping[str, tuple[str | Source, ...]] = {
    "file": ("file",),
    "folder": ("dir",),
    "cluster": (_clusters,),
    "cluster-arn": (_cluster_arns,),
    "file-or-cluster": ("file", _clusters),
    "file-or-code": ("file", _codes),
    "context": (_contexts,),
    "profile": (_profiles,),
    "region": (_regions,),
    "role": (_roles,),
    "principal": (_principals,),
    "principal-with-profile": (_principals_with_profile,),
    "command": (_commands,),
}
