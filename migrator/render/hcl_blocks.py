"""Pieces of HCL as ``terraform fmt`` writes them: comments, aligned attributes, lists, blocks."""

import re
from collections.abc import Iterable, Mapping

from migrator.render.escape import comment, hcl

_LINE = 100


def comments(
    *lines: str,
) -> str:
    """Comment lines; foreign text in them cannot leave its line."""
    text = ""
    for line in lines:
        text += f"# {comment(line)}".rstrip() + "\n"
    return text


def body(
    texts: Mapping[str, str],
    lists: Mapping[str, Iterable[str]],
) -> list[str]:
    """Attributes as parts of a block: all that fit a line in one part, each longer list in a
    separate part.
    """
    short, long = dict(texts), []
    for key, values in lists.items():
        items = [hcl(value) for value in values]
        line = f"[{', '.join(items)}]"
        if len(key) + len(line) <= _LINE:
            short[key] = line
            continue
        rows = "".join(f"  {item},\n" for item in items)
        long.append(f"{key} = [\n{rows}]\n")
    return [attributes(short), *long] if short else long


def key(
    text: str,
) -> str:
    """A key of an object: an identifier as it is, other text quoted."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) else hcl(text)


def member(
    of: str,
    text: str,
) -> str:
    """``local.access_policies.AmazonEKSViewPolicy``: a member of an object, by any text."""
    name = key(text)
    return f"{of}.{name}" if name == text else f"{of}[{name}]"


def attributes(
    pairs: Mapping[str, str],
) -> str:
    """Attributes with their equals signs in one column, as ``terraform fmt`` has it for
    neighbouring lines.
    """
    width = max(map(len, pairs))
    return "".join(f"{key:<{width}} = {value}\n" for key, value in pairs.items())


def block(
    head: str,
    parts: Iterable[str],
) -> str:
    """A block whose parts stand apart by an empty line, which keeps their alignments apart too."""
    inside = "\n".join(parts)
    indented = ""
    # The last part ends its line: what is after that is no line.
    for line in inside.split("\n")[:-1]:
        # `terraform fmt` leaves no spaces on an empty line.
        indented += f"  {line}\n" if line else "\n"
    return f"{head} {{\n{indented}}}\n"
