"""Names that an answer takes from a principal while something outside RBAC means them.

RBAC is compared rule by rule (``proof/judge_access.py``). FlowSchemas, admission policies, webhooks
and policy engines decide by username and group too, and what they decide cannot be compared: the
names and their places are listed for a person (Kubernetes: "API Priority and Fairness",
"Validating Admission Policy", ``request.userInfo``).
"""

from collections.abc import Iterator, Sequence

from migrator.decide.access.name_references import NameIndex
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.classify_node import MASTERS
from migrator.model.access_entry import Identity

_BINDINGS = ("ClusterRoleBinding ", "RoleBinding ")
# Every login has the first; the holders of the second are listed by `masters-referenced`.
_NEVER_DROPPED = frozenset({"system:authenticated", MASTERS, ""})


def dropped_names(
    before: Identity,
    after: Identity,
    arn: str,
    names: NameIndex,
) -> tuple[DraftFinding, ...]:
    """The finding for names that ``before`` has and ``after`` has not, and that something besides a
    binding means; none where there is no such name.
    """
    # Who cannot log in today has no name to lose.
    if before.via == "none":
        return ()
    found = [*_groups(before, after, names), *_username(before, after, names)]
    if not found:
        return ()
    message = f"The answer takes names from `{arn}` that something may mean: {'; '.join(found)}."
    return (DraftFinding("answer-drops-name", message),)


def _groups(before: Identity, after: Identity, names: NameIndex) -> Iterator[str]:
    kept = _NEVER_DROPPED.union(after.groups)
    for group in dict.fromkeys(before.groups):
        if group in kept:
            continue
        places = _beyond_bindings(names.of_group(group))
        if places:
            yield f"group `{group}` in {', '.join(places)}"
        elif _is_unread(group, names):
            yield f"group `{group}`, and it was not read what names it outside RBAC"


def _is_unread(group: str, names: NameIndex) -> bool:
    """Whether something that was not read may name the group. Kubernetes gives its own groups
    (``system:``) their meaning by RBAC.
    """
    return not names.complete and names.rbac_known and not group.startswith("system:")


def _username(before: Identity, after: Identity, names: NameIndex) -> Iterator[str]:
    if before.username in ("", after.username):
        return
    places = _beyond_bindings(names.of_username(before.username))
    if places:
        yield f"username `{before.username}` in {', '.join(places)}"


def _beyond_bindings(places: Sequence[str]) -> tuple[str, ...]:
    """The places that are no bindings: what those give is compared."""
    return tuple(place for place in places if not place.startswith(_BINDINGS))
