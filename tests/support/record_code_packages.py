"""Records what generated programs use of ``aws-cdk-lib`` and ``pulumi-aws``: names, types and
what is required, with the versions.

The packages take 700 MB, so that tests use the record. In an environment that has them,
``python tests/support/record_code_packages.py`` writes ``tests/data/generated_code/cdk.json`` and
``pulumi.json`` again; ``tests/render/test_real_code_packages.py`` (``make test-long``) makes such
an environment and compares.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "generated_code"


def _type(annotation: str) -> str:
    """``str``, ``list[str]`` or the name of a class of the record, from a long annotation."""
    found = re.search(
        r"(?:CfnAccessEntry\.|AccessPolicyAssociation)Access(?:Policy|Scope)\w+", annotation
    )
    name = found.group() if found else "str"
    name = name.removesuffix("Dict")
    return f"list[{name}]" if "Sequence" in annotation else name


def _parameters(function: Callable[..., None], skipped: set[str]) -> dict[str, dict[str, Any]]:
    """Parameter -> its type and whether it is required."""
    return {
        name: {
            "type": _type(str(each.annotation)),
            "required": each.default is inspect.Parameter.empty,
        }
        for name, each in inspect.signature(function).parameters.items()
        if name not in skipped
    }


def cdk() -> dict[str, Any]:
    """The constructor of ``CfnAccessEntry`` and of its two kinds of properties."""
    from aws_cdk.aws_eks import CfnAccessEntry

    text = Path(inspect.getfile(CfnAccessEntry)).read_text(encoding="utf-8")
    names: dict[str, str] = {}
    for found in re.finditer(
        r'jsii_type="aws-cdk-lib\.aws_eks\.CfnAccessEntry[\w.]+",[^{]*?name_mapping=\{(.*?)\}',
        text,
        re.S,
    ):
        names |= dict(re.findall(r'"(\w+)": "(\w+)"', found.group(1)))
    del names["tags"]
    skipped = {"self", "scope", "id", "tags"}
    classes = {
        each.__qualname__: _parameters(each.__init__, skipped)
        for each in (
            CfnAccessEntry,
            CfnAccessEntry.AccessPolicyProperty,
            CfnAccessEntry.AccessScopeProperty,
        )
    }
    return {
        "source": f"aws-cdk-lib {version('aws-cdk-lib')} of PyPI",
        "classes": classes,
        "typescript": names,
    }


def pulumi() -> dict[str, Any]:
    """The arguments of the two resources and of the scope, and their names on the wire."""
    from pulumi._types import input_type_py_to_pulumi_names
    from pulumi_aws import eks
    from pulumi_aws.eks import access_entry, access_policy_association

    given = {
        "AccessEntry": access_entry.AccessEntryArgs,
        "AccessPolicyAssociation": access_policy_association.AccessPolicyAssociationArgs,
        "AccessPolicyAssociationAccessScopeArgs": eks.AccessPolicyAssociationAccessScopeArgs,
    }
    classes = {
        name: _parameters(each.__init__, {"__self__", "tags", "region"})
        for name, each in given.items()
    }
    tokens = {
        name: re.findall(
            r"'(aws:eks/\w+:\w+)'", Path(inspect.getfile(getattr(eks, name))).read_text()
        )[0]
        for name in ("AccessEntry", "AccessPolicyAssociation")
    }
    names: dict[str, str] = {}
    for each in given.values():
        names |= input_type_py_to_pulumi_names(each)
    return {
        "source": f"pulumi-aws {version('pulumi-aws')} and pulumi {version('pulumi')} of PyPI",
        "classes": classes,
        "tokens": tokens,
        "typescript": {key: value for key, value in names.items() if key not in ("tags", "region")},
    }


def main() -> None:
    """Write both records; ``--print`` prints them instead."""
    found = {"cdk": cdk(), "pulumi": pulumi()}
    if "--print" in sys.argv:
        sys.stdout.write(json.dumps(found))
        return
    for name, each in found.items():
        text = json.dumps(each, indent=2, sort_keys=True) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
