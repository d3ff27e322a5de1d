"""What every command on a plan is asked with, and the ports that carry it out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.app.connect import Connection, run_ports
from migrator.app.operator import Operator
from migrator.errors import Failed, WrongUse
from migrator.model.decision import NO_DECISIONS, AssumeAs, Decisions
from migrator.model.plan import Plan

if TYPE_CHECKING:
    from migrator.run.begin_run import RunPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPlan:
    """``plan``: proven when it was read, ``digest`` its digest. ``answers``: decisions.yaml.
    ``become``: how to log in as whom, over the answers; a principal by its ARN or by an end of it
    that only one has. ``break_lock``: whose lock on the cluster is taken away first.
    """

    plan: Plan
    digest: str
    answers: Decisions = NO_DECISIONS
    become: Mapping[str, AssumeAs] = field(default_factory=dict)
    break_lock: str | None = None


def ways_of(request: OnPlan) -> dict[str, AssumeAs]:
    """How to log in as whom, by ARN. Nothing is asked of AWS or of the cluster.

    Raises ``WrongUse`` for what ``become`` names: ``principal-not-in-plan``,
    ``principal-ambiguous``, ``profile-not-found``.
    """
    found = dict(request.answers.verify_as)
    if not request.become:
        return found
    from migrator.adapters.aws_profiles import profiles_here

    profiles = profiles_here()
    for wanted, way in request.become.items():
        found[_arn_meant(request, wanted)] = way
        if way.profile is not None and way.profile not in profiles:
            raise WrongUse(
                "profile-not-found",
                f"There is no AWS profile {way.profile!r} to log in as {wanted}.",
                remedy="Name a profile that `aws configure list-profiles` lists.",
            )
    return found


def _arn_meant(request: OnPlan, wanted: str) -> str:
    # decisions.yaml may be that of several plans: an answer for a principal of another is no error.
    if wanted in request.answers.verify_as:
        return wanted
    return _named_by_option(request.plan, wanted)


def arns_of(plan: Plan, only: Iterable[str]) -> tuple[str, ...]:
    """The ARNs of the principals that an option names, however it does. Raises ``WrongUse``:
    ``principal-not-in-plan``, ``principal-ambiguous``.
    """
    return tuple(dict.fromkeys(_named_by_option(plan, wanted) for wanted in only))


def _named_by_option(plan: Plan, wanted: str) -> str:
    try:
        return principal_meant(plan, wanted)
    except Failed as error:
        raise WrongUse(error.code, error.message, why=error.why, remedy=error.remedy) from error


def principal_meant(plan: Plan, wanted: str) -> str:
    """The ARN of the one principal that ``wanted`` means: see
    :func:`migrator.decide.planning.explain.principals_meant`.

    Raises ``Failed``: ``principal-not-in-plan``, ``principal-ambiguous``.
    """
    from migrator.decide.planning.explain import principals_meant
    from migrator.model.principal_names import did_you_mean

    found = [each.principal_arn for each in principals_meant(plan, wanted)]
    if not found:
        raise Failed(
            "principal-not-in-plan",
            f"The plan knows no principal {wanted!r}.",
            why=did_you_mean([each.principal_arn for each in plan.principals], wanted),
            remedy="`migrate show PLAN` lists its principals.",
        )
    if len(found) > 1:
        raise Failed(
            "principal-ambiguous",
            f"{wanted!r} is not one principal.",
            why=f"It may be {', '.join(found[:5])}.",
            remedy="Give the whole ARN.",
        )
    return found[0]


def ports_for(
    request: OnPlan, operator: Operator, connection: Connection | None = None
) -> "RunPorts":
    """What the run of a request needs, over ``connection`` where there is one. The lock that
    ``break_lock`` names is taken away before this returns. Raises what :func:`ways_of` raises,
    before anything is asked.
    """
    return run_ports(
        operator,
        request.plan,
        ways=ways_of(request),
        connection=connection,
        break_lock=request.break_lock,
    )
