"""One call of an AWS operation, as the operation's handler sees it."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from migrator.lab.aws.errors import AwsError, CommonError
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.lab.worlds.principals import Account
from migrator.lab.worlds.world import Caller, World

T = TypeVar("T")
Json: TypeAlias = Any  # a value of a request or response, shaped by botocore's model


@dataclass(slots=True)
class Call:
    """Who asks what, where and when. ``now`` is lab time; ``as_of`` is earlier when a stale read
    was injected.
    """

    world: World
    service: str
    operation: str
    params: dict[str, Any]
    caller: Caller
    region: str
    now: datetime
    as_of: datetime
    faults: Mapping[FaultKind, Fault]

    @property
    def account(self) -> Account:
        """The caller's account."""
        return self.world.accounts[self.caller.account]

    @property
    def partition(self) -> str:
        """The caller's partition."""
        return self.account.partition

    def need(self, name: str) -> Json:
        """A parameter that must be there. Raises ValidationException."""
        value = self.params.get(name)
        if value in (None, ""):
            raise AwsError("ValidationException", f"{name} is required")
        return value

    def require(self, action: str, resource: str) -> None:
        """Raise the service's denial unless the caller may do ``action`` on ``resource``."""
        refusal = self.caller.permissions.refusal(action)
        if refusal is None and (fault := self.faults.get("denied")):
            refusal = fault.limit.refusal(action)
        if refusal is None:
            return
        # IAM user guide, "Troubleshoot access denied error messages".
        raise CommonError(
            "denied",
            f"User: {self.caller.arn} is not authorized to perform: {action} on resource: "
            f"{resource}{refusal}",
        )

    @contextmanager
    def effect(self, **detail: Json) -> Iterator[None]:
        """The change of state inside is one effect."""
        with self.world.effects.perform(
            self.caller.arn, f"{self.service}:{self.operation}", detail
        ):
            yield

    def page(
        self, items: Sequence[T], key: Callable[[T], str], *, default: int = 100
    ) -> tuple[list[T], str | None]:
        """One page of ``items`` and the token of the next one; None after the last page.

        Items are ordered by ``key`` and the token holds the last key, so that what is made or
        deleted between two pages neither repeats nor hides anything else. Raises
        InvalidParameterException for a size that the service does not allow and for a token that is
        none.
        """
        size = int(self.params.get("maxResults") or self.params.get("MaxResults") or default)
        if not 1 <= size <= max(default, 1000 if default > 100 else 100):
            raise AwsError(
                "InvalidParameterException", f"maxResults must be between 1 and {default}"
            )
        if partial := self.faults.get("partial-page"):
            size = min(size, max(1, partial.page_size))
        token = self.params.get("nextToken") or self.params.get("NextToken")
        ordered = sorted(items, key=key)
        if token:
            after = read_token(token)
            ordered = [item for item in ordered if key(item) > after]
        page = ordered[:size]
        if len(ordered) <= size:
            return page, None
        return page, make_token(key(page[-1]))


def make_token(after: str) -> str:
    """An opaque page token."""
    return base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).decode()


def read_token(token: str) -> str:
    """The key that a page token holds. Raises InvalidParameterException."""
    try:
        return str(json.loads(base64.urlsafe_b64decode(token.encode()))["after"])
    except (ValueError, KeyError, TypeError):
        raise AwsError(
            "InvalidParameterException", "The nextToken parameter is not valid."
        ) from None


Handler = Callable[[Call], Mapping[str, Any]]
