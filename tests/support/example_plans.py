"""The plans of ``examples/`` as values, for what is made from a plan."""

from functools import cache

from migrator.app.read_plan import read_plan
from migrator.model.plan import Plan
from tests.support.example_snapshots import EXAMPLES


@cache
def example_plans() -> dict[str, Plan]:
    """Name of the example -> its plan."""
    return {
        path.parent.name: read_plan(path.read_bytes())[0]
        for path in sorted(EXAMPLES.glob("*/plan.json"))
    }
