"""explanation/scale.md: what ten thousand clusters cost, computed from the calls that a cluster
costs on the lab and from the rates that a fleet keeps to.

``CALLS`` is compared with what the lab counts in ``tests/fleet/cli/test_fleet.py``. The time of a
command is at least the longest of three: all calls one after the other in each of the clusters that
are worked on at once; the tokens of the busiest account and Region; and the processor, since one
process uses one core.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrator.fleet.adapters.rate_limits import DEFAULT_RATES
from migrator.fleet.model.fleet import Concurrency

CLUSTERS, ACCOUNTS, REGIONS, MAPPINGS = 10_000, 500, 2, 10
LATENCY = 0.050  # seconds of a call: the benchmark's, and a guess for AWS
UPDATE = 180.0  # seconds of an UpdateClusterConfig that switches a mode: a guess
WIDE = 64  # concurrency.overall of a fleet file, where the default is too little
_EVENTS_PRICE = 2.0 / 100_000  # US dollars of a management event in a second trail
_LOG_LINE, _LOG_PRICE = 2_000, 0.50  # bytes of an audit line, a guess; US dollars a GB
_STATE = 460 * 1024  # bytes that a migrated cluster leaves in the state, measured at 5 mappings
_ROLES = 2  # AssumeRole calls into an account, for each Region


@dataclass(frozen=True)
class Calls:
    """What one command costs a cluster: by service, calls for each cluster and for each of its
    mappings; whether it waits for that many updates; and milliseconds of a processor at five
    mappings.
    """

    eks: tuple[float, float]
    iam: tuple[float, float]
    sts: tuple[float, float]
    kubernetes: tuple[float, float]
    updates: int = 0
    processor: float = 0.0

    def of(self, service: str, mappings: float = MAPPINGS) -> float:
        """Calls of a service for one cluster."""
        fixed, each = self.by_service()[service]
        return fixed + each * mappings

    def by_service(self) -> Mapping[str, tuple[float, float]]:
        """The four pairs by the name of their service."""
        return {"eks": self.eks, "iam": self.iam, "sts": self.sts, "kubernetes": self.kubernetes}

    def total(self) -> float:
        """All calls of one cluster."""
        return sum(self.of(service) for service in self.by_service())


CALLS: Mapping[str, Calls] = {
    "plan": Calls((9, 0), (0, 0.5), (1, 0), (17, 0), processor=54),
    "verify --baseline": Calls((10, 0), (0, 0.5), (0, 1), (-9, 31), processor=82),
    "apply": Calls((45, 10), (2, 2.5), (0, 1), (44, 4), updates=1, processor=310),
    "verify": Calls((14, 2), (1, 0.5), (0, 1), (-10, 31), processor=125),
    "cutover --gates": Calls((33, 4), (1, 0.5), (0, 1), (11, 31), processor=207),
    "cutover": Calls((88, 12), (1, 0.5), (1, 2), (28, 93), updates=1, processor=605),
}


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _pair(pair: tuple[float, float]) -> str:
    fixed, each = pair
    if not each:
        return f"{fixed:g}"
    if fixed < 0:
        return f"{each:g} m - {-fixed:g}"
    return f"{fixed:g} + {each:g} m" if fixed else f"{each:g} m"


def calls_table() -> str:
    """What a cluster costs, by command and service."""
    services = ("eks", "iam", "sts", "kubernetes")
    rows = (
        (
            f"`fleet {name}`",
            *(_pair(calls.by_service()[service]) for service in services),
            f"{calls.total():.0f}",
            f"{calls.processor:.0f} ms",
        )
        for name, calls in CALLS.items()
    )
    ours = "processor, m = 5"
    head = ("command", "EKS", "IAM", "STS", "API server", f"all, m = {MAPPINGS}", ours)
    return _table(head, rows)


def times(
    calls: Calls,
    concurrently: int,
) -> dict[str, float]:
    """The least seconds of a command over all clusters, by what is waited for."""
    rates = {rule.api.partition(":")[0]: rule.per_second for rule in DEFAULT_RATES}
    in_account = CLUSTERS / ACCOUNTS
    waiting = calls.total() * LATENCY + calls.updates * UPDATE
    return {
        "calls": CLUSTERS * waiting / concurrently,
        "eks": in_account / REGIONS * calls.of("eks") / rates["eks"],
        "iam": in_account * calls.of("iam") / rates["iam"],
        "processor": CLUSTERS * calls.processor / 1000,
    }


def times_table() -> str:
    """The least time of each command, and what it is that takes it."""

    def rows() -> Iterator[tuple[str, ...]]:
        for name, calls in CALLS.items():
            some, many = times(calls, Concurrency().overall), times(calls, WIDE)
            longest = max(many, key=lambda each: many[each])
            yield (
                f"`fleet {name}`",
                f"{CLUSTERS * calls.total() / 1e6:.1f} M",
                _minutes(some["calls"]),
                _minutes(many["calls"]),
                _minutes(max(many["eks"], many["iam"])),
                _minutes(many["processor"]),
                _LONGEST[longest],
            )

    head = (
        "command",
        "calls",
        f"waiting, {Concurrency().overall} concurrently",
        f"waiting, {WIDE} concurrently",
        "tokens of an account",
        "one core",
        "what takes longest then",
    )
    return _table(head, rows())


_LONGEST = {
    "calls": "the network and EKS",
    "eks": "the rate of EKS",
    "iam": "the rate of IAM",
    "processor": "the processor",
}


def _busy(calls: Calls) -> float:
    """With how many clusters at the same time one process computes without a pause."""
    waiting = calls.total() * LATENCY + calls.updates * UPDATE
    return waiting / (calls.processor / 1000)


def ends_table() -> str:
    """Numbers that say what is at its limit first."""
    plan, cut = CALLS["plan"], CALLS["cutover"]
    many = CLUSTERS // 10
    rate = next(rule.per_second for rule in DEFAULT_RATES if rule.api == "eks:*")
    in_one_account = many * cut.of("eks") / rate
    overall = Concurrency().overall
    rows = (
        (
            "a cut-over of all clusters",
            f"{overall} concurrently",
            _minutes(times(cut, overall)["calls"]),
        ),
        ("a cut-over of all clusters", f"{WIDE} concurrently", _minutes(times(cut, WIDE)["calls"])),
        ("clusters that keep one core busy", "plan", f"{_busy(plan):.0f}"),
        ("clusters that keep one core busy", "cut-over", f"{_busy(cut):.0f}"),
        (
            f"tokens of one account and Region with {many:,} clusters",
            "cut-over",
            _minutes(in_one_account),
        ),
    )
    return _table(("what", "when", "comes to"), iter(rows))


def cost_table() -> str:
    """What a whole migration of all clusters costs."""
    events = sum(calls.of(each) for calls in CALLS.values() for each in ("eks", "iam", "sts"))
    lines = CLUSTERS * sum(calls.of("kubernetes") for calls in CALLS.values())
    gigabytes = lines * _LOG_LINE / 1e9
    hours = sum(calls.processor for calls in CALLS.values()) * CLUSTERS / 1000 / 3600
    trail = CLUSTERS * events
    rows = (
        (
            "management events of CloudTrail",
            f"{trail / 1e6:.1f} M",
            f"${trail * _EVENTS_PRICE:.0f}",
        ),
        (
            "audit lines of the API servers",
            f"{lines / 1e6:.0f} M",
            f"${gigabytes * _LOG_PRICE:.0f}",
        ),
        ("state", f"{CLUSTERS * _STATE / 1e9:.1f} GB", ""),
        ("one core", f"{hours:.1f} h", ""),
    )
    return _table(("what", "how much", "price"), iter(rows))


def with_tables(page: str) -> str:
    """The page with its tables computed: each stands below a comment that names it."""
    tables = {
        "calls": calls_table,
        "times": times_table,
        "limits": ends_table,
        "costs": cost_table,
    }
    blocks = page.split("\n\n")
    for number, block in enumerate(blocks):
        name = block.removeprefix("<!-- computed: ").removesuffix(" -->")
        if name in tables:
            blocks[number + 1] = tables[name]().strip()
    return "\n\n".join(blocks)
