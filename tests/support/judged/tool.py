"""The tool's own answers to the random questions: what ``plan`` and ``verify`` decide with."""

from collections.abc import Sequence

from migrator.decide.access.authorize import RbacIndex, authorize, groups_of_login
from migrator.decide.reading.effective_identity import (
    Ambiguous,
    Denied,
    LoggedIn,
    PinnedEntry,
    canonical_arn,
    identity_of,
    index_entries,
    index_rows,
)
from migrator.decide.reading.effective_identity import Caller as ToolCaller
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.rbac import AccessRequest
from tests.support.control_plane.random_logins import Entry, Round
from tests.support.control_plane.random_reviews import Review
from tests.support.judge.logins import Caller
from tests.support.kubernetes_lab import POLICY, Json


def answers_to(answer: Json | None) -> tuple[str, list[str]] | None:
    """A cluster's answer as username and groups; one that may not ask who it is has its name."""
    if answer is None:
        return None
    if "refused" in answer:
        return answer["refused"].partition('User "')[2].partition('" cannot')[0], []
    return answer.get("username", ""), sorted(set(answer.get("groups", ())))


class ToolLogins:
    """Logins of a round as the tool reads its rows and entries."""

    def __init__(self, made: Round, entries: Sequence[Entry]) -> None:
        self._mode = made.mode
        self._rows = index_rows(read_aws_auth(made.data))
        self._entries = index_entries(
            PinnedEntry(each.arn, each.pinned, each.username, each.groups) for each in entries
        )

    def agree(self, caller: Caller, answer: Json | None) -> bool:
        """Whether a cluster's answer is one that the tool holds possible."""
        outcome = identity_of(_asker(caller), self._rows, self._entries, self._mode)
        every = outcome.outcomes if isinstance(outcome, Ambiguous) else (outcome,)
        found = answers_to(answer)
        return any(_is(each, found) for each in every)


def _asker(caller: Caller) -> ToolCaller:
    return ToolCaller(
        canonical_arn(caller.arn) or caller.arn,
        caller.arn.split(":")[4],
        caller.id,
        caller.session,
        caller.access_key,
        caller.dns_name,
    )


def _is(outcome: LoggedIn | Denied, found: tuple[str, list[str]] | None) -> bool:
    if isinstance(outcome, Denied) or found is None:
        return isinstance(outcome, Denied) and found is None
    name, groups = found
    said = sorted(set(groups_of_login(outcome.username, outcome.groups)))
    return name == outcome.username and groups in (said, [])


def allows(index: RbacIndex, review: Review) -> bool:
    """The tool's answer to an access review. What it does not know, a cluster refuses."""
    asked = dict(review.attributes)
    request = AccessRequest(
        asked["verb"],
        asked.get("group", ""),
        asked.get("resource", ""),
        asked.get("subresource", ""),
        asked.get("namespace"),
        asked.get("name", ""),
        asked.get("path"),
    )
    if review.holder is None:
        if "system:masters" in review.groups:
            return True
        return index.allows(review.user, review.groups, request)[0]
    name, groups, policies = review.holder
    held = [AssociatedPolicy(POLICY + policy, scope) for policy, scope in policies]
    return bool(authorize(index, name, groups, held, request)[0])
