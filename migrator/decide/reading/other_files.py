"""What a file is that is not aws-auth: people hand in what they have at hand, and a refusal that
names it says why it is of no use and what to hand in instead.

The names are for the message alone: nothing is read from such a file. Tables, one kind a line;
the first that fits is said.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from migrator.decide.reading.manifest_text import READ_THE_CLUSTER, FileDocument, find_template
from migrator.model.aws_auth import SECTIONS

_CODE_WRITES: Final = "what it makes of aws-auth is known only after it has run"
_RENDERED_FIRST: Final = "it has to be rendered first"
_FOR_PEOPLE: Final = "its layout is for people: the text that the authenticator reads is not in it"
_EKSCTL_JSON: Final = (
    f"{READ_THE_CLUSTER}; or: eksctl get iamidentitymapping --cluster NAME --region REGION -o json"
)
_MANAGED_ELSEWHERE: Final = "the object that it makes, not this file, is what the API server holds"


class OtherFile(NamedTuple):
    """What a file is: the error's code, what it says, why the file is not read, what to do."""

    code: str
    what: str
    why: str
    remedy: str = READ_THE_CLUSTER


class _ByText(NamedTuple):
    """A kind of file that its text gives away."""

    pattern: re.Pattern[str]
    file: OtherFile


def _text(
    pattern: str,
    what: str,
    why: str,
    remedy: str = READ_THE_CLUSTER,
) -> _ByText:
    return _ByText(re.compile(pattern, re.M), OtherFile("manifest-not-aws-auth", what, why, remedy))


# kubectl's describer has the name at the top, and a ruler under each key of the data.
DESCRIBED: Final = _text(
    r"\A\s*Name:[ \t]+\S+[ \t]*\r?\n(?s:.*?)^Data[ \t]*\r?\n====[ \t]*\r?$",
    "the file is what `kubectl describe configmap` prints, and not the ConfigMap",
    _FOR_PEOPLE,
)
_BY_TEXT: Final = (
    DESCRIBED,
    _text(
        r"\A\s*\Z", "the file is empty", "a command that fails leaves an empty file behind its `>`"
    ),
    _text(
        r"\A\s*(?:Error from server|error: |Unable to connect|The connection to the server)",
        "the file is an error message of kubectl, and not the ConfigMap",
        "the command that should have written it failed",
    ),
    _text(
        r"\A\s*An error occurred \(\w+\) when calling",
        "the file is an error message of the AWS CLI, and not the ConfigMap",
        "the command that should have written it failed",
    ),
    _text(
        r"\A\s*(?i:<!doctype html|<html\b)",
        "the file is a web page, and not the ConfigMap",
        "a proxy or a login page answered instead of the server",
    ),
    _text(
        r"\A\s*NAME[ \t]+DATA[ \t]+AGE",
        "the file is the table that `kubectl get configmap` prints, and not the ConfigMap",
        _FOR_PEOPLE,
    ),
    _text(
        r"\A(?:\d{4}-\d\d-\d\d.*\n|\[.{1,4}\].*\n)*\s*ARN[ \t]+USERNAME[ \t]+GROUPS",
        "the file is the table of `eksctl get iamidentitymapping`, which cuts names off",
        _FOR_PEOPLE,
        _EKSCTL_JSON,
    ),
    _text(
        r'^[ \t]*(?:resource|data)[ \t]+"[\w-]+"[ \t]+"[\w-]+"[ \t]*\{'
        r'|^[ \t]*(?:module|variable|output|provider)[ \t]+"[\w-]+"[ \t]*\{'
        r"|^[ \t]*(?:locals|terraform)[ \t]*\{",
        "the file is Terraform code, and not the ConfigMap",
        _CODE_WRITES,
    ),
    _text(
        r"^[ \t]*(?:aws_auth_(?:roles|users|accounts)|map_(?:roles|users|accounts|"
        r"additional_iam_\w+))[ \t]*=[ \t]*[\[{]",
        "the file is Terraform variables (HCL), and not the ConfigMap",
        _CODE_WRITES,
    ),
    _ByText(
        re.compile(r"\{\{-?[ \t]*(?:\.Values|\.Release|include|range|if|toYaml|tpl)\b", re.M),
        OtherFile("manifest-template", "the file is a template of a Helm chart", _RENDERED_FIRST),
    ),
    _text(
        r"^[ \t]*(?:import|from)[ \t].*(?:aws[-_]cdk|pulumi)"
        r"|\b(?:addRoleMapping|addUserMapping|addMastersRole|add_role_mapping|add_masters_role)\(",
        "the file is a program for CDK or Pulumi, and not the ConfigMap",
        _CODE_WRITES,
    ),
    _text(r"\A#!", "the file is a script, and not the ConfigMap", _CODE_WRITES),
)

# Marks of a document, all of which it has: keys at its top, keys one level below with a dot, and
# `[]` for each item of a list.
_BY_MARKS: Final[tuple[tuple[frozenset[str], OtherFile], ...]] = tuple(
    (frozenset(marks.split()), OtherFile("manifest-not-aws-auth", what, why, remedy))
    for marks, what, why, remedy in (
        (
            "format takenAt configMap",
            "the file is a snapshot of migrate, and not the ConfigMap",
            "a snapshot has more than the ConfigMap, and is planned from as it is",
            "migrate plan --snapshot FILE",
        ),
        (
            "format planDigest",
            "the file is a plan of migrate, and not the ConfigMap",
            "a plan is made from a ConfigMap, and not the other way round",
            "migrate show FILE",
        ),
        (
            "terraform_version lineage",
            "the file is a Terraform state, and not the ConfigMap",
            "it says what Terraform wrote last, and other programs write aws-auth too",
            READ_THE_CLUSTER,
        ),
        (
            "format_version terraform_version",
            "the file is a Terraform plan in JSON, and not the ConfigMap",
            _CODE_WRITES,
            f"{READ_THE_CLUSTER}; to check a Terraform plan: migrate generate terraform PLAN "
            "--out DIR --check FILE",
        ),
        (
            "Resources",
            "the file is a CloudFormation template (as CDK writes it), and not the ConfigMap",
            _CODE_WRITES,
            READ_THE_CLUSTER,
        ),
        (
            "deployment version",
            "the file is a state of Pulumi, and not the ConfigMap",
            "it says what Pulumi wrote last, and other programs write aws-auth too",
            READ_THE_CLUSTER,
        ),
        (
            "accessEntries",
            "the file is what `aws eks list-access-entries` prints, and not the ConfigMap",
            "access entries are what aws-auth is replaced by",
            READ_THE_CLUSTER,
        ),
        (
            "cluster.arn cluster.name",
            "the file is what `aws eks describe-cluster` prints, and not the ConfigMap",
            "EKS does not print aws-auth: the API server of the cluster does",
            READ_THE_CLUSTER,
        ),
        (
            "module module.*",
            "the file is Terraform code in JSON, and not the ConfigMap",
            _CODE_WRITES,
            READ_THE_CLUSTER,
        ),
        (
            "resource resource.*",
            "the file is Terraform code in JSON, and not the ConfigMap",
            _CODE_WRITES,
            READ_THE_CLUSTER,
        ),
        (
            "[].op [].path",
            "the file is a JSON patch, as Kustomize and `kubectl patch` take it",
            _MANAGED_ELSEWHERE,
            READ_THE_CLUSTER,
        ),
        (
            "[].hosts [].tasks",
            "the file is a playbook of Ansible, and not the ConfigMap",
            _MANAGED_ELSEWHERE,
            READ_THE_CLUSTER,
        ),
    )
)
_KINDS: Final = {
    "Kustomization": "a Kustomization",
    "HelmRelease": "a HelmRelease of Flux",
    "Application": "an Application of Argo CD",
    "ApplicationSet": "an ApplicationSet of Argo CD",
    "Object": "an Object of Crossplane",
    "AWSManagedControlPlane": "a control plane of Cluster API",
    "IAMIdentityMapping": "a mapping for the authenticator's CRD backend, which EKS does not use",
}
# Keys under which programs keep the rows of aws-auth.
_ROWS: Final = frozenset(
    {
        *SECTIONS,
        "aws_auth_roles",
        "aws_auth_users",
        "aws_auth_accounts",
        "map_roles",
        "map_users",
        "map_accounts",
        "roleMappings",
        "userMappings",
    }
)
_MAX_SHOWN: Final = 60


def unparseable(text: str) -> OtherFile | None:
    """What the file is that is neither YAML nor JSON; None where nothing gives it away."""
    named = by_text(text)
    if named is not None:
        return named
    template = find_template(text)
    if template is None:
        return None
    return OtherFile("manifest-template", f"the file still holds {template}", _RENDERED_FIRST)


def by_text(text: str) -> OtherFile | None:
    """What the text gives away."""
    for kind in _BY_TEXT:
        if kind.pattern.search(text):
            return kind.file
    return None


def other_file(text: str, found: Sequence[FileDocument]) -> OtherFile:
    """What the file is whose documents hold no ConfigMap."""
    named = by_text(text)
    if named is not None:
        return named
    for document in found:
        named = _by_marks(document.value) or _by_place(document.value)
        if named is not None:
            return named
    return _by_kinds(found)


def _by_marks(value: object) -> OtherFile | None:
    """What the keys of one document give away."""
    if value == []:
        why = "eksctl prints an empty list where aws-auth has no rows: there is nothing to plan"
        return OtherFile("manifest-not-aws-auth", "the file is an empty list", why)
    has = _marks(value)
    for marks, file in _BY_MARKS:
        if marks <= has:
            return file
    return None


def _marks(value: object) -> set[str]:
    """The keys of a document, those one level below as ``cluster.arn`` and, for any, ``cluster.*``;
    those of the items of a list as ``[].op``.
    """
    found: set[str] = set()
    for name, child in _children(value):
        found.add(name)
        below = {f"{name}.{key}" for key, _ in _children(child)}
        if below:
            found |= {*below, f"{name}.*"}
    return found


def _by_place(value: object) -> OtherFile | None:
    """A document that has rows of aws-auth, or the object itself, inside something else."""
    # Long lists are no values of a program, and to walk them takes time.
    if not isinstance(value, dict):
        return None
    place = next(_places_of_rows(value), None)
    if place is None:
        return None
    what = f"the file is values (of a Helm chart, or for another program) with rows at {place}"
    why = _MANAGED_ELSEWHERE
    kind = value.get("kind")
    if isinstance(kind, str):
        name = _KINDS.get(kind, f"an object of kind {kind[:_MAX_SHOWN]}")
        what = f"aws-auth is inside {name}, at {place}"
    elif place in SECTIONS:
        what = f"the file has {place} alone, without the object around it"
        why = "data of aws-auth, values of a Helm chart and variables of Terraform look like this"
    return OtherFile("manifest-not-aws-auth", what, why)


def _by_kinds(found: Sequence[FileDocument]) -> OtherFile:
    """A file of other objects, or of no objects at all."""
    kinds = [document.value.get("kind") for document in found if isinstance(document.value, dict)]
    names = {_KINDS.get(kind, kind[:_MAX_SHOWN]) for kind in kinds if isinstance(kind, str)}
    what = ", but ".join(filter(None, ("the file holds no ConfigMap", ", ".join(sorted(names)))))
    return OtherFile(
        "manifest-not-aws-auth",
        what,
        "aws-auth is the ConfigMap of that name in kube-system",
    )


def _places_of_rows(value: object) -> Iterator[str]:
    """Where in a document rows of aws-auth are, or the whole object, as ``spec.values.mapRoles``.
    The places that are nearest to the top come first.
    """
    # Each collection once: aliases share them.
    seen: set[int] = set()
    waiting: deque[tuple[str, Any]] = deque([("", value)])
    while waiting:
        place, found = waiting.popleft()
        if id(found) in seen:
            continue
        seen.add(id(found))
        for name, child in _children(found):
            here = f"{place}.{name}".lstrip(".")[:_MAX_SHOWN]
            if name in _ROWS or _is_aws_auth(child):
                yield here
            if isinstance(child, dict | list):
                waiting.append((here, child))


def _children(value: object) -> Iterable[tuple[str, Any]]:
    """The members of an object by name, the items of a list as ``[]``."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        return [("[]", item) for item in value]
    return ()


def _is_aws_auth(value: object) -> bool:
    """Whether a value is the ConfigMap aws-auth, as an object inside another."""
    if not isinstance(value, dict):
        return False
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return False
    return (value.get("kind"), metadata.get("name")) == ("ConfigMap", "aws-auth")
