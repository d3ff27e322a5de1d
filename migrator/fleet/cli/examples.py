"""Examples for the help pages of ``migrate fleet``; a test parses each of them."""

from migrator.cli.examples import Examples

EXAMPLES: Examples = {
    "discover": ("migrate fleet discover fleet.yaml",),
    "plan": (
        "migrate fleet plan fleet.yaml --decisions decisions.yaml",
        "migrate fleet plan fleet.yaml --output jsonl",
    ),
    "apply": (
        "migrate fleet apply fleet.yaml",
        "migrate fleet apply fleet.yaml --approve production",
    ),
    "verify": (
        "migrate fleet verify fleet.yaml --baseline",
        "migrate fleet verify fleet.yaml",
    ),
    "rehearse": ("migrate fleet rehearse fleet.yaml --for 30m --image registry.example/migrate:1",),
    "cutover": (
        "migrate fleet cutover fleet.yaml --gates",
        "migrate fleet cutover fleet.yaml",
    ),
    "retire": ("migrate fleet retire fleet.yaml",),
    "rollback": (
        "migrate fleet rollback fleet.yaml "
        "--cluster arn:aws:eks:eu-central-1:111122223333:cluster/my-cluster",
    ),
    "status": ("migrate fleet status fleet.yaml",),
    "access": ("migrate fleet access fleet.yaml",),
    "drift": ("migrate fleet drift fleet.yaml",),
    "report": (
        "migrate fleet report fleet.yaml --html fleet.html",
        "migrate fleet report fleet.yaml --markdown -",
    ),
}
