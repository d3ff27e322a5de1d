"""Generated Terraform read back: with python-hcl2 and the escapes of the HCL specification, and by
terraform itself, which evaluates locals without any provider.
"""

import base64
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

import hcl2
import pytest

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import MODULE_VERSIONS, CodeKind, ModuleVersion

# Each style with the version of its module.
STYLES: tuple[tuple[CodeKind, ModuleVersion | None], ...] = (
    ("terraform", None),
    *((kind, version) for kind, versions in MODULE_VERSIONS.items() for version in versions),
)
# HCL native syntax specification, "Template Expressions".
_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[nrt"\\])|([$%])\2\{')
_SHORT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_REFERENCE = re.compile(r'\$\{local\.(\w+)(?:\.(\w+)|\[(".*")\])?\}')


def unescaped(text: str) -> str:
    """What the inside of a quoted HCL string evaluates to."""

    def evaluate(match: re.Match[str]) -> str:
        escape, sign = match.groups()
        if sign:
            return f"{sign}{{"
        return _SHORT.get(escape) or chr(int(escape[1:], 16))

    return _ESCAPE.sub(evaluate, text)


@cache
def read(text: str) -> dict[str, Any]:
    """The document: strings evaluated, references to locals replaced by their values."""
    # python-hcl2 takes the second sign of $${ for the start of a template that has to end.
    found = hcl2.loads(re.sub(r"([$%])\1\{", lambda sign: f"\\u{ord(sign[1]):04x}{{", text))
    known: dict[str, Any] = {}
    for block in found.get("locals", []):
        for name, value in block.items():
            if not name.startswith("__"):
                known[name] = _value(value, known)
    document: dict[str, Any] = _value(found, known)
    return document


def _value(value: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - any HCL value
    if isinstance(value, list):
        return [_value(item, known) for item in value]
    if isinstance(value, dict):
        members = ((key, item) for key, item in value.items() if not key.startswith("__"))
        return {_value(key, known): _value(item, known) for key, item in members}
    if not isinstance(value, str):
        return value
    if value.startswith('"'):
        return unescaped(value[1:-1])
    reference = _REFERENCE.fullmatch(value)
    if reference is None:
        return value
    name, member, quoted = reference.groups()
    of = known[name]
    return of[member or unescaped(quoted[1:-1])] if member or quoted else of


def resources(text: str, kind: str) -> dict[str, Any]:
    """Name -> attributes of the resources of one type."""
    found: dict[str, Any] = {}
    for block in read(text).get("resource", []):
        for name, attributes in block.get(kind, {}).items():
            assert name not in found
            found[name] = attributes
    return found


def raw_entries(text: str) -> dict[str, EntrySpec]:
    """The entries that raw resources describe, by principal."""
    policies: dict[str, list[AssociatedPolicy]] = {}
    for attributes in resources(text, "aws_eks_access_policy_association").values():
        owner = attributes["principal_arn"].split(".")[1]
        associated = _associated(attributes["policy_arn"], attributes["access_scope"][0])
        policies.setdefault(owner, []).append(associated)
    return {
        attributes["principal_arn"]: _spec(attributes, tuple(policies.get(name, ())))
        for name, attributes in resources(text, "aws_eks_access_entry").items()
    }


def module_entries(text: str) -> dict[str, EntrySpec]:
    """The entries that the maps and lists of a module describe, by principal."""
    found: dict[str, Any] = {}
    for block in read(text).get("locals", []):
        found |= block
    return entries_of_locals(found)


def entries_of_locals(found: dict[str, Any]) -> dict[str, EntrySpec]:
    """The same from values: of terraform-aws-modules/eks, or of cloudposse/eks-cluster."""
    entries: dict[str, EntrySpec] = {}
    for entry in found.get("access_entries", {}).values():
        policies = entry.get("policy_associations", {}).values()
        given = tuple(_associated(each["policy_arn"], each["access_scope"]) for each in policies)
        entries[entry["principal_arn"]] = _spec(entry, given)
    for arn, entry in found.get("access_entry_map", {}).items():
        policies = entry.get("access_policy_associations", {}).items()
        given = tuple(_associated(name, each["access_scope"]) for name, each in policies)
        entries[arn] = _spec(entry, given)
    for kind, arns in found.get("access_entries_for_nodes", {}).items():
        entries |= {arn: EntrySpec(kind) for arn in arns}
    return entries


def _spec(attributes: dict[str, Any], policies: tuple[AssociatedPolicy, ...]) -> EntrySpec:
    groups = tuple(attributes.get("kubernetes_groups", ()))
    return EntrySpec(attributes["type"], attributes.get("user_name"), groups, policies)


def _associated(arn: str, scope: dict[str, Any]) -> AssociatedPolicy:
    return AssociatedPolicy(arn, AccessScope(scope["type"], tuple(scope.get("namespaces", ()))))


def terraform() -> str:
    """The program; a test that needs it is skipped where it is not."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not on this machine: it does not read the generated code")
    return found


def run_terraform(folder: Path, *arguments: str) -> bytes:
    """What a command prints; it has to succeed, and needs no provider from elsewhere."""
    run = subprocess.run(
        [terraform(), *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()
    return run.stdout


def assert_formatted(folder: Path, files: dict[str, str]) -> None:
    """``terraform fmt`` would change nothing."""
    program = terraform()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run = subprocess.run(
        [program, "fmt", "-check", "-diff", "-recursive"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()


def evaluated(folder: Path, text: str) -> dict[str, Any]:
    """The locals of a file as terraform evaluates them without a provider: a data source goes."""
    program = terraform()
    text = re.sub(r'^data "\w+" "\w+" \{\n.*?^\}$', "", text, flags=re.MULTILINE | re.DOTALL)
    names = sorted(re.findall(r"^  (\w+) += ", text, flags=re.MULTILINE))
    (folder / "main.tf").write_text(text, encoding="utf-8")
    members = ", ".join(f"{name} = local.{name}" for name in names)
    run = subprocess.run(
        [program, "console"],
        cwd=folder,
        # In base64, because the console quotes what it prints.
        input=f"base64encode(jsonencode({{{members}}}))\n".encode(),
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    found: dict[str, Any] = json.loads(base64.b64decode(run.stdout.strip().strip(b'"')))
    return found


def as_locals(text: str) -> str:
    """Raw resources as locals that terraform evaluates without the provider: a resource becomes an
    object, its block an attribute.
    """
    found = re.sub(r"^  lifecycle \{\n.*\n  \}\n", "", text, flags=re.MULTILINE)
    found = re.sub(r"^  access_scope \{$", "  access_scope = {", found, flags=re.MULTILINE)
    # Two spaces more, so that the names of locals alone are at two.
    found = re.sub(
        r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}$',
        lambda block: f"locals {{\n  {block[1]}__{block[2]} = {{\n{indent(block[3], '  ')}}}\n}}",
        found,
        flags=re.MULTILINE | re.DOTALL,
    )
    return re.sub(
        r"= (aws_eks_access_entry)\.(\w+)\.principal_arn$",
        r"= local.\1__\2.principal_arn",
        found,
        flags=re.MULTILINE,
    )
