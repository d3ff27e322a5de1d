"""Control-plane logs made from a seed, line by line, and what a plain count of them gives."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

ACCOUNT = "111122223333"
START = datetime(2026, 10, 23, tzinfo=timezone.utc)
_START = int(START.timestamp() * 1000)
_VERBS = ("get", "list", "watch", "create", "patch", "delete")
_RESOURCES = (
    ("", "pods"),
    ("", "secrets"),
    ("apps", "deployments"),
    ("", "configmaps"),
    ("batch", "jobs"),
)
_REASONS = (
    'RBAC: allowed by ClusterRoleBinding "x"',
    'EKS Access Policy: allowed by ClusterRoleBinding "y"',
    "",
)


@dataclass(frozen=True)
class Logs:
    """``count`` lines over ``days``, of ``principals``; about one in ten is the authenticator's."""

    count: int
    principals: int = 60
    days: int = 29
    seed: int = 0

    @property
    def end(self) -> datetime:
        """When the last line was written, at the latest."""
        return START + timedelta(days=self.days)

    def __call__(self, index: int) -> tuple[int, str, str]:
        """The line at a place: ``(milliseconds, stream, message)``."""
        rng = _Draws(self.seed * 1_000_003 + index)
        at = _START + index * self.days * 86_400_000 // self.count
        arn, username, groups = self._who(rng.below(self.principals), rng.below(500))
        if index % 10 == 0:
            return (
                at,
                "authenticator-0a1b2c",
                _login(arn, username, groups, refused=rng.below(100) < 5),
            )
        return at, "kube-apiserver-audit-0a1b2c", _request(rng, index, arn, username, groups)

    def who(self, index: int) -> tuple[str, str, tuple[str, ...]]:
        """ARN, username and groups of the line at a place."""
        rng = _Draws(self.seed * 1_000_003 + index)
        return self._who(rng.below(self.principals), rng.below(500))

    def _who(self, number: int, session: int) -> tuple[str, str, tuple[str, ...]]:
        """Roles with a session in their name, others with a fixed one; a few share one ARN under
        two names.
        """
        arn = f"arn:aws:iam::{ACCOUNT}:role/role-{number}"
        if number % 7 == 0:
            return arn, f"people:session-{session}", ("team-a", f"team-{number}")
        if number % 11 == 0:
            return arn, f"two-{session % 2}", ()
        return (
            arn,
            f'odd "{number}\\' if number % 13 == 0 else f"robot-{number}",
            (f"team-{number % 5}",),
        )


def _login(arn: str, username: str, groups: tuple[str, ...], *, refused: bool) -> str:
    head = 'time="2026-11-22T08:00:00Z" level=info msg='
    if refused:
        return (
            f'{head}"access denied" arn="{arn}" client="127.0.0.1:1" error="identity is not '
            f'mapped" path=/authenticate'
        )
    name = username.replace("\\", "\\\\").replace('"', '\\"')
    shown = f'"{name}"' if not username.replace("-", "").isalnum() else username
    return (
        f'{head}"access granted" arn="{arn}" client="127.0.0.1:1" '
        f'groups="[{" ".join(groups)}]" '
        f"username={shown}"
    )


def _request(rng: "_Draws", index: int, arn: str, username: str, groups: tuple[str, ...]) -> str:
    """An audit event, written out by hand: two million of them are made, and more than once."""
    group, resource = _RESOURCES[rng.below(len(_RESOURCES))]
    denied = rng.below(100) < 3
    decision, reason = ("forbid", "") if denied else ("allow", _REASONS[rng.below(len(_REASONS))])
    stage = "ResponseStarted" if rng.below(100) < 5 else "ResponseComplete"
    agent = "eks-access-migrator" if rng.below(100) < 1 else "kubectl/v1.36.2"
    names = json.dumps([*groups, "system:authenticated"], separators=(",", ":"))
    extra = f'{{"canonicalArn":["{arn}"],"principalId":["AROAEXAMPLE"]}}'
    user = f'"username":{json.dumps(username)},"groups":{names},"extra":{extra}'
    if rng.below(10) == 0:
        user = '"username":"system:kube-scheduler"'
    spoken = ',"impersonatedUser":{"username":"somebody"}' if rng.below(100) < 2 else ""
    api_group = f',"apiGroup":"{group}"' if group else ""
    return (
        f'{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{index:032x}","stage":"{stage}",'
        f'"requestURI":"/api/v1/namespaces/n{rng.below(9)}/{resource}","verb":"{_VERBS[rng.below(len(_VERBS))]}",'
        f'"user":{{{user}}}{spoken},"userAgent":"{agent}","objectRef":{{"resource":"{resource}"{api_group}}},'
        f'"annotations":{{"authorization.k8s.io/decision":"{decision}",'
        f'"authorization.k8s.io/reason":{json.dumps(reason)}}}}}'
    )


class _Draws:
    """Numbers from a seed, by a linear congruential generator: seeding Python's own takes longer
    than a line.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & 0xFFFFFFFFFFFFFFFF
        self.below(2)

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit - 1``."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 33) % limit


def brute_force(logs: Logs) -> dict[str, Any]:
    """What the lines hold, counted without any of the product's code."""
    logins: dict[tuple[str, str, tuple[str, ...]], list[int]] = defaultdict(list)
    decided: dict[str, Counter[str]] = defaultdict(Counter)
    denials: Counter[tuple[str, str]] = Counter()
    for index in range(logs.count):
        at, stream, message = logs(index)
        if stream.startswith("authenticator"):
            who = logs.who(index)
            if '"access denied"' in message:
                denials[who[0], "login"] += 1
            else:
                logins[who].append(at)
            continue
        event = json.loads(message)
        arn = event["user"].get("extra", {}).get("canonicalArn", [None])[0]
        if (
            arn is None
            or event["stage"] != "ResponseComplete"
            or event["userAgent"] == "eks-access-migrator"
        ):
            continue
        reason = event["annotations"]["authorization.k8s.io/reason"]
        if "impersonatedUser" in event:
            kind = "impersonated"
        elif event["annotations"]["authorization.k8s.io/decision"] == "forbid":
            kind = "denied"
            reference = event["objectRef"]
            target = "/".join(filter(None, (reference.get("apiGroup", ""), reference["resource"])))
            denials[arn, f"{event['verb']} {target}"] += 1
        else:
            kind = (
                "rbac"
                if reason.startswith("RBAC")
                else "accessPolicy"
                if reason.startswith("EKS")
                else "other"
            )
        decided[arn][kind] += 1
    return {
        "logins": {key: (min(times), max(times), len(times)) for key, times in logins.items()},
        "decisions": {arn: dict(counts) for arn, counts in decided.items()},
        "denials": dict(denials),
    }
