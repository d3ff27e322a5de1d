"""A kind of error: what its code means, for people who look it up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """``code`` is stable; ``exit_codes`` are those of the command that ends with it. ``example`` is
    a command to copy, empty where there is none.
    """

    code: str
    exit_codes: tuple[int, ...]
    what: str
    why: str
    remedy: str
    example: str = ""
