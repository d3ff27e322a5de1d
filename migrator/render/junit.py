"""The verdicts as JUnit XML, for pipelines: one test case per principal, and only ``ok`` passes.

The form that CI servers agree on: ``testsuites`` over one ``testsuite``, counts on both,
``classname``, ``name`` and ``time`` on every case, ``type`` and ``message`` on every failure (the
JUnit schema of Apache Ant, and the JUnit pages of Jenkins, GitLab, Azure Pipelines). Verdicts take
no time of their own, so ``time`` is 0.
"""

from xml.sax.saxutils import escape, quoteattr

from migrator.model.evidence import Evidence, PrincipalVerdict
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan
from migrator.render.escape import terminal


def junit(plan: Plan, outcome: VerifyOutcome) -> str:
    """A JUnit document. Foreign text is escaped twice: what XML cannot hold, and what it would read
    as markup.
    """
    # A baseline judges nothing: a case is what was taken of a principal.
    if outcome.phase == "before":
        passed = [each.holds for each in outcome.evidence]
        cases = "".join(_case_of_baseline(plan, each) for each in outcome.evidence)
    else:
        passed = [each.verdict == "ok" for each in outcome.verdicts]
        cases = "".join(_case(plan, each) for each in outcome.verdicts)
    failures = passed.count(False)
    name = quoteattr(terminal(f"access to {plan.cluster.name}"))
    counts = f'tests="{len(passed)}" failures="{failures}" errors="0" skipped="0" time="0"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites name={name} {counts}>\n<testsuite name={name} "
        f"{counts}>\n{cases}</testsuite>\n</testsuites>\n"
    )


def _case_of_baseline(plan: Plan, evidence: Evidence) -> str:
    """What was taken of one principal as a test case: it fails where it is not as the plan reads
    it.
    """
    suite, arn = quoteattr(terminal(plan.cluster.arn)), quoteattr(terminal(evidence.principal_arn))
    why = escape(terminal("; ".join((*evidence.differences, evidence.how))))
    head = f'  <testcase classname={suite} name={arn} time="0">'
    if evidence.holds:
        return f"{head}<system-out>{why}</system-out></testcase>\n"
    message = quoteattr("the state before is not as the plan reads it")
    return f'{head}<failure type="differs" message={message}>{why}</failure></testcase>\n'


def _case(plan: Plan, verdict: PrincipalVerdict) -> str:
    """One principal as a test case: every verdict but ``ok`` is a failure."""
    suite, arn = quoteattr(terminal(plan.cluster.arn)), quoteattr(terminal(verdict.principal_arn))
    why = escape(terminal(verdict.why))
    head = f'  <testcase classname={suite} name={arn} time="0">'
    if verdict.verdict == "ok":
        return f"{head}<system-out>{why}</system-out></testcase>\n"
    message = quoteattr(
        f"{verdict.verdict}: {verdict.required} proof is demanded, there is {verdict.proof_class}"
    )
    return f'{head}<failure type="{verdict.verdict}" message={message}>{why}</failure></testcase>\n'
