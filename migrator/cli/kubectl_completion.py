"""``kubectl_complete-eks_access``: what kubectl asks for the completion of its plugin."""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import ShellComplete

from migrator.cli.main import cli
from migrator.cli.streams import let_go_of

# cobra, "Shell completions", ShellCompDirective: bits that are added up.
_NO_SPACE, _NO_FILES, _FOLDERS, _KEEP_ORDER = 2, 4, 16, 32


def complete_for_kubectl() -> None:
    """``kubectl_complete-eks_access``, which kubectl runs for ``kubectl eks-access … <TAB>`` with
    the words behind the plugin's name (kubectl, ``pkg/cmd/plugin/plugin_completion.go``).
    """
    try:
        click.echo("\n".join(kubectl_lines(sys.argv[1:])))
    except BrokenPipeError:
        let_go_of(sys.stdout)


def kubectl_lines(words: Sequence[str]) -> list[str]:
    """The values that fit the last word, one a line, then a directive for the shell."""
    *before, last = words or [""]
    found = ShellComplete(cli, {}, "kubectl eks-access", "").get_completions(before, last)
    values = [each.value for each in found if each.type == "plain"]
    directive = _NO_FILES | _KEEP_ORDER
    if not values and found:
        directive = _FOLDERS if found[0].type == "dir" else 0
    if len(values) == 1 and values[0].endswith("="):
        directive |= _NO_SPACE
    return [*values, f":{directive}"]
