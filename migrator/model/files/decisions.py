"""decisions.yaml: the loaded document to :class:`~migrator.model.decision.Decisions`.

The caller reads the file and keeps its text; here a mapping is checked: unknown keys and wrong
types are refused. Whether an answer fits the cluster is judged in ``decide``.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from migrator.errors import Failed
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntryType
from migrator.model.decision import Decisions, PrincipalAnswer
from migrator.model.files import wire

_STUB = re.compile(r"<.*>", re.S)  # what migrate plan --write-decisions leaves to a person


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Base: a misspelt key must not be an answer that silently does nothing."""


def _filled_in(**texts: str) -> None:
    """Raises ``ValueError`` for a text that says nothing: blank, or still a stub's ``<your name>``.

    ``texts`` are fields by their name in the file, which the error names.
    """
    for name, text in texts.items():
        if not text.strip() or _STUB.fullmatch(text):
            raise ValueError(f"{name} says nothing: {text!r}")


def _no_stubs(**texts: str | None) -> None:
    """Raises ``ValueError`` for a text that is still a stub, or an ARN with ``<path>`` in it.

    All may be left out.
    """
    for name, text in texts.items():
        if text is None:
            continue
        if _is_stub(text):
            raise ValueError(f"{name} still has a place to fill in: {text!r}")


def _is_stub(text: str) -> bool:
    """Whether a text still has a place that a person must fill in."""
    # Angle brackets can be part of a name, but not of an ARN.
    if text.startswith("arn:"):
        return _STUB.search(text) is not None
    return _STUB.fullmatch(text) is not None


class _Acceptance(_Strict):
    by: str
    reason: str
    until: str | None = None

    def __post_init__(self) -> None:
        _filled_in(by=self.by, reason=self.reason)


class _Waiver(_Acceptance):
    # what the gate names, word for word: what it names later closes it again
    covers: list[str] | None = None


class _AccountAnswer(_Strict):
    action: Literal["skip"]
    reason: str

    def __post_init__(self) -> None:
        _filled_in(reason=self.reason)


class _Policy(_Strict):
    policy: str
    namespaces: list[str] = []


class _PrincipalAnswer(_Strict):
    action: Literal["skip", "create"]
    reason: str = ""
    principal_arn: str | None = None
    username: str | None = None
    groups: list[str] | None = None
    policies: list[_Policy] | None = None
    type: EntryType | None = None

    def __post_init__(self) -> None:
        _no_stubs(reason=self.reason, principal_arn=self.principal_arn, username=self.username)
        for group in self.groups or ():
            _no_stubs(groups=group)


class _Creator(_Strict):
    arn: str
    by: str
    reason: str

    def __post_init__(self) -> None:
        _filled_in(by=self.by, reason=self.reason)
        _no_stubs(arn=self.arn)


class _GroupAnswer(_Strict):
    rename_to: str | None = None
    also: str | None = None


class _AssumeAs(_Strict):
    profile: str | None = None
    assume_role: str | None = None


class DecisionsDocument(_Strict):
    """decisions.yaml as a whole. Every key is optional."""

    accept_lost_sections: list[Literal["mapRoles", "mapUsers", "mapAccounts"]] = []
    accept_loss: dict[str, _Acceptance] = {}
    accept_gain: dict[str, _Acceptance] = {}
    accounts: dict[str, _AccountAnswer] = {}
    principals: dict[str, _PrincipalAnswer] = {}
    groups: dict[str, _GroupAnswer] = {}
    waive_verification: dict[str, _Acceptance] = {}
    verify_as: dict[str, _AssumeAs] = {}
    break_glass: str | None = None
    expand_accounts: dict[str, list[str]] = {}
    waive_gates: dict[str, _Waiver] = {}
    # what can be asked for: a person's word goes to waive_verification, and unverified is nothing
    proof_policy: dict[str, Literal["live", "observed", "simulated"]] = {}
    creator: _Creator | None = None

    def __post_init__(self) -> None:
        for arns in self.expand_accounts.values():
            for arn in arns:
                _no_stubs(expand_accounts=arn)


def decode_decisions(document: Mapping[str, Any] | None) -> Decisions:
    """The answers in a loaded decisions.yaml; an empty file (None) answers nothing.

    An account number without quotes is a number to YAML; its leading zeros are put back. Whether an
    answer fits the cluster is not looked at here.

    Raises ``Failed`` ``decisions-malformed`` naming the field.
    """
    if document is not None and not isinstance(document, Mapping):
        raise Failed(
            "decisions-malformed",
            "The decisions file is malformed.",
            why=f"It holds a {type(document).__name__}, not sections with answers.",
            remedy="Begin with sections such as `principals:` and `accept_loss:`.",
        )
    try:
        answers = wire.convert(_with_text_accounts(document or {}), DecisionsDocument)
    except msgspec.ValidationError as error:
        raise Failed(
            "decisions-malformed",
            "The decisions file is malformed.",
            why=str(error),
            remedy="Correct that field; `migrate plan CLUSTER --write-decisions FILE` writes "
            "stubs with the right shape.",
        ) from error
    return wire.model_with(
        answers,
        Decisions,
        # The one action for an account is to skip it: what is left of the answer is the reason.
        accounts={account: each.reason for account, each in answers.accounts.items()},
        principals={arn: _principal(each) for arn, each in answers.principals.items()},
    )


def _with_text_accounts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Account numbers as twelve digits of text, dates as text.

    These are the two things that YAML does not leave alone.
    """
    plain: dict[str, Any] = {}
    for key, value in document.items():
        # A section with nothing but comments under it answers nothing.
        if value is not None:
            plain[str(key)] = _plain(value)
    for section in ("accounts", "expand_accounts"):
        answers = plain.get(section)
        # Another type is refused with the rest of the document's faults.
        if not isinstance(answers, dict):
            continue
        plain[section] = {_account_number(key): answer for key, answer in answers.items()}
    return plain


def _account_number(key: str) -> str:
    """An account as twelve digits: YAML reads a number without quotes without its leading zeros."""
    # What is no number of an account is refused later, as it was written.
    if not key.isdigit():
        return key
    return key.zfill(12)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """A value of the YAML library as plain JSON values.

    Recursion is as deep as the document, which was read with a bound on its nesting.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return value
    # Texts of the YAML library carry their style; dates and the like become text.
    return str(value)


def _principal(answer: _PrincipalAnswer) -> PrincipalAnswer:
    """The answer for one principal. A list that is left out is None, an empty one means none."""
    policies = None
    if answer.policies is not None:
        policies = tuple(map(_policy, answer.policies))
    return wire.model_with(answer, PrincipalAnswer, policies=policies)


def _policy(value: _Policy) -> AssociatedPolicy:
    """A policy by name or ARN; without namespaces its scope is the whole cluster.

    The plan puts a bare name into the cluster's partition.
    """
    if not value.namespaces:
        return AssociatedPolicy(value.policy)
    # Sorted as EKS's own answers are, so that two equal scopes are equal values.
    namespaces = tuple(sorted(set(value.namespaces)))
    return AssociatedPolicy(value.policy, AccessScope("namespace", namespaces))
