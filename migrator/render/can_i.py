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
    flags = _flags(witness)
    words = [witness.verb, _target(witness)]
    if not all(words):
        return ""
    if not all(map(_is_argument, (*words, *flags))):
        return ""
    asked = [*words, *flags]
    # A word that starts with a dash would be read as an option.
    if any(word.startswith("-") for word in words):
        asked = [*flags, "--", *words]
    return " ".join(map(shell, ("kubectl", "auth", "can-i", *asked)))


def question(witness: Witness | None) -> str:
    """The command, with the logins that it is about; empty where there is none."""
    if witness is None:
        return ""
    command = can_i(witness)
    if not command:
        return ""
    if not witness.login:
        return command
    return f"{command}  # in a login with {', '.join(witness.login)}"


def _is_argument(word: str) -> bool:
    """Whether a process can be given the word: no NUL, no half of a surrogate pair."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in word)


def _target(witness: Witness) -> str:
    """The second argument of kubectl; empty where it would be read as another one."""
    url = witness.non_resource_url
    if url is not None:
        # Without the slash it would be read as a kind.
        if not url.startswith("/"):
            return ""
        return url
    if not _is_kind(witness.resource):
        return ""
    if witness.api_group != witness.api_group.lower():
        return ""
    target = witness.resource
    if witness.api_group:
        target += f".{witness.api_group}"
    if witness.name:
        target += f"/{witness.name}"
    return target


def _is_kind(resource: str) -> bool:
    """Whether kubectl reads the text back as the same kind."""
    if not resource:
        return False
    # kubectl makes a kind lower case before it asks.
    if resource != resource.lower():
        return False
    # kubectl splits it there into kind, API group and name.
    return not {"/", "."} & set(resource)


def _flags(witness: Witness) -> list[str]:
    """The options about subresource and namespace; a non-resource URL has neither."""
    if witness.non_resource_url is not None:
        return []
    flags: list[str] = []
    if witness.subresource:
        flags.append(f"--subresource={witness.subresource}")
    # Without an option kubectl asks in the namespace of the kubeconfig.
    if witness.namespace is None:
        flags.append("--all-namespaces")
    else:
        flags += ["-n", witness.namespace]
    return flags
