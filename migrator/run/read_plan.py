"""The one way to read a plan: its bytes are decoded, and its content is proven again, before it is
used.
"""

from migrator.decide.planning.rereading.prove_again import prove_again
from migrator.model.files.plan import decode_plan_with_digest
from migrator.model.plan import Plan


def read_plan(content: bytes) -> tuple[Plan, str]:
    """The plan in the bytes of a plan.json, and its digest.

    Raises ``Failed``: what :func:`migrator.model.files.plan.decode_plan` raises, and
    ``plan-inconsistent`` for a plan whose parts do not fit together, naming the step, principal or
    finding. Nothing is read from the cluster.
    """
    plan, digest = decode_plan_with_digest(content)
    prove_again(plan)
    return plan, digest
