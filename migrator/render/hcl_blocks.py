"""Pieces of HCL as ``terraform fmt`` writes them: comments, aligned attributes, lists, blocks."""

from collections.abc import Iterable, Mapping

from migrator.render.escape import comment, hcl

_LINE = 100


def comments(*lines: str) -> str:
    """Comment lines; foreign text in them cannot leave its line."""
    return "".join(f"# {comment(line)}".rstrip() + "\n" for line in lines)


def body(texts: Mapping[str, str], lists: Mapping[str, Iterable[str]]) -> list[str]:
    """Attributes as parts of a block: all that fit a line in one part, each longer list in a
    separate part.
    """
    short, long = dict(texts), []
    for key, values in lists.items():
        items = [hcl(value) for value in values]
        line = f"[{', '.join(items)}]"
        if len(key) + len(line) <= _LINE:
            short[key] = line
        else:
            long.append(f"{key} = [\n" + "".join(f"  {item},\n" for item in items) + "]\n")
    return [attributes(short), *long]


def attributes(pairs: Mapping[str, str]) -> str:
    """Attributes with their equals signs in one column, as ``terraform fmt`` has it for
    neighbouring lines.
    """
    width = max(len(key) for key in pairs)
    return "".join(f"{key:<{width}} = {value}\n" for key, value in pairs.items())


def block(head: str, parts: Iterable[str]) -> str:
    """A block whose parts stand apart by an empty line, which keeps their alignments apart too."""
    inside = "\n".join(parts)
    indented = "".join(f"  {line}\n" if line else "\n" for line in inside.split("\n")[:-1])
    return f"{head} {{\n{indented}}}\n"
