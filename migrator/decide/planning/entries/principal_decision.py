"""The action for one principal, with everything that plan, steps and explanations are made of."""

from dataclasses import dataclass

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.model.access_entry import EntrySpec, Identity
from migrator.model.plan import AccessChange, Action
from migrator.model.step import CreateBinding

_NO_CHANGE = AccessChange()


@dataclass(frozen=True, slots=True)
class PrincipalDecision:
    """The action for one principal. ``after`` is None where it is not known (a block without a best
    answer).

    ``entry`` is what will exist; for ``await`` what EKS makes, and ``update`` what that becomes.
    """

    candidate: CandidatePrincipal
    action: Action
    before: Identity
    after: Identity | None
    entry: EntrySpec | None = None
    proposed: EntrySpec | None = None
    update: EntrySpec | None = None
    notes: tuple[DraftFinding, ...] = ()
    bindings: tuple[CreateBinding, ...] = ()
    access: AccessChange = _NO_CHANGE
