"""Gate 8: code that owns aws-auth would write it again after it is deleted, and a tool that owns an
entry would undo what the plan changed on it.

A waiver opens the gate as a whole. So all that it covers is named, whatever else closes the gate:
known writers, unknown ones, and what was not read, of aws-auth and of the entries. Where the waiver
names writers (``covers``), one that comes later closes the gate again.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from migrator.decide.reading.aws_auth_owners import AwsAuthWriters
from migrator.decide.reading.entry_owners import EntryReconcilers
from migrator.model.gate import GateState

QUESTION = "Does no infrastructure code own aws-auth, or an entry that the plan changed?"
_WAIVER = (
    "Then waive the gate by name in decisions.yaml: the waiver covers everything that is named "
    "here{names}."
)
_REMOVE = (
    "Remove aws-auth from that code first (`migrate generate terraform PLAN --out DIR` writes "
    "the removed blocks); the object keeps the sign of its writer."
)
_WHO = (
    "Find out what wrote aws-auth and is unknown: if it writes it again, remove aws-auth from it; "
    "a person or a script that has run once does not."
)
_LOOK = (
    "See who wrote aws-auth: kubectl -n kube-system get configmap aws-auth -o yaml "
    "--show-managed-fields."
)
_TAKE = (
    "Give the tool of each entry the entry as the plan has it (`migrate generate` writes the "
    "code), or remove the entry from it; the tag stays."
)
_WHOSE = (
    "Find out what set each unknown tag: if it writes the entry again, give it the entry as the "
    "plan has it, or remove the entry from it."
)
_READ = (
    "Allow eks:ListAccessEntries and eks:DescribeAccessEntry, so that the entries are read: "
    "`migrate doctor CLUSTER --policy cutover` prints the whole policy."
)

# Remedies of what a writer is named by; the others are of what was not read.
_OF_WRITERS = frozenset({_REMOVE, _WHO, _TAKE, _WHOSE})


class _Found(NamedTuple):
    """What closes the gate: whether it fails or leaves it unknown, the texts, and what to do."""

    state: GateState
    texts: tuple[str, ...]
    remedy: str


def judge_code(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> tuple[GateState, str, str]:
    """State, detail and remedy of the gate; the detail names all that a waiver would cover."""
    found = [each for each in (*_of_aws_auth(writers), *_of_entries(reconcilers)) if each.texts]
    if not found:
        return "pass", "no sign of any", ""
    state: GateState = "unknown"
    if any(each.state == "fail" for each in found):
        state = "fail"
    detail = "; ".join(text for each in found for text in each.texts)
    writers_named = named_writers(writers, reconcilers)
    names = ""
    if writers_named:
        # A list of JSON is one of YAML, too.
        names = f", its writers by covers: {json.dumps(writers_named)}"
    waiver = _WAIVER.format(names=names)
    return state, detail, " ".join((*(each.remedy for each in found), waiver))


def named_writers(
    writers: AwsAuthWriters | None, reconcilers: EntryReconcilers | None
) -> tuple[str, ...]:
    """The writers that the gate names, known and unknown, as its detail has them."""
    found = (*_of_aws_auth(writers), *_of_entries(reconcilers))
    return tuple(text for each in found if each.remedy in _OF_WRITERS for text in each.texts)


def not_covered(named: Iterable[str], covers: Iterable[str] | None) -> tuple[str, ...]:
    """What a waiver does not cover. Without ``covers`` it covers every writer, as waivers of before
    do; a status and the question of a cut-over name them all.
    """
    if covers is None:
        return ()
    covered = {_plain(each) for each in covers}
    return tuple(each for each in named if _plain(each) not in covered)


def _plain(text: str) -> str:
    """A text without what folding a line in YAML changes."""
    return " ".join(text.split())


def _of_aws_auth(writers: AwsAuthWriters | None) -> tuple[_Found, ...]:
    """What writes aws-auth, and that it does not tell."""
    silent = _Found("unknown", ("aws-auth does not tell who writes it",), _LOOK)
    if writers is None:
        return (silent,)
    # A writer that is on no list may be a controller: it is named, and a person decides.
    unknown = tuple(f"aws-auth: unknown ({each})" for each in writers.unknown)
    named = (_Found("fail", writers.owners, _REMOVE), _Found("unknown", unknown, _WHO))
    if writers.tells:
        return named
    further = _Found("unknown", ("aws-auth does not tell who else writes it",), _LOOK)
    return (*named, further)


def _of_entries(reconcilers: EntryReconcilers | None) -> tuple[_Found, ...]:
    """What writes entries again, and that they were not read."""
    if reconcilers is None:
        return (_Found("unknown", ("the entries were not read",), _READ),)
    return (
        _Found("fail", reconcilers.known, _TAKE),
        _Found("unknown", reconcilers.unknown, _WHOSE),
    )
