"""Mappings in the forms of eksctl, as the rows of aws-auth that they mean.

Two forms: the ``iamIdentityMappings`` of a ClusterConfig, which is what a team declares, and the
output of ``eksctl get iamidentitymapping -o json`` or ``-o yaml``, which is what was in the map.
Rules of eksctl main (2026-08): ``pkg/apis/eksctl.io/v1alpha5/identitymapping.go`` (what a mapping
may have), ``pkg/actions/iamidentitymapping/create.go`` (duplicates), ``pkg/iam/mapping.go`` (role
or user, the fields that are printed), ``pkg/authconfigmap`` (the rows; ``emr-containers``).

What eksctl would refuse is refused: rows that it never wrote are in no cluster.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, NamedTuple, NoReturn

from migrator.decide.reading.manifest_text import find_template, refuse_file
from migrator.model.aws_auth import Section
from migrator.model.files.eksctl_mappings import DeclaredMapping, PrintedMapping, mapping_of
from migrator.model.files.yaml_text import yaml_text
from migrator.model.principal import Arn

_API_GROUP: Final = "eksctl.io/"
_CONFIG_KIND: Final = "ClusterConfig"
_PRINTED_FIELDS: Final = frozenset({"rolearn", "userarn", "username", "groups", "account"})
# The one service that eksctl knows: its service-linked role, written without the path, and its
# username (pkg/authconfigmap/service_access.go).
_SERVICES: Final = {"emr-containers": "AWSServiceRoleForAmazonEMRContainers"}
# The resource of an ARN: which section eksctl puts its row into.
_SECTIONS: Final[Mapping[str, Section]] = {"role": "mapRoles", "user": "mapUsers"}
_NUMBERS: Final = "numbers of rows and lines are those of aws-auth, not of the file"
_ARN_PARTS: Final = 6
_ACCOUNT_DIGITS: Final = 12
_MAX_SHOWN: Final = 60


class RowsRead(NamedTuple):
    """``data`` of the ConfigMap that the mappings mean, and what a person has to know of the
    reading, a line each.
    """

    data: dict[str, str]
    said: tuple[str, ...]


class _Row(NamedTuple):
    """One row of mapRoles or mapUsers."""

    section: Section
    arn: str
    username: str
    groups: tuple[str, ...]

    def same(self) -> tuple[object, ...]:
        """What eksctl compares: the order of groups does not count (CompareIdentity)."""
        return (self.section, self.arn, self.username, sorted(self.groups))

    def fields(self) -> dict[str, Any]:
        """The row as it is written: empty fields are left out."""
        names = {"mapRoles": "rolearn", "mapUsers": "userarn"}
        found = {
            names[self.section]: self.arn,
            "username": self.username,
            "groups": list(self.groups),
        }
        return {name: value for name, value in found.items() if value}


@dataclass(slots=True)
class _Rows:
    """Rows as eksctl puts them together, one mapping behind another."""

    rows: list[_Row] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)

    def in_order(self) -> list[_Row]:
        """Rows of roles, then those of users, as eksctl lists them."""
        return sorted(self.rows, key=lambda row: row.section)

    def sections(self) -> dict[Section, list[Any]]:
        """What each section holds. Accounts are sorted, and each is there once (AddAccount)."""
        return {
            "mapRoles": [row.fields() for row in self.rows if row.section == "mapRoles"],
            "mapUsers": [row.fields() for row in self.rows if row.section == "mapUsers"],
            "mapAccounts": sorted(self.accounts),
        }

    def read(self, *said: str) -> RowsRead:
        """The data as YAML; ``{}`` in what is said is replaced by the counts of the rows."""
        sections = self.sections()
        counts = {section: len(items) for section, items in sections.items()}
        counted = (
            f"{counts['mapRoles']} rows of mapRoles, {counts['mapUsers']} of mapUsers and "
            f"{counts['mapAccounts']} of mapAccounts"
        )
        data: dict[str, str] = {
            section: yaml_text(items) for section, items in sections.items() if items
        }
        return RowsRead(data, tuple(line.replace("{}", counted) for line in said if line))


def is_cluster_config(value: object) -> bool:
    """Whether a document is a ClusterConfig of eksctl."""
    if not isinstance(value, dict):
        return False
    if value.get("kind") != _CONFIG_KIND:
        return False
    return str(value.get("apiVersion", "")).startswith(_API_GROUP)


def is_printed(value: object) -> bool:
    """Whether a document is a list of mappings as ``eksctl get iamidentitymapping`` prints it."""
    if not isinstance(value, list):
        return False
    # An empty list says nothing of what it is.
    return bool(value) and all(map(_is_printed_item, value))


def _is_printed_item(item: object) -> bool:
    """A mapping, or an account number: eksctl printed those as texts before they had a type."""
    if isinstance(item, dict):
        return not _PRINTED_FIELDS.isdisjoint(item)
    return _is_account(item)


def rows_of_config(config: Mapping[str, Any], cluster: Arn) -> RowsRead:
    """The rows that eksctl writes into an empty aws-auth for a ClusterConfig. ``cluster``: the
    cluster's ARN, whose name and Region must be those of the file.

    Raises Failed ``manifest-eksctl`` and ``manifest-template``.
    """
    _refuse_other_cluster(config, cluster)
    mappings = config.get("iamIdentityMappings")
    if not isinstance(mappings, list) or not mappings:
        _refuse(
            "the ClusterConfig has no iamIdentityMappings",
            "eksctl writes rows for people and pipelines from these alone",
        )
    rows = _Rows()
    skipped: list[str] = []
    for index, item in enumerate(mappings):
        place = f"iamIdentityMappings[{index}]"
        mapping = mapping_of(item, DeclaredMapping, place)
        _refuse_template(mapping.texts, place)
        _refuse_what_eksctl_refuses(mapping, place)
        if not _add(rows, mapping, place, cluster):
            skipped.append(place)
    left_out = ""
    if skipped:
        left_out = f"{', '.join(skipped)}: eksctl skips it, the same mapping is there already"
    return rows.read(
        f"read as an eksctl ClusterConfig: {len(mappings)} iamIdentityMappings give {{}}, as "
        "eksctl writes them into an empty aws-auth",
        left_out,
        "this is what was declared, and not what is in force: rows of node groups"
        f"{_node_groups(config)}, of other programs and of later edits are not in the file",
        _access_config(config),
        _NUMBERS,
    )


def _access_config(config: Mapping[str, Any]) -> str:
    """What the file declares of mode and access entries, which a first look takes from no file:
    eksctl sets them when it creates a cluster, and they may be others since.
    """
    access = config.get("accessConfig")
    if not isinstance(access, dict) or not access:
        return ""
    mode = access.get("authenticationMode")
    entries = access.get("accessEntries")
    count = len(entries) if isinstance(entries, list) else 0
    declared = f"mode {str(mode)[:_MAX_SHOWN]}" if mode else "no mode"
    return (
        f"accessConfig was not used ({declared}, {count} access entries): the plan is for a "
        "cluster in the mode CONFIG_MAP without access entries"
    )


def _node_groups(config: Mapping[str, Any]) -> str:
    """The node groups of the file by name: eksctl or EKS writes a row for the role of each."""
    lists = (config.get("nodeGroups"), config.get("managedNodeGroups"))
    groups = chain.from_iterable(found for found in lists if isinstance(found, list))
    names = [
        str(group["name"])[:_MAX_SHOWN]
        for group in groups
        if isinstance(group, dict) and "name" in group
    ]
    return f" ({', '.join(names)})" * bool(names)


def _refuse_other_cluster(config: Mapping[str, Any], cluster: Arn) -> None:
    """Raises Failed where the file is for a cluster of another name or Region."""
    metadata = config.get("metadata")
    if not isinstance(metadata, dict):
        _refuse(
            "the ClusterConfig has no metadata",
            "eksctl takes the cluster's name and Region from it",
        )
    wanted = {
        "name": cluster.resource.removeprefix("cluster/"),
        "region": cluster.region,
    }
    for key, value in wanted.items():
        said = str(metadata.get(key))[:_MAX_SHOWN]
        _refuse_template((said,), f"metadata.{key}")
        if said != value:
            _refuse(
                f"metadata.{key} of the ClusterConfig is {said}, and that of --cluster-arn {value}",
                "rows of one cluster say nothing of another",
            )


# When eksctl ends with an error (IAMIdentityMapping.Validate, NewIdentity), and why.
_REFUSED: Final[tuple[tuple[Callable[[DeclaredMapping], object], str], ...]] = (
    (
        lambda m: m.service and m.arn and m.username and m.groups,
        "arn, username and groups do not go with serviceName",
    ),
    (lambda m: m.service and not m.namespace, "serviceName needs a namespace"),
    (lambda m: m.namespace and not m.service, "namespace needs a serviceName"),
    (
        lambda m: m.account and (m.arn or m.username or m.groups or m.service),
        "account goes with no other field",
    ),
    (
        lambda m: m.service and m.service not in _SERVICES,
        "emr-containers is the only service that eksctl knows",
    ),
    (lambda m: not (m.service or m.account or m.arn), "it has no arn"),
    (
        lambda m: not (m.service or m.account or m.username or m.groups),
        "it has neither a username nor groups",
    ),
    (
        lambda m: not (m.service or m.account or _section(m.arn or "")),
        "its arn is of neither a role nor a user",
    ),
)


def _refuse_what_eksctl_refuses(mapping: DeclaredMapping, place: str) -> None:
    """Raises Failed where eksctl ends with an error."""
    for is_refused, why in _REFUSED:
        if is_refused(mapping):
            _refuse(f"eksctl would refuse {place}", why)


def _section(arn: str) -> Section | None:
    """Which section eksctl puts an ARN into, by its resource alone."""
    parts = arn.split(":", _ARN_PARTS - 1)
    # aws-sdk-go, arn.Parse: the prefix and the number of parts, nothing else.
    if len(parts) < _ARN_PARTS or parts[0] != "arn":
        return None
    return _SECTIONS.get(parts[-1].partition("/")[0])


def _add(
    rows: _Rows,
    mapping: DeclaredMapping,
    place: str,
    cluster: Arn,
) -> bool:
    """Add what eksctl adds for a mapping; False where it finds the same one and skips it.

    Raises Failed where eksctl ends with an error over a duplicate.
    """
    if mapping.account:
        rows.accounts.add(mapping.account)
        return True
    row = _row_of(mapping, cluster)
    # A service is looked for by role and username; other mappings only where the file says so.
    wanted_once = bool(mapping.service or mapping.no_duplicates)
    if wanted_once and _is_there(rows.in_order(), row, place):
        return False
    rows.rows.append(row)
    return True


def _row_of(mapping: DeclaredMapping, cluster: Arn) -> _Row:
    """The row of a mapping of a principal or a service."""
    if mapping.service:
        role = f"arn:{cluster.partition}:iam::{cluster.account}:role/{_SERVICES[mapping.service]}"
        return _Row("mapRoles", role, mapping.service, ())
    arn = mapping.arn or ""
    return _Row(
        _section(arn) or "mapRoles",
        arn,
        mapping.username or "",
        mapping.groups or (),
    )


def _is_there(present: Iterable[_Row], row: _Row, place: str) -> bool:
    """Whether the same mapping is there. Each in turn, as eksctl looks: an equal one behind one
    with the same ARN and another username is found too late.

    Raises Failed for the same ARN with another identity.
    """
    for each in present:
        if each.same() == row.same():
            return True
        if each.arn == row.arn:
            _refuse(
                f"eksctl would refuse {place}",
                "a mapping before it has the same arn, and it has noDuplicateARNs",
            )
    return False


def rows_as_printed(lists: Sequence[Sequence[Any]]) -> RowsRead:
    """The rows that ``eksctl get iamidentitymapping`` printed, in its order.

    Raises Failed ``manifest-eksctl`` and ``manifest-template``.
    """
    rows = _Rows()
    for index, item in enumerate(chain.from_iterable(lists)):
        if isinstance(item, str):
            rows.accounts.add(item)
            continue
        place = f"[{index}]"
        mapping = mapping_of(item, PrintedMapping, place)
        _refuse_template(mapping.texts, place)
        _add_printed(rows, mapping, place)
    return rows.read(
        "read as the output of eksctl get iamidentitymapping: {}",
        "this is what eksctl saw when it printed it; what it leaves out (other keys of the map, "
        "with --arn all other rows) is not in the file",
        _NUMBERS,
    )


def _add_printed(rows: _Rows, mapping: PrintedMapping, place: str) -> None:
    """Add one mapping as it was printed."""
    arns = list(filter(None, (mapping.rolearn, mapping.userarn, mapping.account)))
    if len(arns) > 1:
        _refuse(
            f"{place} has two of rolearn, userarn and account",
            "eksctl get iamidentitymapping prints one",
        )
    if mapping.account:
        rows.accounts.add(mapping.account)
        return
    # A row without an ARN is printed without one, and read as one.
    section: Section = "mapUsers" if mapping.userarn else "mapRoles"
    arn = "".join(arns)
    rows.rows.append(_Row(section, arn, mapping.username or "", mapping.groups or ()))


def _is_account(value: object) -> bool:
    """Whether a value is an account number as text."""
    if not isinstance(value, str):
        return False
    # Python's isdigit takes the digits of every script.
    return len(value) == _ACCOUNT_DIGITS and value.isascii() and value.isdigit()


def _refuse_template(texts: Iterable[str], place: str) -> None:
    """Raises Failed where a text is still to be filled by some tool."""
    template = find_template("\n".join(texts))
    if template:
        refuse_file(
            "manifest-template",
            f"{place} still holds {template}",
            "it has to be rendered first",
        )


def _refuse(message: str, why: str) -> NoReturn:
    """Raise Failed for a mapping that eksctl refuses, or a file of another cluster."""
    refuse_file(
        "manifest-eksctl",
        message,
        why,
    )
