"""Go's notion of equal text: ``strings.ToLower``, ``strings.EqualFold`` and the field names of
``encoding/json``.
"""


def to_lower(text: str) -> str:
    """``strings.ToLower``: rune by rune.

    One character never becomes two, and no sigma is final.
    """
    if text.isascii():
        return text.lower()
    return "".join(char.lower()[0] for char in text)


def fold(text: str) -> str:
    """Equal for two texts exactly when ``strings.EqualFold`` holds, as far as one of them is ASCII.

    The long s folds to an ASCII letter although lower-casing leaves it alone; the dotted capital I
    the other way round.
    """
    if text.isascii():
        return text.lower()
    folded = text.replace("\u017f", "s").replace("\u212a", "k")
    return "".join(map(_folded, folded))


def _folded(char: str) -> str:
    # Go folds rune by rune: a character that Python lowers to two stays as it is.
    lowered = char.lower()
    if len(lowered) == 1:
        return lowered
    return char
