"""YAML that people write (decisions, fleets, probes, worlds), read without trusting it.

A few lines of YAML can expand to more than a machine holds: an alias repeats a whole collection,
and a merge key copies one (the "billion laughs" attack). The document is therefore composed first,
and the nodes that it expands to are counted with every alias taken as a copy, before any value is
built. Source of what aliases and merge keys mean: YAML 1.2.2, section 7.1, and the YAML type
"merge" (yaml.org/type/merge.html).
"""

import re
from typing import Any

MOST_BYTES = 4 * 1024 * 1024  # decisions about 10,000 principals are 3 MiB
MOST_BYTES_FAST = 64 * 1024 * 1024  # for libyaml: a world of 1,000 clusters
MOST_NODES = 200_000  # of a document that has aliases, each taken as a copy
_MOST_BRACKETS = 1_000  # open at one place
_MOST_WHY = 300  # characters of an explanation


class YamlError(ValueError):
    """The text is no YAML document that may be read. Its text says why, in one line."""


def load_yaml(content: bytes | str, *, pure: bool = True) -> Any:  # noqa: ANN401 - what YAML gives
    """The value of the one YAML document in ``content``; None for none.

    ``content`` is UTF-8, with or without a byte order mark. ``pure`` reads with ruamel.yaml's own
    parser, which takes plain scalars that libyaml refuses; False is ten times as fast. Raises
    ``YamlError`` for text that is too long, not UTF-8, no YAML, nested too deeply, or whose aliases
    expand to more than 200,000 nodes or to themselves.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only where a document of this kind is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    most = MOST_BYTES_FAST
    if pure:
        most = MOST_BYTES
    text = _text(content, most)
    try:
        # Only an anchor can be repeated: a text without its sign needs no counting.
        if "&" in text:
            _refuse_expansion(YAML(typ="safe", pure=True).compose(text))
        return YAML(typ="safe", pure=pure).load(text)
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    except (YAMLError, ValueError) as error:
        why = " ".join(str(error).split())
        # The parser quotes the line, which may be the whole document.
        if len(why) > _MOST_WHY:
            why = why[: _MOST_WHY - 1] + "…"
        raise YamlError(why) from error


def refuse_expansion(text: str) -> None:
    """Raises ``YamlError`` where the aliases of a text expand to too much.

    Text that is no YAML passes: its reader refuses it in its own words.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only where a document of this kind is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    if "&" not in _text(text, MOST_BYTES):
        return
    try:
        _refuse_expansion(YAML(typ="safe", pure=True).compose(text))
    except (YAMLError, RecursionError):
        return


def _text(content: bytes | str, most: int) -> str:
    """The content as text, if a parser may read it. Raises ``YamlError``."""
    if len(content) > most:
        raise YamlError(f"it is larger than {most // 1024 // 1024} MiB")
    if not isinstance(content, str):
        content = _decoded(content)
    text = content
    # The parser needs a time that grows with the square of the brackets that are open. Counting
    # all of them first is quick, and enough for most documents.
    brackets = text.count("[") + text.count("{")
    if brackets > _MOST_BRACKETS and _most_open(text) > _MOST_BRACKETS:
        raise YamlError("it is nested too deeply")
    return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"it is not UTF-8: byte {error.start}") from error


def _most_open(text: str) -> int:
    """The largest number of brackets that are open at one place.

    Those inside of quoted text are counted too: it errs to too many.
    """
    depth = most = 0
    for match in re.finditer(r"[\[{]+|[\]}]+", text):
        brackets = match.group()
        if brackets[0] in "[{":
            depth += len(brackets)
        else:
            depth -= len(brackets)
        most = max(most, depth)
    return most


def _refuse_expansion(root: Any) -> None:  # noqa: ANN401 - a node of ruamel.yaml
    """Count with every alias taken as a copy. Raises ``YamlError`` for too much.

    Children come first and each node once, so that the count is quick. There is no recursion.
    """
    sizes: dict[int, int] = {}
    under_way: set[int] = set()
    # A node, and whether its children have been counted.
    stack: list[tuple[Any, bool]] = []
    if root is not None:
        stack.append((root, False))
    while stack:
        node, counted = stack.pop()
        children = _children(node)
        if counted:
            under_way.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[id(node)] > MOST_NODES:
                raise YamlError(f"its aliases expand to more than {MOST_NODES:,} values")
            continue
        if id(node) in sizes:
            continue
        if id(node) in under_way:
            raise YamlError("an alias names a value that holds the alias itself")
        under_way.add(id(node))
        stack.append((node, True))
        stack += [(child, False) for child in children if id(child) not in sizes]


def _children(node: Any) -> list[Any]:  # noqa: ANN401 - nodes of ruamel.yaml
    """The nodes directly inside of a node; a scalar has none."""
    value = node.value
    if not isinstance(value, list):
        return []
    found: list[Any] = []
    for item in value:
        # A mapping's items are pairs of key and value.
        if isinstance(item, tuple):
            found += item
        else:
            found.append(item)
    return found
