"""Which cluster, account and Region the provider of each resource of a Terraform plan leads to.

Objects of Kubernetes name no cluster: their provider does. Its configuration in the document
(Terraform documentation, "JSON Output Format", configuration representation) holds constants, and
names what other arguments refer to. References are followed to variables, to clusters in the state
and in the plan, and through calls of modules; the document says nothing of locals, so that one that
leads through a local is not known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from migrator.model.principal import parse_arn
from migrator.model.terraform_plan import ClusterName, ProviderPlace

# `["a"]` or `[0]` of an address.
_INDEX = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')
CLUSTER_TYPES = frozenset({"aws_eks_cluster", "aws_eks_cluster_auth", "awscc_eks_cluster"})
# The address of a cluster at the beginning of a reference, after those of its modules.
_CLUSTER = re.compile(rf"(?:data\.)?(?:{'|'.join(sorted(CLUSTER_TYPES))})\.[^.\[]+")
_MODULE = re.compile(r"module\.[^.\[]+")
# An IAM principal at the beginning of a reference, with an index that the code says.
_RESOURCE = re.compile(rf"aws_iam_(?:role|user)\.[^.\[]+(?:{_INDEX.pattern})?")
# Of `aws eks get-token` and of `aws-iam-authenticator token`.
_NAME_OPTIONS = frozenset({"--cluster-name", "--cluster-id", "-i"})
# Arguments of a provider that say which cluster it leads to, and the blocks that they are in. What
# else is in them (a profile, a user, the environment of a program) is called as a cluster at most.
_LEADING = frozenset(
    (
        "host",
        "token",
        "cluster_ca_certificate",
        "args",
        "config_context",
        "config_context_cluster",
    )
)
_AROUND = frozenset({"kubernetes", "exec", "references", "constant_value"})
_CONTEXTS = frozenset({"config_context", "config_context_cluster", "kubernetes"})
# A variable that holds a cluster's name: the arguments of a program hold profiles and roles, too.
_NAME_VARIABLE = re.compile(r"var\.(?:\w+_)?cluster(?:_name|_id)?(?![\w-])")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")
_NOWHERE = ProviderPlace()


class CodeResource(msgspec.Struct):
    """A resource of the code: ``expressions`` has what each argument refers to."""

    address: str
    expressions: dict[str, Any] = {}
    provider_config_key: str = ""
    provisioners: list[Any] = []


class ModuleCall(msgspec.Struct):
    """A call of a module."""

    module: "CodeModule | None" = None
    expressions: dict[str, Any] = {}


class CodeModule(msgspec.Struct):
    """A module of the code; addresses in it do not name the module."""

    resources: list[CodeResource] = []
    module_calls: dict[str, ModuleCall] = {}


class ProviderConfig(msgspec.Struct):
    """A provider block. ``full_name``: as ``registry.terraform.io/hashicorp/aws``."""

    name: str = ""
    full_name: str = ""
    module_address: str = ""
    expressions: dict[str, Any] = {}


class Configuration(msgspec.Struct):
    """The code. ``provider_config`` has every provider block, those of modules too."""

    root_module: CodeModule | None = None
    provider_config: dict[str, ProviderConfig] = {}


class StateResource(msgspec.Struct):
    """A resource or data source with its values."""

    address: str
    type: str
    values: dict[str, Any] | None = None


class StateModule(msgspec.Struct):
    """A module of the state; addresses in it are whole."""

    resources: list[StateResource] = []
    child_modules: list["StateModule"] = []


class StateValues(msgspec.Struct):
    """The values of a state."""

    root_module: StateModule | None = None


class PriorState(msgspec.Struct):
    """The state before the plan, with the data sources that the plan read."""

    values: StateValues | None = None


class Variable(msgspec.Struct):
    """A variable of the root module."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class _Code:
    """``resources``: address without indexes -> the resource of the code. ``calls``: address of a
    module -> its call.
    """

    resources: dict[str, CodeResource] = field(default_factory=dict)
    calls: dict[str, ModuleCall] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """``of``: where the provider of a resource leads to. ``code``: address without indexes -> the
    resource in the code.
    """

    code: Mapping[str, CodeResource]
    providers: Mapping[str, ProviderPlace]
    follow: "_Follow"

    def cluster_named(
        self,
        address: str,
    ) -> str:
        """The name of the one cluster that ``cluster_name`` of a resource refers to; empty where
        the code does not lead to one.
        """
        return self.follow.one_cluster(self._argument(address, "cluster_name"), _module_of(address))

    def principals_named(
        self,
        address: str,
    ) -> frozenset[str]:
        """The addresses of the resources of which one is what ``principal_arn`` of a resource
        refers to; none where the code leads elsewhere, too.
        """
        argument = self._argument(address, "principal_arn")
        found = {*self.follow.resources_of(argument, _module_of(address))}
        return frozenset() if "" in found else frozenset(found)

    def _argument(
        self,
        address: str,
        name: str,
    ) -> object:
        resource = self.code_of(address)
        return resource.expressions.get(name) if resource else None

    def code_of(
        self,
        address: str,
    ) -> CodeResource | None:
        """A resource in the code."""
        return self.code.get(_INDEX.sub("", address))

    def of(
        self,
        address: str,
    ) -> ProviderPlace:
        """The place of a resource; one that nothing is known of where the code does not say it."""
        resource = self.code_of(address)
        if resource is None:
            return _NOWHERE
        return self.providers.get(resource.provider_config_key, _NOWHERE)


def read_places(
    configuration: Configuration | None,
    known: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, Variable],
) -> Places:
    """The places of all providers. ``known``: address of a cluster -> its values."""
    configuration = configuration or Configuration()
    code = _code(configuration.root_module)
    follow = _Follow(code, _clusters(code, known), variables)
    providers = {key: _place(each, follow) for key, each in configuration.provider_config.items()}
    return Places(code.resources, providers, follow)


def clusters_in_state(
    state: PriorState | None,
) -> Iterator[StateResource]:
    """The clusters that the state has, and those that data sources read."""
    values = state.values if state else None
    modules = [values.root_module] if values else []
    while modules:
        module = modules.pop()
        if module is None:
            continue
        modules += module.child_modules
        yield from (each for each in module.resources if each.type in CLUSTER_TYPES)


def _code(
    root: CodeModule | None,
) -> _Code:
    """The code by address, module by module."""
    found = _Code()
    modules = [("", root)]
    while modules:
        prefix, module = modules.pop()
        if module is None:
            continue
        for resource in module.resources:
            found.resources[prefix + resource.address] = resource
        for name, call in module.module_calls.items():
            address = f"{prefix}module.{name}"
            found.calls[address] = call
            modules.append((f"{address}.", call.module))
    return found


def _clusters(
    code: _Code,
    known: Mapping[str, Mapping[str, Any]],
) -> dict[str, ClusterName]:
    """Address -> the cluster there. One that is read in the apply only has its name in the code."""
    found = {address: _named(values) for address, values in known.items()}
    there = {_INDEX.sub("", address) for address in found}
    for address, resource in code.resources.items():
        name = resource.expressions.get("name")
        constant = name.get("constant_value") if isinstance(name, dict) else None
        if _CLUSTER.match(resource.address) and address not in there and constant:
            found[address] = ClusterName(str(constant))
    return found


def _named(
    values: Mapping[str, Any],
) -> ClusterName:
    name, arn, endpoint = (values.get(key) or "" for key in ("name", "arn", "endpoint"))
    return ClusterName(str(name), str(arn), str(endpoint))


@dataclass(frozen=True, slots=True)
class _Follow:
    """What expressions of the code lead to."""

    code: _Code
    clusters: Mapping[str, ClusterName]
    variables: Mapping[str, Variable]

    def clusters_of(
        self,
        expression: object,
        module: str,
    ) -> Iterator[ClusterName]:
        """The clusters that an expression of the module refers to or names."""
        for reference in _references(expression):
            yield from self._referred(reference, module)
        yield from map(_cluster_in, self.texts_of(expression, module))
        yield from _cluster_options(expression)

    def texts_of(
        self,
        expression: object,
        module: str,
    ) -> Iterator[str]:
        """The texts that an expression of the module is made of: constants, and variables."""
        yield from _constants(expression)
        for reference in _references(expression):
            head, _, name = reference.partition(".")
            if head == "var":
                yield from self._variable(name.partition(".")[0].partition("[")[0], module)

    def names_of(
        self,
        leading: object,
        module: str,
    ) -> Iterator[str]:
        """The texts at a place of a cluster's name: a context, and variables that are called so."""
        for key, each in leading.items() if isinstance(leading, dict) else ():
            if key in _CONTEXTS:
                yield from _constants(each)
        for reference in filter(_NAME_VARIABLE.fullmatch, _references(leading)):
            yield from self.texts_of({"references": [reference]}, module)

    def region_of(
        self,
        expression: object,
        module: str,
    ) -> str:
        """The Region that a constant or one variable has; empty where it is not known.

        The document has the references of an expression, and not what is made of them: of
        ``var.regions[var.env]`` and ``"${var.geo}-central-1"`` no variable is the Region.
        """
        if len([*_references(expression)]) > 1:
            return ""
        found = _only(set(self.texts_of(expression, module)))
        return found if _REGION.fullmatch(found) else ""

    def _variable(
        self,
        name: str,
        module: str,
    ) -> Iterator[str]:
        """The texts of a variable: that of a module has what its call gives it."""
        if not module:
            value = self.variables.get(name, Variable()).value
            yield from _texts(value)
            return
        call = self.code.calls.get(_INDEX.sub("", module))
        if call is not None:
            yield from self.texts_of(call.expressions.get(name), _parent(module))

    def one_cluster(
        self,
        expression: object,
        module: str,
    ) -> str:
        """The name of the one cluster that all references of an expression lead to."""
        found: set[str] = set()
        for reference in _references(expression):
            found |= {each.name for each in self._referred(reference, module)} or {""}
        return _only(found)

    def resources_of(
        self,
        expression: object,
        module: str,
    ) -> Iterator[str]:
        """The addresses of the resources that an expression refers to, as in the code of their
        module or with an index; empty for what leads nowhere.
        """
        for reference in _references(expression):
            found = _RESOURCE.match(reference)
            if found is None:
                yield from self._resources_of_variable(reference, module)
                continue
            yield f"{module}.{found[0]}" if module else found[0]

    def _resources_of_variable(
        self,
        reference: str,
        module: str,
    ) -> Iterator[str]:
        """What the call of a module gives for a variable of it."""
        call = self.code.calls.get(_INDEX.sub("", module))
        if call is None or not reference.startswith("var."):
            yield ""
            return
        name = reference.split(".")[1].partition("[")[0]
        given = call.expressions.get(name)
        yield from self.resources_of(given, _parent(module))
        yield from (() if [*_references(given)] else ("",))

    def _referred(
        self,
        reference: str,
        module: str,
    ) -> Iterator[ClusterName]:
        """The clusters at, or in the module at, the beginning of a reference."""
        begin = f"{module}." if module else ""
        if reference.startswith("var."):
            name = reference.split(".")[1].partition("[")[0]
            call = self.code.calls.get(_INDEX.sub("", module))
            # What a module is given may refer to a cluster of its caller.
            if call is not None:
                for each in _references(call.expressions.get(name)):
                    yield from self._referred(each, _parent(module))
            return
        found = _CLUSTER.match(reference) or _MODULE.match(reference)
        if found is None:
            return
        index = _INDEX.match(reference, found.end())
        at = begin + found[0] + (index[0] if index else "")
        for address, cluster in self.clusters.items():
            # Modules that contain this one have indexes that the code does not say.
            if _is_at(address, at) or _is_at(_INDEX.sub("", address), at):
                yield cluster


def _is_at(
    address: str,
    at: str,
) -> bool:
    """Whether an address is the one given, or one inside it."""
    rest = address.removeprefix(at)
    return address.startswith(at) and rest[:1] in ("", ".", "[")


def is_instance(
    address: str,
    at: str,
) -> bool:
    """Whether an address is the one given, or an instance of the resource there."""
    return address == at or (_is_at(address, at) and not _INDEX.sub("", address[len(at) :]))


def _is_below(
    reference: str,
    begin: str,
) -> bool:
    """Whether a reference goes on where another one ends."""
    return reference != begin and _is_at(reference, begin)


def _module_of(
    address: str,
) -> str:
    """The module that a resource is in, with its indexes; empty for the root module."""
    found = re.match(rf"(?:module\.[^.\[]+(?:{_INDEX.pattern})?\.)+", address)
    return found[0].removesuffix(".") if found else ""


def _parent(
    module: str,
) -> str:
    """The module that calls a module; empty for the root module."""
    return module.rpartition("module.")[0].removesuffix(".")


def _references(
    expression: object,
) -> Iterator[str]:
    """The references in an expression, and in the blocks of one. Terraform lists what a reference
    begins with as well: ``a.b["c"].d``, ``a.b["c"]``, ``a.b``; the longest one is the reference.
    """
    if isinstance(expression, list):
        for each in expression:
            yield from _references(each)
    if isinstance(expression, dict):
        given = expression.get("references")
        found = [str(each) for each in given] if isinstance(given, list) else []
        yield from (each for each in found if not any(_is_below(other, each) for other in found))
        for key, value in expression.items():
            if key not in ("references", "constant_value"):
                yield from _references(value)


def _constants(
    expression: object,
) -> Iterator[str]:
    """The constant texts in an expression, and in the blocks of one."""
    if isinstance(expression, list):
        for each in expression:
            yield from _constants(each)
    if isinstance(expression, dict):
        yield from _texts(expression.get("constant_value"))
        for key, value in expression.items():
            if key not in ("references", "constant_value"):
                yield from _constants(value)


def _texts(
    value: object,
) -> Iterator[str]:
    """A text, or those of a list."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each


def _cluster_in(
    text: str,
) -> ClusterName:
    """The cluster whose ARN a text is, as ``config_context`` often is; one without a name for any
    other text.
    """
    arn = parse_arn(text)
    if arn is None or arn.service != "eks" or not arn.resource.startswith("cluster/"):
        return ClusterName()
    return ClusterName(arn.resource.removeprefix("cluster/"), text)


def _cluster_options(
    expression: object,
) -> Iterator[ClusterName]:
    """The clusters that constant arguments of ``aws eks get-token`` name."""
    texts = list(_constants(expression))
    for option, value in pairwise(texts):
        if option in _NAME_OPTIONS:
            yield ClusterName(value)


def _place(
    provider: ProviderConfig,
    follow: _Follow,
) -> ProviderPlace:
    """Where one provider leads to. What has several answers is not known."""
    module = provider.module_address
    given = provider.expressions
    leading = _leading(given)
    clusters = {each for each in follow.clusters_of(leading, module) if each.name}
    hosts = frozenset(follow.texts_of(leading, module))
    clusters |= {each for each in follow.clusters.values() if each.name and each.endpoint in hosts}
    # The document does not tell `[var.other]` from a list that has constants as well.
    accounts = set(_constants(given.get("allowed_account_ids")))
    return ProviderPlace(
        provider.name,
        frozenset(clusters),
        frozenset(follow.texts_of(given, module)),
        frozenset(follow.names_of(leading, module)),
        follow.region_of(given.get("region"), module),
        _only(accounts),
    )


def _leading(
    expression: object,
) -> object:
    """The arguments of a provider that say which cluster it leads to."""
    if isinstance(expression, list):
        return [_leading(each) for each in expression]
    if not isinstance(expression, dict):
        return expression
    return {
        key: each if key in _LEADING else _leading(each)
        for key, each in expression.items()
        if key in _LEADING | _AROUND
    }


def _only(
    found: set[str],
) -> str:
    """The one text there is, else none."""
    if len(found) != 1:
        return ""
    return next(iter(found))
