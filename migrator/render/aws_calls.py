"""Calls of the EKS API as parameters and as lines of the AWS CLI.

Text of the cluster is never a word of the command line: every call gets one JSON document with
``--cli-input-json`` (see :mod:`migrator.render.aws_cli`).
"""

import json
from collections.abc import Mapping

from migrator.model.access_entry import AssociatedPolicy


def json_word(parameters: Mapping[str, object]) -> str:
    """The parameters of a call as one JSON object and one word in single quotes, all printable
    ASCII.
    """
    text = json.dumps(parameters, ensure_ascii=True, separators=(",", ":"))
    return "'" + text.replace("'", "\\u0027") + "'"


def scope_parameter(policy: AssociatedPolicy) -> dict[str, object]:
    """The access scope as the AWS CLI takes it, in JSON; a scope of type cluster names no
    namespaces.
    """
    scope: dict[str, object] = {"type": policy.scope.type}
    if not policy.scope.namespaces:
        return scope
    return {**scope, "namespaces": list(policy.scope.namespaces)}
