"""Does a rule allow a request? kube-apiserver's answer
(``pkg/apis/rbac/v1/evaluation_helpers.go``), made fast.

A :class:`RuleSet` is looked up, not scanned: a resource request needs at most six dictionary
look-ups, whatever the number of rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from migrator.decide.access.rule_boxes import Box, Node, resource_boxes, url_boxes
from migrator.model.rbac import AccessRequest, PolicyRule

# None: every name, also the empty one of list and create.
_Names = frozenset[str] | None


class RuleSet:
    """The rules of one role or access policy, in their order; equal to another with the same
    rules.
    """

    __slots__ = ("_boxes", "_hash", "_resources", "_urls", "rules")

    def __init__(self, rules: Sequence[PolicyRule]) -> None:
        self.rules = tuple(rules)
        self._resources: dict[tuple[str, str], list[tuple[frozenset[str], _Names]]] | None = None
        self._urls: list[tuple[frozenset[str], frozenset[str], tuple[str, ...]]] = []
        self._boxes: tuple[frozenset[Box], frozenset[Box]] | None = None
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, RuleSet):
            return False
        return self.rules == other.rules

    def __hash__(self) -> int:
        # Rules are many and hashed often.
        if self._hash is None:
            self._hash = hash(self.rules)
        return self._hash

    def __repr__(self) -> str:
        return f"RuleSet({self.rules!r})"

    @property
    def boxes(self) -> tuple[frozenset[Box], frozenset[Box]]:
        """The same rules as boxes, of resource requests and of non-resource requests.

        They are made once: every comparison of permissions reads them.
        """
        if self._boxes is None:
            self._boxes = resource_boxes(self.rules), url_boxes(self.rules)
        return self._boxes

    def allows(self, request: AccessRequest) -> bool:
        """Whether one of the rules allows the request.

        The binding decides about the namespace: it is not compared here. The table is made with the
        first question, because most sets of rules are compared and never asked.

        Source: ``RuleAllows`` in ``plugin/pkg/auth/authorizer/rbac/rbac.go``.
        """
        if self._resources is None:
            self._resources = self._compile()
        if request.path is not None:
            return self._allows_url(request.verb, request.path)
        verb = request.verb
        name = request.name
        table = self._resources
        keys = _resource_keys(request)
        for group in (request.api_group, "*"):
            for key in keys:
                for verbs, names in table.get((group, key), ()):
                    # VerbMatches: the verb itself, or all of them.
                    if verb not in verbs and "*" not in verbs:
                        continue
                    # A rule with resource names does not hold for a request without one, as list
                    # and create are (ResourceNameMatches).
                    if names is None or name in names:
                        return True
        return False

    def _compile(self) -> dict[tuple[str, str], list[tuple[frozenset[str], _Names]]]:
        """``(API group, resource)`` -> the verbs and names of each rule with these two.

        The URLs of the rules are kept as well, each with its prefixes.
        """
        table: dict[tuple[str, str], list[tuple[frozenset[str], _Names]]] = {}
        for rule in self.rules:
            verbs = frozenset(rule.verbs)
            names = frozenset(rule.resource_names) or None
            for group in rule.api_groups:
                for resource in rule.resources:
                    table.setdefault((group, resource), []).append((verbs, names))
            if not rule.non_resource_urls:
                continue
            # The API server cuts every trailing star of a URL and compares the rest as a prefix
            # (NonResourceURLMatches).
            prefixes = [url.rstrip("*") for url in rule.non_resource_urls if url.endswith("*")]
            exact = frozenset(rule.non_resource_urls)
            self._urls.append((verbs, exact, tuple(prefixes)))
        return table

    def _allows_url(self, verb: str, path: str) -> bool:
        """Whether a rule allows the verb for the path; the verb ``*`` holds for every verb.

        Each item of ``_urls`` is a rule: its verbs, its URLs as they are written, and the prefixes
        of those that end in a star (NonResourceURLMatches).
        """
        for verbs, exact, prefixes in self._urls:
            if verb not in verbs and "*" not in verbs:
                continue
            # `*` alone is the prefix of every path.
            if path in exact or path.startswith(prefixes):
                return True
        return False


def _resource_keys(request: AccessRequest) -> tuple[str, ...]:
    """How a rule may write the resource of the request, at most three spellings.

    ``pods`` is written ``pods`` or ``*``; ``pods/log`` is written ``pods/log``, ``*/log`` or ``*``.
    """
    resource, sub = request.resource, request.subresource
    if not sub:
        return resource, "*"
    # A rule for `pods` does not hold for `pods/log`; `*/log` holds for that subresource of every
    # resource (ResourceMatches).
    return f"{resource}/{sub}", f"*/{sub}", "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules that hold somewhere: ``namespace`` None is cluster-wide, ``dev-*`` and ``*`` are
    prefixes.
    """

    namespace: Node
    rules: RuleSet
