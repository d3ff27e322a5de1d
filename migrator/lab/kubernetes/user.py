"""Who asks: the user of a request as authentication made it (``authentication.k8s.io``
``UserInfo``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrator.lab.kubernetes.json_types import Json

AUTHENTICATED, UNAUTHENTICATED, MASTERS = (
    "system:authenticated",
    "system:unauthenticated",
    "system:masters",
)
# Extra keys under which the authenticator hands on the unique id of the IAM principal, lower case.
_PRINCIPAL_ID_KEYS = ("sigs.k8s.io/aws-iam-authenticator/principalid", "principalid")


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``groups`` are complete (``system:authenticated`` included).

    ``impersonated`` is True where another user impersonates this one: access policies do not count
    then.
    """

    username: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    impersonated: bool = False

    @property
    def principal_id(self) -> str:
        """The unique id of the IAM principal behind the token; empty for all other users.

        The authenticator writes it under two extra keys, whose case HTTP headers do not keep.
        """
        if self.impersonated:
            return ""
        lowered = {key.lower(): values for key, values in self.extra.items()}
        for key in _PRINCIPAL_ID_KEYS:
            values = lowered.get(key)
            if values:
                return values[0]
        return ""

    def to_wire(self) -> Json:
        """The ``UserInfo`` object; empty fields are left out, as Go leaves them out."""
        info: Json = {"username": self.username}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = {key: list(values) for key, values in sorted(self.extra.items())}
        return info


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def with_group_of_every_login(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """A user's groups as the API server completes them: ``system:authenticated`` is added, unless
    the name is the anonymous one or the groups name that group or ``system:unauthenticated``
    (apiserver ``pkg/authentication/group/authenticated_group_adder.go``).
    """
    if name == ANONYMOUS.username:
        return groups
    if AUTHENTICATED in groups or UNAUTHENTICATED in groups:
        return groups
    return (*groups, AUTHENTICATED)
