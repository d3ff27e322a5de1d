"""Hooks of a fleet: programs that are asked before and after a wave, without a shell.

A program gets what happens as JSON on its standard input, and its name in ``MIGRATE_HOOK``. One
that ends with another code than 0 vetoes; so does one that cannot be started or does not end in
time.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.model.canonical import canonical_bytes

TIMEOUT = 3600.0  # seconds; a hook may wait for a person


class Hooks:
    """:class:`migrator.ports.Veto` by programs."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def ask(
        self,
        name: str,
        commands: Sequence[Sequence[str]],
        facts: Mapping[str, Any],
    ) -> str:
        """Ask each command in turn; returns why the first one vetoed, empty where none did."""
        environment = {**os.environ, "MIGRATE_HOOK": name}
        for command in commands:
            try:
                done = subprocess.run(  # noqa: S603 - the operator's own program, as an argument list
                    list(command),
                    input=canonical_bytes(facts),
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    timeout=self._timeout,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired, ValueError) as error:
                return (
                    f"{name} hook {foreign(command[0])} did not run: "
                    f"{foreign(type(error).__name__)}"
                )
            if done.returncode != 0:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                last = f": {foreign(said[-1])}" if said else ""
                return f"{name} hook {foreign(command[0])} ended with {done.returncode}{last}"
        return ""
