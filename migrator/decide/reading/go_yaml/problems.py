"""Why a text was not read: Go refuses it (``lost``), or ours cannot be sure to read it as Go does
(``doubtful``).
"""

from typing import Literal


class YamlProblem(Exception):
    """Ends the reading of one text. ``line`` and ``column`` count from 1; ``message`` is one line
    of plain text.
    """

    def __init__(
        self,
        kind: Literal["lost", "doubtful"],
        line: int,
        column: int,
        message: str,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.column = column
        self.message = message


def lost(line: int, column: int, message: str) -> YamlProblem:
    """Go's parser or decoder refuses the text here."""
    return YamlProblem("lost", line, column, message)


def doubtful(line: int, column: int, message: str) -> YamlProblem:
    """Parsers differ here, and ours is not certain to equal Go's."""
    return YamlProblem("doubtful", line, column, message)
