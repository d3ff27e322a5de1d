"""Runs generated Python: its imports are answered by recorded constructors."""

import builtins
from types import SimpleNamespace
from typing import Any

from migrator.model.plan import ClusterRef
from tests.support.code_packages import Made, check_place, checked


class _Ours:
    """Modules of one run, and what the program made in the account of a cluster."""

    def __init__(self, reached: ClusterRef) -> None:
        self.reached = reached
        self.made: list[Made] = []
        self.modules = {
            "aws_cdk": SimpleNamespace(
                Environment=dict,
                RemovalPolicy=SimpleNamespace(RETAIN="retain"),
                Stack=self.stack(),
            ),
            "aws_cdk.aws_eks": SimpleNamespace(CfnAccessEntry=self.cdk()),
            "constructs": SimpleNamespace(Construct=object),
            "pulumi": SimpleNamespace(ResourceOptions=_Options),
            "pulumi_aws": SimpleNamespace(eks=self.pulumi()),
        }

    def stack(self) -> type:
        reached = self.reached

        class Stack(_Stack):
            def __init__(self, scope: object, construct_id: str, **kwargs: Any) -> None:  # noqa: ANN401
                assert (scope, set(kwargs)) == (None, {"env"})
                check_place(reached, kwargs["env"])

        return Stack

    def cdk(self) -> type:
        made = self.made

        class CfnAccessEntry:
            def __init__(self, scope: _Stack, id: str, **arguments: Any) -> None:  # noqa: ANN401
                assert isinstance(scope, _Stack)
                self.place = len(made)
                made.append(
                    Made("CfnAccessEntry", id, checked("cdk", "CfnAccessEntry", arguments), False)
                )

            def apply_removal_policy(self, policy: str) -> None:
                before = made[self.place]
                kept = policy == "retain"
                made[self.place] = Made(before.kind, before.name, before.arguments, kept)

            @staticmethod
            def AccessPolicyProperty(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401
                return checked("cdk", "CfnAccessEntry.AccessPolicyProperty", arguments)

            @staticmethod
            def AccessScopeProperty(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401
                return checked("cdk", "CfnAccessEntry.AccessScopeProperty", arguments)

        return CfnAccessEntry

    def pulumi(self) -> SimpleNamespace:
        def resource(kind: str) -> Any:  # noqa: ANN401 - a constructor
            def construct(name: str, *, opts: _Options, **arguments: Any) -> SimpleNamespace:  # noqa: ANN401
                made = Made(kind, name, checked("pulumi", kind, arguments), opts.kept)
                self.made.append(made)
                return SimpleNamespace(principal_arn=arguments["principal_arn"])

            return construct

        def scope(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401
            return checked("pulumi", "AccessPolicyAssociationAccessScopeArgs", arguments)

        def get_cluster(*, name: str) -> SimpleNamespace:
            assert name == self.reached.name
            return SimpleNamespace(arn=self.reached.arn)

        return SimpleNamespace(
            get_cluster=get_cluster,
            AccessEntry=resource("AccessEntry"),
            AccessPolicyAssociation=resource("AccessPolicyAssociation"),
            AccessPolicyAssociationAccessScopeArgs=scope,
        )

    def load(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - as __import__
        """``__import__`` for the program."""
        return self.modules.get(name) or builtins.__import__(name, *arguments)


class _Stack:
    """What every stack is."""

    def __init__(self, scope: object, construct_id: str, **kwargs: Any) -> None:  # noqa: ANN401
        raise NotImplementedError


class _Options:
    def __init__(
        self, *, retain_on_delete: bool = False, ignore_changes: list[str] | None = None
    ) -> None:
        self.kept = retain_on_delete
        assert ignore_changes in (None, ["tags"])


def run_python(text: str, reached: ClusterRef) -> list[Made]:
    """What the program makes with credentials that reach a cluster; every stack that it defines is
    made once, for an account that is not the cluster's.
    """
    ours = _Ours(reached)
    names: dict[str, Any] = {
        "__builtins__": {**vars(builtins), "__import__": ours.load},
        "__name__": "generated",
    }
    # The bytes, so that a comment with the name of an encoding would count.
    exec(compile(text.encode("utf-8"), "generated.py", "exec"), names)  # noqa: S102
    for each in list(names.values()):
        if isinstance(each, type) and issubclass(each, _Stack) and each.__module__ == "generated":
            each(None, "stack", env={"account": "000000000000", "region": "eu-west-9"})
    return ours.made
