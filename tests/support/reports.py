"""Reports made by hand: one in which everything went well, one with every kind of trouble, one of
hostile text.
"""

from dataclasses import replace

from migrator.decide.proving.how_known import how_of_login
from migrator.model.access_entry import Identity
from migrator.model.evidence import Evidence, PrincipalVerdict, Probe, ProbeResult, SelfSubject
from migrator.model.finding import Finding
from migrator.model.gate import Gate
from migrator.model.journal import Event, Journal, next_record
from migrator.model.outcome import StatusOutcome, VerifyOutcome
from migrator.model.plan import AccessChange, Plan
from migrator.model.rbac import AccessRequest, PermissionRow, Witness
from migrator.model.report import Report
from tests.support.plans import REFERENCE, company, plan, principal, role

DIGEST = "sha256:" + "1" * 64
GATES = (
    Gate(1, "plan", "Is the plan decided, and does it end in API mode?", "pass", "no open finding"),
    Gate(
        2,
        "nodes",
        "Do all nodes renew their leases?",
        "unknown",
        "the leases were not read",
        "Look at them.",
    ),
    Gate(
        3,
        "rehearsal",
        "Did a rehearsal pass within 7 days?",
        "fail",
        "none",
        "Rehearse.",
        "anna: agreed",
    ),
)
_REQUESTS = (
    AccessRequest("get", resource="pods", namespace="shop"),
    AccessRequest("create", resource="pods", subresource="exec", namespace="payments"),
    AccessRequest("get", api_group="apps", resource="deployments", name="web"),
    AccessRequest("get", path="/healthz"),
)


def evidence(arn: str, username: str, *, wrong: bool = False) -> Evidence:
    """A login that was asked four questions; ``wrong``: the second one is answered otherwise than
    it must be.
    """
    probes = tuple(
        ProbeResult(
            Probe(request, index != 1),
            (index != 1) != (wrong and index == 1),
            "RBAC: allowed by a binding",
        )
        for index, request in enumerate(_REQUESTS)
    )
    subject = SelfSubject(username, ("devs", "system:authenticated"))
    how = how_of_login(subject, probes, "2026-11-22T09:00:00Z")
    return Evidence(
        arn, "live", "after", "2026-11-22T09:00:00Z", "", "marker", subject, probes, (), how
    )


def journal_of(planned: Plan, *, command: str = "apply") -> Journal:
    """A run that makes every entry two seconds after the other, proves it, and gives the last one
    up.
    """
    records: Journal = ()

    def record(second: float, event: Event, step: str | None = None, **effect: object) -> None:
        nonlocal records
        at = f"2026-11-22T09:{int(second) // 60:02d}:{second % 60:06.3f}Z"
        records += (next_record(records, at=at, step=step, event=event, effect=effect),)

    record(
        0,
        "run-started",
        run="ab07915c99ec7127",
        command=command,
        planDigest=DIGEST,
        caller=role("operator"),
    )
    steps = [step.id for step in planned.steps]
    for place, step in enumerate(steps):
        record(1 + 4 * place, "intended", step)
        if place == len(steps) - 1:
            record(2 + 4 * place, "undone", step, why="a probe failed")
        else:
            record(2 + 4 * place, "done", step)
    record(4 * len(steps) + 2, "run-ended", exit=1)
    return records


def _report(planned: Plan, verdicts: tuple[PrincipalVerdict, ...], **changes: object) -> Report:
    worst = next(
        (v for v in ("failed", "unknown", "partial") if any(e.verdict == v for e in verdicts)), "ok"
    )
    mode = "API_AND_CONFIG_MAP"
    outcome = VerifyOutcome("after", mode, verdicts, worst, (), 0, "/state")  # type: ignore[arg-type]
    status = StatusOutcome(
        "prod", mode, "ACTIVE", DIGEST, "r1", "apply", 2, 4, "cut over", state="/state"
    )
    return replace(
        Report(planned, DIGEST, "2026-11-22T10:00:00+00:00", outcome, status, journal_of(planned)),
        **changes,  # type: ignore[arg-type]
    )


def good() -> Report:
    """Two people, both proven, in API mode, every step done, gates as a cut-over judged them."""
    arns = (role("team/alice"), role("ci/runner"))
    planned = plan(*(principal(arn) for arn in arns))
    verdicts = tuple(
        PrincipalVerdict(arn, "ok", "live", "live", evidence(arn, "dev").how, evidence(arn, "dev"))
        for arn in arns
    )
    report = _report(
        planned, verdicts, gates=GATES[:1], gates_at="2026-11-22T09:30:00Z", journal=()
    )
    status = replace(report.status, done=4)
    return replace(report, verification=replace(report.verification, mode="API"), status=status)


def troubled() -> Report:
    """Every action, verdict and severity, access gained and lost, a run that took an entry back, a
    closed gate.
    """
    planned = company()
    gained = PermissionRow("cluster", ("apps",), ("deployments",), ("get", "list"))
    witness = Witness("get", resource="secrets", namespace="shop")
    lost = PermissionRow("namespace shop", ("",), ("secrets",), ("get",), witness=witness)
    odd = PermissionRow("unknown the rules of an aggregated role")
    access = (
        AccessChange((gained,), (lost,)),
        AccessChange((), (lost,)),
        AccessChange((gained,), ()),
    )
    principals = list(planned.principals)
    for place, change in zip((0, 4, 6), access, strict=True):
        principals[place] = replace(principals[place], access=change)
    principals[5] = replace(principals[5], access=AccessChange((odd,), ()))
    planned = replace(planned, principals=tuple(principals))
    arns = [each.principal_arn for each in principals]
    verdicts = (
        PrincipalVerdict(
            arns[0], "ok", "live", "live", "logged in", evidence(arns[0], "admin:anna")
        ),
        PrincipalVerdict(arns[1], "unknown", "unverified", "observed", "nothing was shown yet"),
        PrincipalVerdict(
            arns[2], "ok", "observed", "observed", "2 of 2 nodes logged in through the entry"
        ),
        PrincipalVerdict(
            arns[4],
            "failed",
            "live",
            "live",
            "create pods: allowed",
            evidence(arns[4], "x", wrong=True),
        ),
        PrincipalVerdict(
            arns[5],
            "partial",
            "simulated",
            "live",
            "the rules were evaluated; live proof is demanded",
        ),
    )
    report = _report(
        planned, verdicts, gates=GATES, baseline={arns[0]: evidence(arns[0], "admin:anna")}
    )
    refused = ((arns[6], "the proof failed"),)
    outstanding = ((arns[5], "nobody can log in as ben"),)
    status = replace(
        report.status,
        refused=refused,
        outstanding=outstanding,
        unknown=("whether s02 came to its end",),
    )
    return replace(report, status=status, lines={"mapRoles[0]": 3, "mapUsers[0]": 2})


def hostile(*texts: str) -> Report:
    """A report in which every name that somebody else may choose is a text: a principal for each,
    with everything about it, and the first one for what there is one of.
    """
    first = texts[0]
    principals, findings, verdicts, baseline = [], [], [], {}
    for place, text in enumerate(texts):
        arn = text if len(texts) == 1 else role(f"r{place}")
        # a kind that kubectl can ask for; no process can be given a NUL
        asked = text.replace("\0", "0")
        witness = Witness(asked, "", "secrets", asked, asked, asked)
        row = PermissionRow(
            f"namespace {text}", (text,), (text,), (text,), (text,), witness=witness
        )
        before = Identity(text, (text,), "config-map")
        principals.append(principal(arn, before=before, access=AccessChange((row,), (row,))))
        findings.append(Finding("row-shadowed", "warn", text, text, text, "mapRoles[0]", 3, arn))
        probe = Probe(AccessRequest(text, text, text, text, text, text), True)
        subject = SelfSubject(text, (text,))
        seen = replace(
            evidence(arn, text),
            subject=subject,
            how=text,
            probes=(ProbeResult(probe, False, text),),
        )
        verdicts.append(PrincipalVerdict(arn, "failed", "live", "live", text, seen))
        baseline[arn] = seen
    findings.append(Finding("creator-unknown", "warn", first, first, REFERENCE))
    planned = plan(*principals, findings=tuple(findings), created_at=first)
    planned = replace(planned, cluster=replace(planned.cluster, name=first, arn=first))
    gates = (
        Gate(1, first, first, "fail", first, first),
        Gate(2, first, first, "fail", first, "", first),
    )
    report = _report(planned, tuple(verdicts), gates=gates, baseline=baseline, plan_digest=first)
    status = replace(
        report.status, next=first, state=first, refused=((first, first),), unknown=(first,)
    )
    start = next_record(
        (), at="2026-11-22T09:00:00Z", step=None, event="run-started", effect={"command": first}
    )
    said = {"gate": first, "by": first, "why": first, "message": first, "code": first}
    end = next_record((start,), at="2026-11-22T09:00:01Z", step=first, event="refused", effect=said)
    return replace(report, status=status, journal=(start, end))
