"""Log-ins of a principal in a plan that was read: each log-in that its entry admits and that is
refused today must be announced.

What its row and its entry admit is computed again. A plan that was made before log-ins were
compared announces none: it is refused where its entries admit more, and consistent where they do
not.
"""

from collections.abc import Iterator

from migrator.decide.access.log_in_population import population_of, together, without
from migrator.decide.findings.findings_catalogue import accounts_for
from migrator.decide.planning.entries.desired_entry import identities_at_random
from migrator.decide.planning.entries.entry_identity import identity_of_spec
from migrator.decide.planning.rereading.inconsistency import Inconsistency
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.decide.steps.entry_states import final_spec
from migrator.model.log_ins import LogInPopulation, log_in_words
from migrator.model.plan import PlannedPrincipal


def check_log_ins(principal: PlannedPrincipal, read: PlanRead) -> Iterator[Inconsistency]:
    """Log-ins gained and lost by the principal's entry, compared with those that a finding of the
    plan announces.
    """
    arn, access = principal.principal_arn, principal.access
    where = f"principal {arn}"
    # Nothing of it is applied: what is shown is what its best answer would do.
    if principal.action == "block":
        return
    at_random = identities_at_random(read.subject_of(principal), read.facts)
    today = together(population_of(each, arn) for each in (principal.before, *at_random))
    after = _after(principal, read, today)
    gained, lost = without(after, today), without(today, after)
    is_gain_accounted_for = accounts_for(principal.findings, "log-in gain")
    # A principal that could not log in before gains every log-in: a finding about that says enough.
    is_new = principal.before.via == "none" and is_gain_accounted_for
    for missing in without(gained, access.log_ins_gained):
        if is_new:
            continue
        yield Inconsistency(
            where, f"Its entry admits {log_in_words(missing)}, and the plan does not say so."
        )
    for invented in without(access.log_ins_gained, gained):
        yield Inconsistency(
            where, f"It announces a gain of {log_in_words(invented)}, and its entry gives none."
        )
    for invented in without(access.log_ins_lost, lost):
        yield Inconsistency(
            where, f"It announces a loss of {log_in_words(invented)}, and nothing ends them."
        )
    if access.log_ins_gained and not is_gain_accounted_for:
        yield Inconsistency(where, "It has a gain of log-ins that no finding accounts for.")
    if access.log_ins_lost and not accounts_for(principal.findings, "loss"):
        yield Inconsistency(where, "It has a loss of log-ins that no finding accounts for.")


def _after(principal: PlannedPrincipal, read: PlanRead, today: LogInPopulation) -> LogInPopulation:
    """The log-ins that are admitted once the plan is applied. ``today``: those of now."""
    if principal.action == "keep":
        return today
    if principal.action == "skip":
        # Its row continues to admit them, because the cluster does not go to API mode.
        if "stays-in-config-map" in principal.findings:
            return today
        return ()
    arn = principal.principal_arn
    spec = principal.entry
    # Only EKS's own entry may be completed by steps; looking through all steps for every principal
    # takes long.
    if principal.action == "await":
        spec = final_spec(read.plan, arn)
    if spec is None:
        return ()
    return population_of(identity_of_spec(arn, spec), arn)
