"""The plans of ``examples/`` and of the demo as values, for what is made from a plan."""

from functools import cache
from pathlib import Path

from migrator.app.read_plan import read_plan
from migrator.model.plan import Plan
from tests.support.example_snapshots import EXAMPLES

# Recorded from the demo; tests/lab/cli/test_demo.py compares it with what the demo plans.
DEMO = Path(__file__).parents[1] / "data" / "demo_plan.json"


@cache
def example_plans() -> dict[str, Plan]:
    """Name of the example, or ``demo`` -> its plan."""
    found = {
        path.parent.name: read_plan(path.read_bytes())[0]
        for path in sorted(EXAMPLES.glob("*/plan.json"))
    }
    return {**found, "demo": read_plan(DEMO.read_bytes())[0]}
