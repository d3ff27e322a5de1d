"""Which parameters a shell completes with what, by the name or the placeholder of the parameter,
and which text is refused for each kind.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

COMPLETION_VARIABLE = "_MIGRATE_COMPLETE"  # click's name for it: `_PROGRAM_COMPLETE`

# A name counts before a placeholder; the words at the right are kinds of completion_values.
BY_NAME: Mapping[str, str] = {
    "profile": "profile",
    "context": "context",
    "cluster": "cluster",
    "clusters": "cluster-arn",
    "cluster_arn": "cluster-arn",
    "principal": "principal",
    "only": "principal",
    "become": "principal-with-profile",
    "assume_role": "role",
    "reader_role": "role",
    "role": "role",
    "words": "command",
}
BY_PLACEHOLDER: Mapping[str, str] = {
    "FILE": "file",
    "PLAN": "file",
    "TFPLAN.json": "file",
    "[FLEET]": "file",
    "DIR": "folder",
    "FOLDER": "folder",
    "PATH|s3://…": "folder",
    "REGION": "region",
    "PLAN|CLUSTER": "file-or-cluster",
    "PLAN|CLUSTER…": "file-or-cluster",
    "PLAN|CODE": "file-or-code",
}


# A variable of a script that is not set gives an empty text.
NO_NAME = "it is empty, and must name one."
# STS API Reference, AssumeRole: RoleArn. A chain is read from it, so that a name is not enough.
_ROLE = r"arn:[a-z-]+:iam::\d{12}:role/.+"
_NO_ROLE = "it is no ARN of a role (arn:aws:iam::ACCOUNT:role/NAME)."
_REFUSED_UNLESS: Mapping[str, tuple[str, str]] = {
    "file": (".+", NO_NAME),
    "folder": (".+", NO_NAME),
    "cluster": (".+", NO_NAME),
    "file-or-cluster": (".+", NO_NAME),
    "file-or-code": (".+", NO_NAME),
    "role": (_ROLE, _NO_ROLE),
}


class CompletedText(click.types.StringParamType):
    """Text as it is given, that a shell completes with values of a kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own
        """The text as it was given. One that cannot be of the kind is refused."""
        form, words = _REFUSED_UNLESS.get(self.kind, ("", ""))
        # A path may have a line break.
        if form and not re.fullmatch(form, str(value), re.DOTALL):
            self.fail(words, param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The values that fit."""
        from migrator.cli.completion_values import completions

        return completions(self.kind, ctx, incomplete)


_TYPES: Mapping[str, "click.ParamType[Any]"] = {
    key: CompletedText(kind) for key, kind in {**BY_PLACEHOLDER, **BY_NAME}.items()
}


def complete_values(params: Iterable[click.Parameter]) -> None:
    """Have a shell complete every parameter that takes any text and is in a table here."""
    for param in params:
        # Other types, as that of a number or a choice, complete their values themselves.
        if not isinstance(param.type, click.types.StringParamType):
            continue
        by_placeholder = _TYPES.get(str(param.metavar), param.type)
        param.type = _TYPES.get(str(param.name), by_placeholder)
