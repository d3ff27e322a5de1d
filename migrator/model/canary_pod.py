"""A canary pod: one small pod on a Fargate profile, which shows whether its pod execution role lets
new nodes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

# registry of the Kubernetes project; whether it can be pulled does not matter: the node logs in
# before that
CANARY_IMAGE = "registry.k8s.io/pause:3.10"

PodState: TypeAlias = Literal["waiting", "placed", "refused"]


@dataclass(frozen=True, slots=True)
class CanaryPod:
    """Where a canary goes. ``labels`` are those that the profile selects by."""

    role_arn: str
    profile: str
    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """``NAMESPACE/NAME``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class PodSeen:
    """How a pod is: ``node`` once it is ``placed``; ``said`` is what the scheduler says of it until
    then.
    """

    state: PodState
    node: str = ""
    said: str = ""
