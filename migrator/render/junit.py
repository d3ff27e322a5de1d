"""The verdicts as JUnit XML, for pipelines: one test case per principal, and only ``ok`` passes."""

from xml.sax.saxutils import escape, quoteattr

from migrator.model.evidence import PrincipalVerdict
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan
from migrator.render.escape import terminal


def junit(plan: Plan, outcome: VerifyOutcome) -> str:
    """A JUnit document. Foreign text is escaped twice: what XML cannot hold, and what it would read as markup."""
    failures = sum(each.verdict != "ok" for each in outcome.verdicts)
    name = quoteattr(terminal(f"access to {plan.cluster.name}"))
    head = f'<testsuite name={name} tests="{len(outcome.verdicts)}" failures="{failures}" errors="0" skipped="0">\n'
    cases = "".join(_case(plan, each) for each in outcome.verdicts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{cases}</testsuite>\n'


def _case(plan: Plan, verdict: PrincipalVerdict) -> str:
    suite, arn = quoteattr(terminal(plan.cluster.arn)), quoteattr(terminal(verdict.principal_arn))
    why = escape(terminal(verdict.why))
    if verdict.verdict == "ok":
        return f"  <testcase classname={suite} name={arn}><system-out>{why}</system-out></testcase>\n"
    message = quoteattr(f"{verdict.verdict}: {verdict.required} proof is demanded, there is {verdict.proof_class}")
    return f"  <testcase classname={suite} name={arn}><failure message={message}>{why}</failure></testcase>\n"
