"""Examples for the help pages of ``migrate lab``; a test parses each of them."""

from migrator.cli.examples import Examples

EXAMPLES: Examples = {
    "up": (
        "migrate lab up --detach",
        "migrate lab up --from snapshot.json",
    ),
    "env": ('eval "$(migrate lab env)"',),
    "shell": ("migrate lab shell",),
    "credentials": (
        "migrate lab credentials",
        'eval "$(migrate lab credentials role/ci/runner)"',
    ),
    "kubeconfig": ("migrate lab kubeconfig demo --as role/ci/runner > kubeconfig",),
    "fault": (
        "migrate lab fault eks:CreateAccessEntry lost-answer skip=2 times=1",
        'migrate lab fault "eks:*" throttle probability=0.2 seed=7 retry_after=1',
        'migrate lab fault "kubernetes:patch configmaps" second-writer times=1 change=recreate',
    ),
    "clock": ("migrate lab clock --advance 3600",),
    "effects": ("migrate lab effects --since 10",),
    "kill": ("migrate lab kill 4711 --after 3",),
    "down": ("migrate lab down",),
    "demo": ("migrate lab demo --folder demo --keep",),
}
