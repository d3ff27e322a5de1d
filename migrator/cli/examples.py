"""One table of examples for the help pages: what a command line looks like, by command.

A test parses each of them with the command that it belongs to. This module is loaded for
``migrate --help``: the standard library only.
"""

from collections.abc import Mapping

Examples = Mapping[str, tuple[str, ...]]

EXAMPLES: Examples = {
    "snapshot": ("migrate snapshot my-cluster --region eu-central-1 --out snapshot.json",),
    "observe": (
        "migrate observe my-cluster --since 14d --out usage.json",
        "migrate plan my-cluster --usage usage.json --out plan.json",
    ),
    "plan": (
        "migrate plan my-cluster --region eu-central-1 --out plan.json",
        "migrate plan my-cluster --out plan.json --write-decisions decisions.yaml",
        "migrate plan my-cluster --out plan.json --decisions decisions.yaml",
        "migrate plan --config-map aws-auth.yaml "
        "--cluster-arn arn:aws:eks:eu-central-1:111122223333:cluster/my-cluster",
        "migrate plan --config-map eksctl-cluster.yaml "
        "--cluster-arn arn:aws:eks:eu-central-1:111122223333:cluster/my-cluster",
    ),
    "show": (
        "migrate show plan.json",
        "migrate show plan.json --output markdown",
    ),
    "explain": (
        "migrate explain plan.json role/ci/runner",
        "migrate explain plan.json 'mapRoles[3]'",
        "migrate explain row-shadowed",
    ),
    "apply": (
        "migrate apply plan.json",
        "migrate apply plan.json --only arn:aws:iam::111122223333:role/ci/runner",
    ),
    "verify": (
        "migrate verify plan.json --baseline",
        "migrate verify plan.json --junit verify.xml",
        "migrate verify plan.json --as arn:aws:iam::111122223333:user/alice=alice",
    ),
    "rehearse": ("migrate rehearse plan.json --for 30m --image registry.example/migrate:1",),
    "cutover": (
        "migrate cutover plan.json --gates",
        "migrate cutover plan.json",
        "migrate cutover plan.json --confirm my-cluster",
    ),
    "retire": ("migrate retire plan.json",),
    "rollback": (
        "migrate rollback plan.json",
        "migrate rollback my-cluster --leftovers",
    ),
    "status": (
        "migrate status plan.json",
        "migrate status my-cluster --region eu-central-1",
    ),
    "report": (
        "migrate report plan.json --html report.html",
        "migrate report plan.json --markdown -",
    ),
    "access": (
        "migrate access my-cluster",
        "migrate access my-cluster --output json",
    ),
    "drift": (
        "migrate drift plan.json --detailed-exitcode",
        "migrate drift my-cluster --against access.json",
    ),
    "generate": (
        "migrate generate terraform plan.json --out terraform",
        "migrate generate terraform plan.json --check tfplan.json",
        "migrate generate cloudformation my-cluster --out -",
    ),
    "doctor": (
        "migrate doctor my-cluster --region eu-central-1",
        "migrate doctor arn:aws:eks:eu-central-1:111122223333:cluster/my-cluster --policy plan",
    ),
    "timer": ("migrate timer",),
    "token": (
        "migrate token my-cluster",
        "migrate token my-cluster --as arn:aws:iam::111122223333:role/ci/runner",
    ),
    "help": (
        "migrate help plan",
        "migrate help fleet apply",
    ),
    "version": ("migrate version",),
    "completion": (
        'eval "$(migrate completion bash)"',
        'eval "$(migrate completion zsh)"',
        "migrate completion fish | source",
    ),
}
