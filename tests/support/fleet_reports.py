"""Reports on fleets made by hand: a thousand clusters in a hundred accounts, drawn from a seed; and
hostile text.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from migrator.fleet.decide.patterns import report_of
from migrator.fleet.decide.waves import waves_of
from migrator.fleet.model.files.records import Event, FleetRecord
from migrator.fleet.model.fleet import Answer, Command, FleetAccount, FleetCluster, Inventory
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult, ClusterStatus, FindingSeen
from migrator.fleet.model.report import FleetReport
from migrator.model.decision import Stub
from migrator.model.security_note import NotedCall

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
TEAMS = (
    "payments",
    "search",
    "identity",
    "logistics",
    "data",
    "media",
    "core",
    "risk",
    "sales",
    "labs",
)
SERVICES = ("web", "batch", "edge", "ml", "jobs", "shared", "ingest", "build")
VENDOR = "arn:aws:iam::999999999999:role/observability-vendor"
CI = "arn:aws:iam::100000000001:role/ci/deployer"
BREAK_GLASS = "arn:aws:iam::100000000001:role/break-glass"
_WHY = {"action": "skip", "reason": "<why>"}
_LOSS = {"by": "<your name>", "reason": "<why>"}
_BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)


def large(accounts: int = 100, clusters: int = 1000, seed: int = 11) -> FleetReport:
    """A fleet half way: one account in twenty silent, some clusters unreachable, waves done, one
    stopped.
    """
    dice = random.Random(seed)
    ids = [f"2{number:011}" for number in range(1, accounts + 1)]
    names = [
        f"{TEAMS[n % len(TEAMS)]}-{('prod', 'stage', 'dev')[n // len(TEAMS) % 3]}"
        for n in range(accounts)
    ]
    silent = [n for n in range(accounts) if n % 20 == 13]
    talking = [n for n in range(accounts) if n not in silent]
    found = [
        _cluster(number, talking[number % len(talking)], ids, names, dice)
        for number in range(clusters)
    ]
    records, kinds = _history(found, dice)
    facts = [_facts(cluster, kinds[cluster.arn], dice) for cluster in found]
    made = tuple(
        FleetAccount(account, name, REGIONS, tags={"team": name.partition("-")[0]})
        for account, name in zip(ids, names, strict=True)
    )
    return report_of(
        Inventory(
            "2026-11-24T06:00:00Z",
            "platform",
            made,
            tuple(_answers(ids, silent)),
            tuple(found),
            not_selected=37,
        ),
        facts,
        records,
        at="2026-11-24T09:30:00Z",
        state="/srv/migration/.migrate/fleet/platform",
    )


def _answers(ids: Sequence[str], silent: Sequence[int]) -> list[Answer]:
    answers = []
    for number, account in enumerate(ids):
        if number not in silent:
            answers += [Answer(account, region, "answered", 3) for region in REGIONS]
        elif number % 40 == 13:
            reason = f"arn:aws:sts::{account}:assumed-role/migration/x may not eks:ListClusters."
            answers.append(
                Answer(
                    account,
                    "*",
                    "denied",
                    code="iam-denied",
                    reason=reason,
                    remedy="Allow it there.",
                )
            )
        else:
            reason = "eks.us-east-1.amazonaws.com did not answer within 10 seconds."
            answers += [Answer(account, region, "answered", 3) for region in REGIONS[:2]]
            answers.append(
                Answer(account, REGIONS[2], "unreachable", code="aws-unreachable", reason=reason)
            )
    return answers


def _cluster(
    number: int, home: int, ids: Sequence[str], names: Sequence[str], dice: random.Random
) -> FleetCluster:
    region = REGIONS[number // 7 % 3]
    name = f"{TEAMS[home % len(TEAMS)]}-{SERVICES[number % len(SERVICES)]}-{number:04}"
    return FleetCluster(
        arn=f"arn:aws:eks:{region}:{ids[home]}:cluster/{name}",
        name=name,
        account=ids[home],
        region=region,
        version=dice.choice(("1.29", "1.30", "1.31", "1.32")),
        mode="CONFIG_MAP" if number % 9 else "API_AND_CONFIG_MAP",
        status="ACTIVE",
        tags={
            "stage": names[home].partition("-")[2],
            "team": TEAMS[home % len(TEAMS)],
            "service": SERVICES[number % len(SERVICES)],
        },
        account_name=names[home],
        account_tags={"team": TEAMS[home % len(TEAMS)]},
    )


class _Clock:
    """Moments that follow each other."""

    def __init__(self) -> None:
        self.at = _BEGIN

    def __call__(self, seconds: float = 1) -> str:
        self.at += timedelta(seconds=seconds)
        return self.at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _history(
    clusters: Sequence[FleetCluster], dice: random.Random
) -> tuple[list[FleetRecord], dict[str, str]]:
    """Plans of all, then applies in waves of which the last stops, verification and a first
    cut-over.
    """
    clock, records = _Clock(), list[FleetRecord]()
    kinds = {each.arn: _kind(number) for number, each in enumerate(clusters)}

    def run(
        command: Command, chosen: Sequence[FleetCluster], stop: str = "", settles: str = ""
    ) -> None:
        def tell(event: Event, **more: object) -> None:
            records.append(FleetRecord(event, f"{command}-1", clock(3), command, **more))  # type: ignore[arg-type]

        tell("run-started", inputs="x")
        for wave in waves_of(chosen, command):
            tell("wave-started", wave=wave.name)
            for cluster in wave.clusters:
                result = _result(
                    cluster, command, kinds[cluster.arn], clock(dice.randrange(1, 9)), wave.name
                )
                if settles and result.done:
                    kinds[cluster.arn] = settles
                tell("cluster", result=result)
            tell("wave-ended", wave=wave.name)
            clock(1800 if command in ("apply", "cutover") else 0)
        tell("run-ended", exit_code=8 if stop else 0, why=stop)

    run("plan", clusters)
    ready = [each for each in clusters if kinds[each.arn] == "planned"]
    stopped = "6 clusters of wave 5 failed, and 2 may"
    run("apply", ready[:320], stopped, settles="applied")
    applied = [each for each in ready if kinds[each.arn] == "applied"]
    run("verify", applied[:240], settles="verified")
    for cluster in applied[:90]:
        kinds[cluster.arn] = "rehearsed"
    run("cutover", applied[:60], settles="cut over")
    for cluster in applied[:25]:
        kinds[cluster.arn] = "retired"
    for cluster in ready[320:326]:
        kinds[cluster.arn] = "applying"
    return records, kinds


def _kind(number: int) -> str:
    if number % 100 == 31:
        return "unreachable"
    if number % 200 == 57:
        return "denied"
    if number == 444:
        return "unknown"
    return "blocked" if number % 8 == 3 else "planned"


def _result(
    cluster: FleetCluster, command: Command, kind: str, at: str, wave: str
) -> ClusterResult:
    status: ClusterStatus = "done"
    code = message = remedy = ""
    if kind == "unreachable":
        status, code = "unreachable", "api-server-unreachable"
        message = f"The API server of {cluster.name} did not answer within 10 seconds."
        remedy = "migrate doctor tells what is in the way."
    elif kind == "denied":
        status, code, message = (
            "denied",
            "kubernetes-denied",
            "May not read ConfigMap kube-system/aws-auth.",
        )
        remedy = "Add the operator's role to aws-auth of the cluster."
    elif kind == "blocked" and command == "plan":
        status, code, message = "blocked", "plan-blocked", "A person must decide first."
    elif command == "apply" and cluster.name.endswith(("01", "77")):
        status, code, message = (
            "unproven",
            "probe-failed",
            "A login was not what it must be, and was taken back.",
        )
        remedy = "migrate fleet apply continues from here."
    exit_code = {"done": 0, "blocked": 3, "unproven": 6}.get(status, 1)
    return ClusterResult(
        cluster.arn,
        command,
        status,
        exit_code,
        at,
        code,
        message,
        "",
        remedy,
        f"sha256:{cluster.name}",
        wave,
    )


def _facts(cluster: FleetCluster, kind: str, dice: random.Random) -> ClusterFacts:
    folder = f"/srv/migration/.migrate/aws/{cluster.account}/{cluster.region}/{cluster.name}"
    if kind == "unknown":
        return ClusterFacts(
            cluster.arn, problem="The journal is damaged. line 12: its digest does not fit"
        )
    if kind in ("unreachable", "denied"):
        return ClusterFacts(cluster.arn, mode=cluster.mode, next="make a plan", folder=folder)
    home = f"arn:aws:iam::{cluster.account}:role"
    findings = _findings(cluster, kind, home, dice)
    principals = {f"{home}/platform": "create", f"{home}/team/developer": "create", CI: "create"}
    principals |= {
        each.principal_arn: "block"
        for each in findings
        if each.severity == "block" and each.principal_arn
    }
    steps = 9 + 3 * len(principals)
    done = {"planned": 0, "blocked": 0, "applying": 4}.get(kind, steps)
    mode = {"cut over": "API", "retired": "API"}.get(
        kind, "API_AND_CONFIG_MAP" if done else cluster.mode
    )
    return ClusterFacts(
        arn=cluster.arn,
        plan_digest=f"sha256:{cluster.name}",
        planned_at="2026-11-23T08:05:00Z",
        mode=mode,
        target="API",
        blocked=kind == "blocked",
        summary={"create": len(principals), "await": 2},
        principals=principals,
        admins=(f"{home}/platform", BREAK_GLASS),
        findings=findings,
        steps=steps,
        done=done,
        next="apply" if kind in ("planned", "applying") else "",
        verdict="ok" if kind in ("verified", "rehearsed", "cut over", "retired") else "",
        stubs=_stubs(findings),
        rehearsed=_BEGIN + timedelta(hours=10)
        if kind in ("rehearsed", "cut over", "retired")
        else None,
        retired=kind == "retired",
        folder=folder,
    )


def _findings(
    cluster: FleetCluster, kind: str, home: str, dice: random.Random
) -> tuple[FindingSeen, ...]:
    found = [
        FindingSeen("creator-unknown", "info", None, "", "Who created the cluster is not known."),
        FindingSeen(
            "grants-nothing",
            "info",
            f"{home}/team/developer",
            "mapRoles[2]",
            "Nothing binds the group `developers`.",
        ),
    ]
    if cluster.tags["service"] in ("ml", "batch"):
        found.append(
            FindingSeen(
                "row-shadowed",
                "warn",
                CI,
                "mapRoles[3]",
                f"`mapRoles[3]` of {CI} is overridden by `mapRoles[5]`.",
            )
        )
    if dice.random() < 0.3:
        found.append(
            FindingSeen(
                "masters-referenced",
                "warn",
                None,
                "",
                "A webhook's match condition names `system:masters`.",
            )
        )
    if kind == "blocked":
        message = f"`{VENDOR}` is of an account that was not read: its path is not known."
        found.append(
            FindingSeen("foreign-role-unverified", "block", VENDOR, "mapRoles[4]", message)
        )
        if cluster.tags["team"] == "data":
            arn = f"{home}/aws-service-role/spot.amazonaws.com/AWSServiceRoleForSpot"
            found.append(
                FindingSeen(
                    "service-linked-role",
                    "block",
                    arn,
                    "mapRoles[6]",
                    f"`{arn}` is service-linked.",
                )
            )
    return tuple(found)


def _stubs(findings: Sequence[FindingSeen]) -> dict[str, tuple[Stub, ...]]:
    found: dict[str, tuple[Stub, ...]] = {}
    for each in findings:
        if each.severity != "block" or each.principal_arn is None:
            continue
        arn = each.principal_arn
        if each.code == "service-linked-role":
            found[arn] = (
                Stub("principals", arn, dict(_WHY)),
                Stub("accept_loss", arn, dict(_LOSS)),
            )
        else:
            head, _, name = arn.rpartition("/")
            answer = {
                "action": "create",
                "principal_arn": f"{head}/<path>/{name}",
                "reason": "<why>",
            }
            found[arn] = (
                Stub("principals", arn, answer, ("foreign-role-unverified (mapRoles[4])",)),
            )
    return found


def done() -> FleetReport:
    """A small fleet in which everything went well."""
    report = large(4, 12)
    inventory = replace(
        report.inventory,
        answers=tuple(replace(each, status="answered") for each in report.inventory.answers),
        not_selected=0,
    )
    facts = [
        replace(
            row.facts, mode="API", retired=True, blocked=False, findings=(), stubs={}, problem=""
        )
        for row in report.rows
    ]
    return report_of(inventory, facts, at=report.at, state=report.state)


def hostile(*texts: str) -> FleetReport:
    """Clusters whose every text is one of these: names, tags, accounts, principals, findings,
    reasons.
    """
    clusters = tuple(
        FleetCluster(
            arn=f"arn:aws:eks:eu-central-1:111122223333:cluster/{number}{text}",
            name=text,
            account="111122223333",
            region="eu-central-1",
            version=text,
            mode="CONFIG_MAP",
            tags={text: text},
            account_name=text,
            account_tags={text: text},
        )
        for number, text in enumerate(texts)
    )
    answers = (Answer("222222222222", text, "denied", reason=text, remedy=text) for text in texts)
    accounts = (FleetAccount("111122223333", texts[0]), FleetAccount("222222222222", texts[0]))
    facts = [
        ClusterFacts(
            arn=cluster.arn,
            plan_digest=text,
            mode="CONFIG_MAP",
            target="API",
            blocked=True,
            admins=(text,),
            principals={text: "block"},
            findings=(
                FindingSeen("foreign-role-unverified", "block", text, text, text),
                FindingSeen(text, "warn", text, text, text),
            ),
            stubs={
                text: (Stub("principals", text, {"action": "create", "username": text}, (text,)),)
            },
            next=text,
            calls=(NotedCall("apply", "CloudTrail", "write", "eks:Call", text, count=1),),
            folder=f"{text}/aws/111122223333/eu-central-1/{text}",
        )
        for cluster, text in zip(clusters, texts, strict=True)
    ]
    records = [
        FleetRecord("run-started", text, "2026-11-24T09:00:00Z", "apply") for text in texts
    ] + [
        FleetRecord(
            "cluster",
            text,
            "2026-11-24T09:01:00Z",
            "apply",
            result=ClusterResult(
                cluster.arn,
                "apply",
                "failed",
                1,
                "2026-11-24T09:01:00Z",
                text,
                text,
                text,
                text,
                wave=text,
            ),
        )
        for cluster, text in zip(clusters, texts, strict=True)
    ]
    return report_of(
        Inventory(
            "2026-11-24T08:00:00Z",
            texts[0],
            accounts,
            tuple(answers),
            clusters,
            missing=((texts[0], texts[0]),),
        ),
        facts,
        records,
        at="2026-11-24T09:30:00Z",
        state=texts[0],
        file=texts[0],
    )
