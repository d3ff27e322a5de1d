"""Every code an error can have: what, why, what to do, and the exit codes of its commands.

The page of errors is generated from this list, and a test compares it with the codes that the
package raises.
"""

from collections.abc import Mapping

from migrator.model.error_kind import ErrorKind
from migrator.model.error_kinds import (
    aws_errors,
    file_errors,
    fleet_errors,
    kubernetes_errors,
    run_errors,
    tunnel_errors,
    way_errors,
)

ERRORS: Mapping[str, ErrorKind] = {
    kind.code: kind
    for kinds in (
        file_errors.KINDS,
        aws_errors.KINDS,
        kubernetes_errors.KINDS,
        run_errors.KINDS,
        fleet_errors.KINDS,
        tunnel_errors.KINDS,
        way_errors.KINDS,
    )
    for kind in kinds
}


def errors_markdown() -> str:
    """The page of all errors, sorted by code, as Markdown with LF."""
    lines = [
        "# Errors",
        "",
        "An error is printed as three lines: what happened with its code in brackets, why, and "
        "what to do.",
        "`migrate explain CODE` prints what is said here.",
        "",
    ]
    for code in sorted(ERRORS):
        kind = ERRORS[code]
        exits = " or ".join(map(str, kind.exit_codes))
        lines += [
            f"## `{code}`",
            "",
            f"**exit {exits}**: {kind.what}",
            "",
            f"Why: {kind.why}",
            "",
            f"What to do: {kind.remedy}",
            "",
        ]
        if kind.example:
            # Clusters and files are made up: a reader puts in what is meant.
            lines += [f"Command: `{kind.example}`", ""]
    return "\n".join(lines)
