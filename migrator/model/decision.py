"""What a person decided: the content of decisions.yaml. An answer that matches nothing is an
error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from migrator.model.access_entry import AssociatedPolicy, EntryType
from migrator.model.moments import moment_of_text
from migrator.model.step import ProofClass


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person, by name, accepts something, for a reason, and until a date where one is given.

    ``covers``, of the waiver of a gate alone: what the gate names and the person answers for.
    """

    by: str
    reason: str
    until: str | None = None
    covers: tuple[str, ...] | None = None

    def ended(self, now: datetime) -> bool:
        """Whether its date has passed.

        It is valid to the end of that date, UTC; a text that is no date counts as one that has
        passed.
        """
        if self.until is None:
            return False
        try:
            end = moment_of_text(self.until)
        except ValueError:
            return True
        if len(self.until) == len("2026-11-22"):
            end += timedelta(days=1)
        # A person writes no zone: the date is one of UTC, as `now` is.
        if end.tzinfo is None:
            end = end.replace(tzinfo=now.tzinfo)
        return now >= end


@dataclass(frozen=True, slots=True)
class PrincipalAnswer:
    """The answer for one principal: skip it, or create this entry. None means: as the plan
    proposes.
    """

    action: Literal["skip", "create"]
    reason: str = ""
    principal_arn: str | None = None
    username: str | None = None
    groups: tuple[str, ...] | None = None
    policies: tuple[AssociatedPolicy, ...] | None = None
    type: EntryType | None = None


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """``rename_to``: the new name of a reserved group; ``also``: an ordinary group beside
    system:masters' policy.
    """

    rename_to: str | None = None
    also: str | None = None


@dataclass(frozen=True, slots=True)
class CreatorAnswer:
    """Who created the cluster, as a person says by name. It also accepts that the access policy of
    the entry which EKS makes for the creator stays on that entry, where the creator's row gave
    less.
    """

    arn: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AssumeAs:
    """How to become a principal for verification."""

    profile: str | None = None
    assume_role: str | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """All answers. Keys are as written in the file: ARNs, accounts, groups, gates, finding
    kinds.
    """

    accept_lost_sections: tuple[str, ...] = ()
    accept_loss: Mapping[str, Acceptance] = field(default_factory=dict)
    accept_gain: Mapping[str, Acceptance] = field(
        default_factory=dict
    )  # of log-ins; permissions are never gained
    accounts: Mapping[str, str] = field(
        default_factory=dict
    )  # account -> reason; the only action is skip
    principals: Mapping[str, PrincipalAnswer] = field(default_factory=dict)
    groups: Mapping[str, GroupAnswer] = field(default_factory=dict)
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    verify_as: Mapping[str, AssumeAs] = field(default_factory=dict)
    break_glass: str | None = None
    expand_accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waive_gates: Mapping[str, Acceptance] = field(default_factory=dict)
    proof_policy: Mapping[str, ProofClass] = field(default_factory=dict)
    creator: CreatorAnswer | None = None


NO_DECISIONS = Decisions()


@dataclass(frozen=True, slots=True)
class Stub:
    """An answer that could be given to a blocker: under ``section``, for ``key`` (an ARN, a group,
    an account).

    ``key`` None: the section itself holds the answer. ``about`` are lines for people, foreign text
    unescaped. ``choices`` are the numbers of the answers that this is part of: all stubs of one
    number are given together, and each number is an answer of its own.
    """

    section: str
    key: str | None
    answer: Any
    about: tuple[str, ...] = ()
    choices: tuple[int, ...] = (1,)
