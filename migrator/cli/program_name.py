"""One program with three names: ``migrate``, as golang-migrate is called too,
``eks-access-migrate`` and ``kubectl eks-access``. What help shows is the one that was typed.
"""

from collections.abc import Sequence

import click

ORDINARY = "migrate"
# kubectl finds a plugin by its file's name, with _ for each - of the command's:
# https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
PLUGIN = "kubectl-eks_access"
SHOWN = {
    ORDINARY: ORDINARY,
    "eks-access-migrate": "eks-access-migrate",
    PLUGIN: "kubectl eks-access",
}


def program_name(argv: Sequence[str]) -> str:
    """The name in help, of ``sys.argv``. ``python -m migrator`` and what is unknown is
    ``migrate``.
    """
    file = argv[0].rpartition("/")[2] if argv else ""
    return SHOWN.get(file, ORDINARY)


def shown_name(ctx: click.Context) -> str:
    """The program as it was called."""
    return ctx.find_root().info_name or ORDINARY


def file_name(ctx: click.Context) -> str:
    """The file of the program as it was called: what a shell completes."""
    files = {shown: file for file, shown in SHOWN.items()}
    return files.get(shown_name(ctx), ORDINARY)


def renamed(text: str, ctx: click.Context) -> str:
    """A text that names the program, with the name that was typed."""
    return text.replace(f"{ORDINARY} ", f"{shown_name(ctx)} ")
