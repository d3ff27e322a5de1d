"""The YAML 1.1 type of a scalar, as go-yaml v2 resolves it (``resolve.go``).

``yes``, ``off`` and ``y`` are booleans, ``0123`` is octal, ``1e3`` a float, ``004217`` a number and
no text; dates stay text, because go-yaml hands them over as text for backward compatibility.
"""

import base64
import math
import re
from typing import Final, Literal, NamedTuple, TypeAlias

_PREFIX: Final = "tag:yaml.org,2002:"
STR_TAG: Final = f"{_PREFIX}str"
BOOL_TAG: Final = f"{_PREFIX}bool"
INT_TAG: Final = f"{_PREFIX}int"
FLOAT_TAG: Final = f"{_PREFIX}float"
NULL_TAG: Final = f"{_PREFIX}null"
TIMESTAMP_TAG: Final = f"{_PREFIX}timestamp"
BINARY_TAG: Final = f"{_PREFIX}binary"
MERGE_TAG: Final = f"{_PREFIX}merge"

_RESOLVED_TAGS: Final = frozenset({STR_TAG, BOOL_TAG, INT_TAG, FLOAT_TAG, NULL_TAG, TIMESTAMP_TAG})


_TAGS: Final = {"bool": BOOL_TAG, "int": INT_TAG, "uint": INT_TAG, "float": FLOAT_TAG}


class NotText(NamedTuple):
    """A scalar that is no string: in a place that wants one, Go leaves the zero value."""

    kind: Literal["bool", "int", "uint", "float"]
    value: bool | int | float

    @property
    def jsonable(self) -> bool:
        """JSON knows neither NaN nor infinities: Go refuses the whole text (encoding/json,
        floatEncoder).
        """
        if self.kind != "float":
            return True
        return math.isfinite(self.value)


ScalarValue: TypeAlias = str | NotText | None


class CannotDecodeError(ValueError):
    """An explicit tag that the text does not fit: go-yaml gives the whole document up."""


class NotCertainError(ValueError):
    """Versions of go-yaml differ on this scalar."""


_WORDS: Final[dict[str, ScalarValue]] = {
    "": None,
    **dict.fromkeys(("~", "null", "Null", "NULL")),
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"),
        NotText("bool", True),
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"),
        NotText("bool", False),
    ),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), NotText("float", math.nan)),
    **dict.fromkeys(
        (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), NotText("float", math.inf)
    ),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), NotText("float", -math.inf)),
}
# Only texts that start with one of these can be words; everything else is a string.
_WORD_STARTS: Final = frozenset("yYnNtTfFoO~")
_NUMBER_STARTS: Final = frozenset("+-0123456789")

# strconv.ParseInt with base 0, after underscores were taken out; strconv.ParseFloat of what
# yamlStyleFloat lets by.
_INTEGER = re.compile(r"[+-]?(?:0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_SIGNED_BINARY = re.compile(r"0b([+-][01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|1[0-9]|2[0-8])")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASES: Final = {"0b": 2, "0o": 8, "0x": 16}


def resolve(tag: str, text: str) -> ScalarValue:
    """The value of a tagged scalar.

    ``tag`` is in full (``tag:yaml.org,2002:int``). The value is text, None for null, or a value of
    another type that keeps its text out of the way.

    Raises CannotDecodeError where go-yaml gives up, NotCertainError where its versions differ.
    """
    if tag == BINARY_TAG:
        return _decode_binary(text)
    if tag == STR_TAG:
        return text
    # A tag that go-yaml does not know leaves the text as it is (resolve.go, resolvableTag).
    if tag not in _RESOLVED_TAGS:
        return text
    if tag == TIMESTAMP_TAG:
        return _timestamp(text)
    value = resolve_plain(text)
    # The only change of a type that go-yaml makes for a tag.
    if tag == FLOAT_TAG and isinstance(value, NotText) and value.kind == "int":
        return NotText("float", float(value.value))
    if _tag_of(value) != tag:
        raise CannotDecodeError(f"cannot decode {text[:40]!r} as {tag.replace(_PREFIX, '!!')}")
    return value


def _tag_of(value: ScalarValue) -> str:
    """The tag that go-yaml gives a value that it has resolved without one."""
    if value is None:
        return NULL_TAG
    if isinstance(value, str):
        return STR_TAG
    return _TAGS[value.kind]


def resolve_plain(text: str) -> ScalarValue:
    """The value of a text without a tag: the first character says what it may be
    (``resolveTable``).

    ``y``, ``~``, ``0x1f``, ``.5`` and ``-.inf`` are no texts; ``1.2.3`` and ``0b12`` are.
    """
    first = text[:1]
    if not first or first in _WORD_STARTS:
        return _WORDS.get(text, text)
    # `+.inf` and `.nan` start like numbers.
    if text in _WORDS:
        return _WORDS[text]
    if first in _NUMBER_STARTS:
        return _number(text)
    if first == ".":
        return _fraction(text)
    return text


def _number(text: str) -> ScalarValue:
    """A text that starts with a digit or a sign: an integer, a float, or text after all tries."""
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        return _integer(plain)
    if _FLOAT.fullmatch(plain):
        return _float(plain, text)
    # "0b-1": go-yaml cuts the prefix off and parses the rest, sign included.
    binary = _SIGNED_BINARY.fullmatch(plain)
    if binary is None:
        return text
    number = int(binary[1], 2)
    # Beyond 64 bits strconv refuses, and the text stays a string.
    if not -(2**63) <= number < 2**63:
        return text
    return NotText("int", number)


def _integer(plain: str) -> ScalarValue:
    """An integer, without underscores; a float where it is too large for 64 bits.

    Raises NotCertainError for a number that is written in no way that a float is.
    """
    number = _whole_number(plain.lstrip("+-"))
    if plain.startswith("-"):
        number = -number
    # go-yaml tries ParseInt, then ParseUint, then ParseFloat (resolve.go).
    if -(2**63) <= number < 2**63:
        return NotText("int", number)
    if plain[0] not in "+-" and number < 2**64:
        return NotText("uint", number)
    if _FLOAT.fullmatch(plain):
        return _float(plain, plain)
    raise NotCertainError(f"the number {plain[:40]} is out of every range")


def _whole_number(digits: str) -> int:
    """The digits in the base that their prefix names."""
    base = _BASES.get(digits[:2].lower())
    if base is not None:
        return int(digits[2:], base)
    # YAML 1.1: a leading zero makes an octal number.
    if digits.startswith("0") and len(digits) > 1:
        return int(digits, 8)
    # Beyond every range: what matters is only that it is too large.
    if len(digits) > 40:
        return 10**40
    return int(digits)


def _float(plain: str, text: str) -> ScalarValue:
    """A float64, or the ``text`` as it was written where it is out of range."""
    number = float(plain)
    if math.isfinite(number):
        return NotText("float", number)
    if plain.lstrip("+-").isdigit():
        raise NotCertainError("a number of more than 300 digits")
    # Out of float64's range: strconv refuses, the text stays a string.
    return text


def _fraction(text: str) -> ScalarValue:
    """A text that starts with a dot: a float, or text. Underscores in it are not certain."""
    if "_" in text and _FLOAT.fullmatch(text.replace("_", "")):
        raise NotCertainError(f"underscores in {text[:40]}")
    if not _FLOAT.fullmatch(text):
        return text
    return _float(text, text)


def _timestamp(text: str) -> str:
    """A date with an explicit tag, as its text: dates are handed over as text.

    Only plain dates are certain: go-yaml tries several formats of a time. The day is at most 28, so
    that no calendar is needed to know that it exists.
    """
    if _DATE.fullmatch(text):
        return text
    if not re.match(r"[0-9]{4}-", text):
        raise CannotDecodeError(f"cannot decode {text[:40]!r} as !!timestamp")
    raise NotCertainError("an explicit !!timestamp")


def _decode_binary(text: str) -> str:
    """The text that an explicit ``!!binary`` holds in base64; line breaks in it mean nothing."""
    packed = text.replace("\r", "").replace("\n", "")
    if len(packed) % 4 or not _BASE64.fullmatch(packed):
        raise CannotDecodeError("!!binary value contains invalid base64 data")
    # Go keeps bytes that are no UTF-8, and what becomes of them in JSON is not certain.
    try:
        return base64.b64decode(packed).decode()
    except UnicodeDecodeError:
        raise NotCertainError("a !!binary value that is no text") from None
