"""Terraform for many clusters: a module for each account, and a provider by alias for each Region
of it.

``main.tf`` of the folder has the providers and the module blocks; ``import`` blocks are beside it,
because Terraform takes them in the root module only. A provider names the one account that it may
be used in (``allowed_account_ids``, AWS provider documentation), so that credentials of another
account end in an error and not in entries there. How a provider gets into its account is not known
here: a comment says where it goes.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrator.model.code_entries import CodeEntries
from migrator.model.plan import ClusterRef, Plan
from migrator.render.escape import hcl
from migrator.render.hcl_blocks import attributes, block, comments
from migrator.render.terraform import (
    AWS_AUTH_ADDRESSES,
    CHECK_LINES,
    IMPORT_HEAD,
    Names,
    import_blocks,
    only_exact,
    raw_lines,
    resources,
    state_commands,
)


@dataclass(frozen=True, slots=True)
class _Part:
    """One cluster of the fleet. ``key``: its name in files and resources, unique in its account."""

    cluster: ClusterRef
    code: CodeEntries
    key: str

    @property
    def module(self) -> str:
        """The module of its account."""
        return f"account_{self.cluster.account_id}"

    @property
    def region(self) -> str:
        """Its Region, as a name of a provider inside the module."""
        return _safe(self.cluster.region)

    @property
    def names(self) -> Names:
        """Its resources and locals."""
        return Names(f"{self.key}_", f"_{self.key}", f"aws.{self.region}")


def terraform_fleet(
    clusters: Sequence[tuple[Plan, CodeEntries]],
) -> dict[str, str]:
    """Path -> content for ``migrate generate terraform --for fleet``; each cluster once."""
    parts = _parts(clusters)
    by_module: dict[str, list[_Part]] = {}
    for part in parts:
        by_module.setdefault(part.module, []).append(part)
    imports = [IMPORT_HEAD]
    for part in parts:
        imports += import_blocks(part.cluster, part.code, part.names, f"module.{part.module}.")
    files = {"main.tf": _main(by_module), "access_entries_import.tf": "\n".join(imports)}
    for module, found in by_module.items():
        files[f"{module}/versions.tf"] = _versions(found)
        for part in found:
            text = resources(part.cluster, part.code, part.names)
            files[f"{module}/{part.key}.tf"] = text
    return files


def fleet_lines() -> tuple[str, ...]:
    """What a person does with the code of a fleet, one line each."""
    return (*raw_lines(), *CHECK_LINES)


def _parts(
    clusters: Iterable[tuple[Plan, CodeEntries]],
) -> list[_Part]:
    """The clusters by account and ARN."""
    ordered = sorted(clusters, key=lambda each: _order(each[0].cluster))
    return [_Part(plan.cluster, only_exact(code), _key(plan.cluster)) for plan, code in ordered]


def _key(
    cluster: ClusterRef,
) -> str:
    """The cluster's name in files and resources. It follows from the cluster alone: a key that
    another cluster changes moves addresses, and Terraform destroys the entries at the old ones.

    Lower-case letters, digits and hyphens stay apart when the hyphens become underscores. Every
    other name has a part of its ARN's SHA-256: underscores, a digit first (a name of a resource
    begins with a letter), and capitals, which are no difference to files of macOS and Windows.
    """
    key = f"{_safe(cluster.name)}_{_safe(cluster.region)}"
    if re.fullmatch(r"[a-z][a-z0-9-]*", cluster.name):
        return key
    return f"c_{key}_{hashlib.sha256(cluster.arn.encode()).hexdigest()[:8]}"


def _order(
    cluster: ClusterRef,
) -> tuple[str, str]:
    return cluster.account_id, cluster.arn


def _safe(
    text: str,
) -> str:
    """Letters, digits and underscores only."""
    return re.sub(r"[^A-Za-z0-9]", "_", text)


def _main(
    by_module: dict[str, list[_Part]],
) -> str:
    """The providers and the module blocks, account by account."""
    blocks = [
        comments(
            "Access entries of a fleet: a module for each account, a provider for each Region of "
            "it.",
            "Add to each provider how it gets into its account: assume_role, or profile.",
            "aws-auth is not in it. Where code has it, take it out of the state before it goes out "
            "of the code, in",
            "each cluster's root module: its deletion locks out every principal without an entry.",
            *(f"  {command}" for command in state_commands(AWS_AUTH_ADDRESSES)),
        )
    ]
    for module, found in by_module.items():
        regions = {part.region: part.cluster for part in found}
        for region, cluster in regions.items():
            provider = {
                "alias": hcl(f"{module}_{region}"),
                "region": hcl(cluster.region),
                "allowed_account_ids": f"[{hcl(cluster.account_id)}]",
            }
            blocks.append(block('provider "aws"', [attributes(provider)]))
        passed = {f"aws.{region}": f"aws.{module}_{region}" for region in regions}
        parts = [
            attributes({"source": hcl(f"./{module}")}),
            block("providers =", [attributes(passed)]),
        ]
        blocks.append(block(f'module "{module}"', parts))
    return "\n".join(blocks)


def _versions(
    parts: Iterable[_Part],
) -> str:
    """What the module of an account takes: its providers, by Region."""
    aliases = ", ".join(f"aws.{region}" for region in dict.fromkeys(each.region for each in parts))
    aws = attributes({"source": hcl("hashicorp/aws"), "configuration_aliases": f"[{aliases}]"})
    return block("terraform", [block("required_providers", [block("aws =", [aws])])])
