"""Which clusters of a fleet are meant by names as people write them: an ARN, a name, or
``ACCOUNT/REGION/NAME`` as every table of a fleet prints it.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from migrator.errors import WrongUse
from migrator.fleet.model.short_texts import short_cluster
from migrator.model.principal import is_cluster_arn, parse_arn


def clusters_meant(wanted: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """The ARNs, in the order in which they were given. ``known``: ARNs of the clusters that the
    fleet's last inventory has; an ARN need not be among them.

    Raises ``fleet-cluster-unknown`` for a text that means none of them, and ``cluster-ambiguous``
    for a name that several have.
    """
    return tuple(dict.fromkeys(_meant(each, known) for each in wanted))


def _meant(text: str, known: Sequence[str]) -> str:
    # A cluster that was made since the inventory can be named by its ARN.
    if is_cluster_arn(text):
        return text
    found = [arn for arn in known if text in (short_cluster(arn), _name(arn))]
    if len(found) == 1:
        return found[0]
    if found:
        raise WrongUse(
            "cluster-ambiguous",
            f"Several clusters of the fleet are called {text!r}.",
            why=f"They are {', '.join(map(short_cluster, found))}.",
            remedy="Name one of them so, or by its ARN.",
        )
    raise WrongUse(
        "fleet-cluster-unknown",
        f"{text!r} names no cluster of the fleet.",
        why=_why(text, known),
        remedy="Give its ARN, or let migrate fleet discover FLEET list the clusters.",
    )


def _why(text: str, known: Sequence[str]) -> str:
    if not known:
        return "No discovery or plan of the fleet has listed its clusters yet."
    by_text = {_name(arn): arn for arn in known} | {short_cluster(arn): arn for arn in known}
    near = dict.fromkeys(by_text[each] for each in get_close_matches(text, by_text, n=3))
    hint = f" Did you mean {' or '.join(map(short_cluster, near))}?" if near else ""
    return f"The last discovery found no cluster of this name.{hint}"


def _name(arn: str) -> str:
    parsed = parse_arn(arn)
    return "" if parsed is None else parsed.name
