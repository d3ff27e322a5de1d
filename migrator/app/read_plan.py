"""A plan from its bytes, proven again before anything trusts it."""

from migrator.model.plan import Plan


def read_plan(content: bytes) -> tuple[Plan, str]:
    """The plan and its digest. Raises as :func:`migrator.run.read_plan.read_plan`."""
    from migrator.run.read_plan import read_plan as proven_plan

    return proven_plan(content)
