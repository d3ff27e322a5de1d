"""What looks like the mark of a program that manages an object: a key and a value that a tag of
AWS, a label or an annotation of Kubernetes has.

Marks of known tools are in lists; conventions of teams have many spellings (``ManagedBy``,
``managed-by``, ``Provisioned By``). What looks like a mark and names no known tool is not proof of
absence: a person decides who that is.
"""

import re
from collections.abc import Iterator
from typing import Final

CLUSTER_API: Final = "Cluster API Provider AWS"
# Names of tools, as they are in keys and values without their separators.
_TOOLS: Final = {
    "terraform": "Terraform",
    "opentofu": "OpenTofu",
    "terragrunt": "Terragrunt",
    "pulumi": "Pulumi",
    "crossplane": "Crossplane",
    "cloudformation": "CloudFormation",
    "awscdk": "AWS CDK",
    "eksctl": "eksctl",
    "argocd": "Argo CD",
    "spacelift": "Spacelift",
    "clusterapi": CLUSTER_API,
}
# Short names count as whole words alone: a part of another word means nothing.
_SHORT: Final = {
    "tf": "Terraform",
    "tofu": "OpenTofu",
    "cdk": "AWS CDK",
    "ack": "ACK",
    "capa": CLUSTER_API,
}
# Parts of keys in which teams say what makes an object, without separators.
_MANAGER_PARTS: Final = (
    "managed",
    "provision",
    "createdby",
    "createdwith",
    "createdusing",
    "deployedby",
    "deployedwith",
    "generatedby",
    "generatedwith",
    "maintainedby",
    "ownedby",
    "controlledby",
    "controller",
    "reconcil",
    "automat",
    "orchestrat",
    "gitops",
    "iactool",
    "infrastructureascode",
)
_MANAGER_KEYS: Final = frozenset({"manager", "iac", "deployer", "generator", "tool", "tooling"})
# By these a person says that no program writes.
_NO: Final = frozenset({"false", "no", "none", "manual"})
# A key with a domain is a program's, by the convention of Kubernetes labels.
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/")


def tools_named(key: str, value: str) -> tuple[str, ...]:
    """Known tools that a key names, or the value of a key that says who manages; each once."""
    if value.strip().lower() in _NO:
        return ()
    found = dict.fromkeys(_tools_in(key))
    if is_manager_key(key):
        found.update(dict.fromkeys(_tools_in(value)))
    return tuple(found)


def looks_managed(key: str, value: str) -> bool:
    """Whether a key and its value look like the mark of a program, known or not."""
    said = value.strip().lower()
    if _DOMAIN.match(key.lower()):
        return True
    if said in _NO:
        return False
    # AWS alone sets these, for the service that makes the object.
    if key.lower().startswith("aws:"):
        return not key.lower().startswith("aws:eks:")
    # Cluster API and kops mark what they delete with a cluster so.
    if said == "owned":
        return True
    if is_manager_key(key):
        return True
    return any(True for _ in _tools_in(f"{key} {value}"))


def is_manager_key(key: str) -> bool:
    """Whether a key says by what an object is managed, in any of its spellings."""
    name = _plain(key)
    if name in _MANAGER_KEYS:
        return True
    return any(part in name for part in _MANAGER_PARTS)


def domain_of(key: str) -> str:
    """The part of a key before its slash; empty without one."""
    domain, slash, _ = key.lower().partition("/")
    if not slash:
        return ""
    return domain


def _tools_in(text: str) -> Iterator[str]:
    """Known tools whose name is in a text, in any case and with any separators."""
    name = _plain(text)
    for part, tool in _TOOLS.items():
        if part in name:
            yield tool
    for word in re.findall(r"[a-z0-9]+", text.lower()):
        if word in _SHORT:
            yield _SHORT[word]


def _plain(text: str) -> str:
    """A text in lower case without separators."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
