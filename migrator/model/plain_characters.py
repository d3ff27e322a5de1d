"""Which characters of a text show themselves, and the escape of the others."""

import unicodedata

# Characters that Unicode calls printable but that show nothing, or only change what stands before
# them: Hangul fillers, the braille blank. Marks (Mn, Me) are shown as code points too, because
# Kubernetes compares names byte by byte: a composed and a decomposed letter are two names that look
# the same.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_plain(char: str) -> bool:
    """True for a character that shows itself and nothing else."""
    if char.isascii():
        return char.isprintable()
    if not char.isprintable():
        return False
    if char in BLANKS:
        return False
    # Marks that change the character before them (Unicode, general categories).
    return unicodedata.category(char) not in ("Mn", "Me")


def code_point(char: str) -> str:
    r"""The escape of one character: ``\n``, ``\x1b``, ``\u202e`` or ``\U000e0001``."""
    number = ord(char)
    if char in SHORT:
        return SHORT[char]
    if number < 0x100:
        return f"\\x{number:02x}"
    if number < 0x10000:
        return f"\\u{number:04x}"
    return f"\\U{number:08x}"
