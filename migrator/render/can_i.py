"""A witness as the question that a person asks: ``kubectl auth can-i …``, escaped for the shell.

The question is asked with the credentials of the principal itself. ``--as`` says nothing on EKS:
the authorizer of access policies does not see an impersonated name (EKS user guide, "Review access
policy permissions").
"""

from migrator.model.rbac import Witness
from migrator.render.escape import shell

ASK_AS = "Ask with the credentials of the principal itself: `--as` does not see access policies."


def can_i(witness: Witness) -> str:
    """The command; empty where kubectl cannot ask the question as it is.

    Source: kubectl ``pkg/cmd/auth/cani.go``. It takes a second argument that starts with ``/`` for
    a non-resource URL, splits another one at its first ``/`` (kind and name) and its first ``.``
    (kind and API group), makes the kind lower case, and asks in the namespace of the kubeconfig
    unless an option says otherwise.
    """
    flags, target = _flags(witness), _target(witness)
    words = [witness.verb, target]
    if not all(words) or any(not _is_argument(word) for word in (*words, *flags)):
        return ""
    # A word that starts with a dash would be read as an option.
    asked = (
        [*flags, "--", *words] if any(word.startswith("-") for word in words) else [*words, *flags]
    )
    return " ".join(map(shell, ("kubectl", "auth", "can-i", *asked)))


def question(witness: Witness | None) -> str:
    """The command, with the logins that it is about; empty where there is none."""
    command = "" if witness is None else can_i(witness)
    if witness is None or not command:
        return ""
    return f"{command}  # in a login with {', '.join(witness.login)}" if witness.login else command


def _is_argument(word: str) -> bool:
    """Whether a process can be given the word: no NUL, no half of a surrogate pair."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in word)


def _target(witness: Witness) -> str:
    if witness.non_resource_url is not None:
        return witness.non_resource_url if witness.non_resource_url.startswith("/") else ""
    kind = witness.resource
    if (
        not kind
        or kind != kind.lower()
        or "/" in kind
        or "." in kind
        or witness.api_group != witness.api_group.lower()
    ):
        return ""
    qualified = f"{kind}.{witness.api_group}" if witness.api_group else kind
    return f"{qualified}/{witness.name}" if witness.name else qualified


def _flags(witness: Witness) -> list[str]:
    if witness.non_resource_url is not None:
        return []
    where = ["--all-namespaces"] if witness.namespace is None else ["-n", witness.namespace]
    return [*([f"--subresource={witness.subresource}"] if witness.subresource else []), *where]
