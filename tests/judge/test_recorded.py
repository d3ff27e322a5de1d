"""The independent evaluator answers as the real components did, wherever they were recorded."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.judge.aws_auth import Row, read
from tests.support.judge.logins import Caller, Cluster, Login, logins, lowered
from tests.support.judge.reviews import Judge, Objects, Request, User
from tests.support.judge.tally import TALLY, Tally

DATA = Path(__file__).parents[1] / "data"
ACCOUNT = "arn:aws:iam::123456789012"
SECTIONS = "recorded sections of aws-auth"


@pytest.fixture
def tally() -> Iterator[Tally]:
    """Counts the answers of a test; one that differs fails it."""
    counts = Tally()
    yield counts
    TALLY.add(counts)
    counts.check()


def vectors(name: str) -> list[dict[str, Any]]:
    """One vector a line, after a line about them."""
    lines = gzip.decompress((DATA / name).read_bytes()).decode().splitlines()
    return [json.loads(line) for line in lines][1:]


def document(name: str) -> dict[str, Any]:
    raw = (DATA / name).read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(raw) if name.endswith(".gz") else raw)
    return found


def answered(answer: Mapping[str, Any]) -> Login | None:
    """A recorded answer to a TokenReview."""
    if not answer["authenticated"]:
        return None
    return Login(answer["username"], tuple(answer["groups"]))


def test_every_login_by_mode_entry_and_row(tally: Tally) -> None:
    found = document("vectors-modes.json")["vectors"]
    for vector in found:
        row = vector["row"] or {}
        section = "mapRoles" if "rolearn" in row else "mapUsers"
        entry = vector["entry"]
        entries = (
            []
            if not entry
            else [
                {
                    "principalArn": entry["principalArn"],
                    "principalId": entry["pinnedId"],
                    "username": entry["username"],
                    "kubernetesGroups": entry["groups"],
                }
            ]
        )
        aws_auth = read({section: json.dumps([row])} if row else {})
        caller = Caller(vector["principal"], vector["id"], vector["session"] or "")
        cluster = Cluster(vector["mode"], entries, aws_auth)
        recorded = (answered(vector["answer"]),)
        tally.compare("recorded logins", logins(caller, cluster), recorded, vector)
    assert len(found) == 364


def test_every_login_by_aws_auth(tally: Tally) -> None:
    for vector in document("vectors-aws-auth.json")["vectors"]:
        aws_auth = read(vector["data"])
        for name, answer in vector["results"].items():
            principal, _, session = name.partition("@")
            # The recorder's label is shorter than its session.
            session = {"s1": "sess1"}.get(session, session)
            caller = Caller(f"{ACCOUNT}:{principal}", "", session)
            judged = logins(caller, Cluster("CONFIG_MAP", (), aws_auth))
            tally.compare("recorded logins", judged, (answered(answer),), (vector, name))
    assert tally.compared["recorded logins"] > 150


def test_every_review_by_rbac(tally: Tally) -> None:
    recorded = document("vectors-rbac.json.gz")
    objects = recorded["objects"]
    judge = Judge(
        Objects(
            objects["clusterroles"],
            objects["clusterrolebindings"],
            objects["roles"],
            objects["rolebindings"],
        )
    )
    for user, groups, attributes, allowed in recorded["sars"]:
        request = Request(**attributes)
        judged = judge.may(User(user, tuple(groups)), request)
        tally.compare("recorded reviews", judged, allowed, (user, groups, attributes))
    assert len(recorded["sars"]) == 1_000


def _mappings(recorded: Mapping[str, Any]) -> dict[str, tuple[str, tuple[str, ...] | None]]:
    """Recorded rows by their key, without those that no login meets."""
    return {
        key: (row["username"], None if row["groups"] is None else tuple(row["groups"]))
        for key, row in recorded.items()
        if not row.get("sso")
    }


def _kept(rows: list[Row], key: Callable[[str], str]) -> dict[str, Any]:
    return {key(row.arn): (row.username, row.groups) for row in rows}


def _judge_text(vector: Mapping[str, Any], tally: Tally) -> None:
    """Hold each section against what was recorded of it."""
    aws_auth = read(vector["data"])
    ours = {
        "mapRoles": _kept(aws_auth.roles, lowered),
        "mapUsers": _kept(aws_auth.users, str),
        "mapAccounts": sorted(set(aws_auth.accounts)),
    }
    theirs = {
        "mapRoles": _mappings(vector["roles"]),
        "mapUsers": _mappings(vector["users"]),
        "mapAccounts": sorted(set(vector["accounts"])),
    }
    for section in ours.keys() & vector["data"].keys():
        if section in aws_auth.unjudged:
            tally.leave_open(SECTIONS)
        else:
            tally.compare(SECTIONS, ours[section], theirs[section], vector["data"])


@pytest.mark.parametrize(
    ("name", "texts", "judged"),
    [("vectors-parse.jsonl.gz", 4_000, 0.8), ("vectors-go-yaml.jsonl.gz", 3_739, 0.45)],
)
def test_every_text_of_aws_auth(name: str, texts: int, judged: float, tally: Tally) -> None:
    found = vectors(name)
    for vector in found:
        _judge_text(vector, tally)
    assert len(found) == texts
    closed, left_open = tally.compared[SECTIONS], tally.left_open[SECTIONS]
    assert closed / (closed + left_open) >= judged
