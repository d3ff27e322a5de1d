"""Names in CEL, Rego and JMESPath: string literals of an expression, as names or as patterns with
``*``.

A scanner, not a parser: one pass of tokens that cannot backtrack, so hostile text costs its length
and no more. It errs to too much: a literal that could be a name, or a part of one, counts, because
a name that is missed could change without a finding.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["cel", "rego", "jmespath"]

# Who asks is request.userInfo in CEL and Kyverno, input.review.userInfo in Rego; Kyverno has two
# variables more.
_ABOUT_USERS = re.compile(r"user_?info|\{\{\s*serviceAccountName", re.IGNORECASE)
_USER_WORDS = re.compile("user|group|subject|principal|member|account")
_LONGEST_NAME = 256
# A shorter part of a name counts only in a call about users: contains(image, "/") is none.
_SHORTEST_PART = 3
# Prefixes of CEL's raw strings.
_RAW_MARKS = frozenset({"r", "R", "br"})
# Each alternative ends at the end of the text at the latest, so that no quote is ever tried twice.
_DOUBLE = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_SINGLE = r"'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)"
_BACKTICK = r"`[^`]*(?:`|\Z)"
_REST = r"(?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<other>\S)"
_TOKENS: dict[Language, re.Pattern[str]] = {
    "cel": re.compile(rf"(?P<comment>//[^\n]*)|(?P<text>{_DOUBLE}|{_SINGLE})|{_REST}", re.DOTALL),
    "rego": re.compile(
        rf"(?P<comment>\#[^\n]*)|(?P<text>{_DOUBLE}|{_BACKTICK})|{_REST}", re.DOTALL
    ),
    "jmespath": re.compile(
        rf"(?P<comment>(?!))|(?P<text>{_DOUBLE}|{_SINGLE}|{_BACKTICK})|{_REST}", re.DOTALL
    ),
}
# Functions whose argument is a part of a name: any text may come before it, or after it.
_OPEN_BEFORE = frozenset({"endswith", "ends_with", "contains"})
_OPEN_AFTER = frozenset({"startswith", "starts_with", "contains"})
_REGEXES = frozenset({"matches", "match", "re_match", "regex_match", "globs_match", "find"})
# Functions that make another text or a number of a name, so that the literal it is compared with is
# not the name (CEL: Kubernetes, "CEL", and ext/strings; Rego: OPA, "Policy Reference"; JMESPath:
# Kyverno, "JMESPath").
_CHANGING = frozenset(
    [
        "lowerascii",
        "upperascii",
        "lower",
        "upper",
        "to_lower",
        "to_upper",
        "split",
        "substring",
        "replace",
        "replaceall",
        "replace_all",
        "regex_replace_all",
        "regex_replace_literal",
        "replace_n",
        "trim",
        "trimspace",
        "trim_left",
        "trim_right",
        "trim_prefix",
        "trim_suffix",
        "trim_space",
        "charat",
        "reverse",
        "indexof",
        "lastindexof",
        "size",
        "count",
        "length",
        "bytes",
        "encode",
        "decode",
        "base64_encode",
        "base64_decode",
        "truncate",
        "strings.replace_n",
        "find",
        "findall",
        "sha1",
        "sha256",
        "md5",
    ]
)
# Variables of CEL that hold the objects of a request: what they hold is not known.
_OF_REQUEST = frozenset({"object", "oldObject", "namespaceObject"})
_COMPARISONS = frozenset({"==", "!=", "in"})
_KEYWORDS = frozenset({"true", "false", "null", "in"})
_CLASS = re.compile(r"\[[^\[\]]*\]")
_RUN = re.compile(r"\\[^A-Za-z0-9]|[^\\^$.|?*+()\[\]{}]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_VERB = re.compile(r"%[#+0-9.-]{0,8}[a-zA-Z]")


def is_about_users(text: str) -> bool:
    """Whether an expression looks at the user, the groups or the service account that ask.

    The admission review holds them in ``userInfo`` (Kubernetes, "Dynamic Admission Control").
    """
    return _ABOUT_USERS.search(text) is not None


def may_mean_any(text: str, language: Language) -> bool:
    """Whether an expression of an object about users compares names in a way that its literals do
    not show: parts of a name or a changed name, or a name with a field of the request's objects.

    Errs to yes. The expression is scanned, not parsed.
    """
    words = _words(text, language)
    before = ""
    for at, word in enumerate(words[:-1]):
        after = words[at + 1]
        # Of an object's field alone, a function says nothing of users.
        if after == "(" and _changes(word) and _root(_at(words, at + 2)) not in _OF_REQUEST:
            return True
        # 'team-' + object.metadata.namespace: the literal shows what names are meant.
        is_joined = at > 1 and words[at - 2] == "+"
        if word not in _COMPARISONS or language != "cel" or is_joined:
            before = word
            continue
        if _compares_request(before, after):
            return True
        before = word
    return False


def _changes(function: str) -> bool:
    """Whether a function with its receiver changes a text that may be a name."""
    if _root(function) in _OF_REQUEST:
        return False
    return function.rpartition(".")[2].lower() in _CHANGING


def _compares_request(left: str, right: str) -> bool:
    """Whether exactly one side of a comparison is a field of the request's objects, and the other
    is a variable: ``g in object.spec.allowed``.
    """
    sides = {_root(left) in _OF_REQUEST, _root(right) in _OF_REQUEST}
    return len(sides) == 2 and _is_variable(left) and _is_variable(right)


def _is_variable(word: str) -> bool:
    # A literal is kept as its quote; numbers and marks are no words.
    return word[:1].isidentifier() and word not in _KEYWORDS


def _root(word: str) -> str:
    return word.partition(".")[0]


def _at(words: list[str], place: int) -> str:
    return words[place] if place < len(words) else ""


def _words(text: str, language: Language) -> list[str]:
    """The tokens of an expression: words with their dots, marks, ``==`` and ``!=`` as one, a
    literal as its quote.
    """
    words: list[str] = []
    for token in _TOKENS[language].finditer(text):
        kind, value = token.lastgroup, token.group()
        if kind == "comment":
            continue
        if kind == "text":
            words.append(value[0])
        elif value == "=" and words and words[-1] in ("=", "!"):
            words[-1] += value
        else:
            words.append(value)
    return words


@dataclass(slots=True)
class _Call:
    """An open parenthesis: the function before it, and whether it, what is around or what is in it
    names users.
    """

    function: str
    parent: "_Call | None"
    about_users: bool


@dataclass(slots=True)
class _Found:
    text: str
    call: _Call
    joined_before: bool
    joined_after: bool = False


def names_in(text: str, language: Language) -> Iterator[str]:
    """Literals that can be names: ``dev:alice``, or ``dev:*`` for ``startsWith('dev:')`` and
    ``'dev:' + x``.

    A name may come several times. An expression that is not well-formed is scanned like any other.
    """
    for found in _literals(text, language):
        for name in _patterns(found):
            # Messages and programs: no name is so long or has two lines.
            if len(name) > _LONGEST_NAME:
                continue
            if "\n" in name:
                continue
            yield name


def _literals(text: str, language: Language) -> list[_Found]:
    """Every string literal, with the call that it is an argument of and what it is joined to.

    One pass over the tokens: ``+`` and the word before a parenthesis are all that is kept of what
    came before.
    """
    found: list[_Found] = []
    call = _Call("", None, about_users=False)
    # The last word if nothing came after it, and the last token; a literal's is its quote.
    last, before = "", ""
    for token in _TOKENS[language].finditer(text):
        kind, value = token.lastgroup, token.group()
        if kind == "comment":
            continue
        if kind == "text":
            literals = _decoded(value, raw=last in _RAW_MARKS)
            found += [_Found(literal, call, before == "+") for literal in literals]
            last, before = "", '"'
            continue
        if kind == "word":
            call.about_users |= _names_users(value)
            last, before = value, value
            continue
        # "dev:" + x is a name that starts with the literal.
        if value == "+" and before == '"':
            found[-1].joined_after = True
        call = _call_after(value, last, call)
        last, before = "", value
    return found


def _call_after(mark: str, last: str, call: _Call) -> _Call:
    """The call that is open after the mark; ``last`` is the word before it."""
    if mark == "(":
        function = last.rpartition(".")[2].lower()
        return _Call(function, call, call.about_users or _names_users(last))
    if mark != ")":
        return call
    # More closed than opened: the text is no expression, and is read to its end all the same.
    if call.parent is None:
        return call
    # What was inside the parentheses is also inside the call around them.
    call.parent.about_users |= call.about_users
    return call.parent


def _names_users(word: str) -> bool:
    """Whether a word, perhaps with dots, is a variable or function of users by its name."""
    return _USER_WORDS.search(word.lower()) is not None


def _decoded(quoted: str, *, raw: bool) -> tuple[str, ...]:
    """The literal's text, and with escapes also the text as it is written.

    Both, because escapes differ between the languages. ``quoted`` is the literal with its quotes;
    ``raw`` literals have no escapes.
    """
    inner = quoted[1:]
    # A text that ends inside a literal has no quote at its end.
    if inner.endswith(quoted[0]):
        inner = inner[:-1]
    # JMESPath holds JSON between backticks.
    if quoted[0] == "`":
        return (inner.strip('"'),)
    if raw:
        return (inner,)
    if "\\" not in inner:
        return (inner,)
    unescaped = _ESCAPE.sub(_unescaped, inner)
    return tuple(dict.fromkeys((unescaped, inner)))


def _unescaped(match: re.Match[str]) -> str:
    r"""One escape: ``\n``, ``\u0041`` or a character that means itself."""
    code = match[1]
    if len(code) > 1:
        character = chr(int(code[1:], 16))
        # Half of a surrogate pair is no character, and no file could be written with it.
        if "\ud800" <= character <= "\udfff":
            return match[0]
        return character
    return {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)


def _patterns(found: _Found) -> Iterator[str]:
    """The names that one literal can be, by the function that it is an argument of.

    ``startsWith("dev:")`` is ``dev:*``, ``endsWith("-admin")`` is ``*-admin``, ``contains("ops")``
    is ``*ops*``; a literal that is compared as a whole is itself.
    """
    function = found.call.function
    text = found.text
    sure = found.call.about_users
    if function in _REGEXES:
        yield from _regex_parts(text, sure=sure)
        return
    # sprintf("dev:%s", …) writes any text for its verb.
    text = _VERB.sub("*", text)
    is_part = function in _OPEN_BEFORE | _OPEN_AFTER
    if is_part and not sure and len(text) < _SHORTEST_PART:
        return
    # Verbs alone, or an empty text: it says nothing of the name.
    if not text.strip("*"):
        return
    open_before = function in _OPEN_BEFORE or found.joined_before
    if open_before:
        text = f"*{text}"
    open_after = function in _OPEN_AFTER or found.joined_after
    if open_after:
        text = f"{text}*"
    yield text


def _regex_parts(text: str, *, sure: bool) -> Iterator[str]:
    """The plain parts of a regular expression, each of which a matching name may hold.

    ``sure``: the call is about users, so that ``*`` is given where there is no plain part. A part
    comes as ``*part*``, because what is around it may match any text.
    """
    # Flags change what a plain part means: (?i) matches any case (RE2, "Syntax").
    if sure and "(?" in text:
        yield "*"
        return
    branches = [_plain_parts(branch) for branch in _CLASS.sub(".", text).split("|")]
    for parts in branches:
        yield from parts
    # A branch without a plain part may match any name.
    if sure and not all(branches):
        yield "*"


def _plain_parts(branch: str) -> list[str]:
    """Texts that whatever matches one branch of a regular expression holds, as ``*part*``."""
    runs: list[str] = [""]
    end = 0
    for match in _RUN.finditer(branch):
        if match.start() != end:
            runs.append("")
        # The character before a quantifier may be missing: it is no part.
        if branch[match.end() : match.end() + 1] in ("?", "*", "{"):
            runs.append("")
        else:
            runs[-1] += match.group()[-1]
        end = match.end()
    return [f"*{run}*" for run in runs if len(run) >= _SHORTEST_PART]
