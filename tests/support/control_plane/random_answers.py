"""The random questions of this folder put to a bed, and its answers as a document that can be kept.

``record`` writes the answers of the real components to :data:`FILE`, with the seed and the versions
that gave them. Keys of credentials are new in every world, so that their templates stand for them.
"""

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.control_plane import random_logins, random_reviews, random_texts
from tests.support.control_plane.bed import Bed, fresh_token, who
from tests.support.control_plane.random_logins import Asked
from tests.support.control_plane.recorded import DATA
from tests.support.judge.aws_auth import read
from tests.support.judge.logins import Cluster, logins
from tests.support.judged.bed import caller_of, cluster_of
from tests.support.kubernetes_lab import ACCOUNT, Json

FILE = DATA / "vectors-random.json.gz"
KEY, BY_LOT = "{{AccessKeyID}}", "drawn by lot"
# Whom the rows of random texts name.
CALLERS = tuple(
    Asked(f"arn:aws:iam::{ACCOUNT}:{kind}/{name}", f"{prefix}{name.upper():X<17}"[:21], session)
    for kind, prefix, session in (("role", "AROATEXT", "s1"), ("user", "AIDATEXT", ""))
    for name in ("dev", "Admin", "ops")
)


@dataclass(frozen=True)
class Size:
    """How many questions, from which seed."""

    seed: int = 20_261_130
    logins: int = 2_000
    reviews: int = 2_000
    texts: int = 150  # that a cluster reads: each is a change of its ConfigMap


class TextLogin(NamedTuple):
    """A caller's login while aws-auth holds a text."""

    data: Mapping[str, str]
    asked: Asked


def logins_by_text(bed: Bed, size: Size) -> Iterator[tuple[TextLogin, Json | None]]:
    """Texts of mapRoles and mapUsers in force, one after the other, each with one caller."""
    draw = random.Random(f"callers {size.seed}")
    bed.lab.set_mode("CONFIG_MAP")
    for asked in CALLERS:
        name = asked.arn.rpartition("/")[2]
        add = bed.lab.add_role if ":role/" in asked.arn else bed.lab.add_user
        add(name, id=asked.id)
    for data in islice(random_texts.texts(size.seed, 10 * size.texts), size.texts):
        bed.put_aws_auth(data)
        bed.settle()
        # Users are asked about mapUsers, and roles about the other sections.
        asked = draw.choice(CALLERS[3:] if "mapUsers" in data else CALLERS[:3])
        yield TextLogin(data, asked), who(bed, fresh_token(bed, asked.arn, asked.session))


def document(bed: Bed, versions: Mapping[str, str], size: Size) -> dict[str, Any]:
    """Every answer of a bed. ``versions`` names the components that answer."""
    answered = list(_logins(bed, size))
    questions = random_reviews.questions(size.seed, size.reviews)
    reviews = [allowed for _, allowed in random_reviews.answers(bed, questions)]
    texts = [
        shown(bed, each.asked, answer, Cluster("CONFIG_MAP", (), read(each.data)))
        for each, answer in logins_by_text(bed, size)
    ]
    return {
        "about": "Answers to the questions that tests/support/control_plane/random_*.py draws.",
        "seed": size.seed,
        "versions": dict(versions),
        "logins": answered,
        "reviews": reviews,
        "texts": texts,
    }


def _logins(bed: Bed, size: Size) -> Iterator[Any]:
    random_logins.prepare(bed)
    entries: list[random_logins.Entry] = []
    for made in random_logins.rounds(size.seed, size.logins):
        entries += made.entries
        cluster = cluster_of(made, entries)
        for asked, answer in random_logins.answers(bed, made):
            yield shown(bed, asked, answer, cluster)


def shown(bed: Bed, asked: Asked, answer: Json | None, cluster: Cluster) -> Any:  # noqa: ANN401 - JSON
    """A login as it is kept: None, a refusal's text, or username and groups.

    Where rows contradict each other, each login gets one of them: no answer is kept.
    """
    if len(logins(caller_of(bed, asked), cluster)) > 1:
        return BY_LOT
    if answer is None:
        return None
    if "refused" in answer:
        found: list[str] = [answer["refused"]]
    else:
        found = [answer.get("username", ""), *sorted(set(answer.get("groups", ())))]
    key = bed.lab.world.credentials_of(asked.arn, asked.session or "s1").access_key_id
    return [text.replace(key, KEY) for text in found]


def size_of(found: Mapping[str, Any]) -> Size:
    """How many questions a document answers."""
    counts = {name: len(found[name]) for name in ("logins", "reviews", "texts")}
    return Size(found["seed"], **counts)


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Keep a document; the same answers give the same bytes."""
    path.write_bytes(gzip.compress(json.dumps(found).encode(), mtime=0))


def load(path: Path) -> dict[str, Any]:
    """A document that was kept."""
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found
