"""Buckets of S3, as far as state is kept in them: objects, and what a bucket refuses."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from migrator.lab.worlds.principals import Limit

# Stores that speak S3 may refuse the headers of a conditional write, or take no notice of them.
ConditionalWrites: TypeAlias = Literal["obeyed", "refused", "ignored"]


_NO_POLICY = Limit("resource-based policy")


@dataclass(slots=True)
class Bucket:
    """A bucket. ``policy`` is its bucket policy, as far as that denies; ``kms_key`` the key with
    which it encrypts, which callers need too.
    """

    name: str
    account: str
    region: str
    partition: str = "aws"
    kms_key: str = ""
    policy: Limit = _NO_POLICY
    conditional_writes: ConditionalWrites = "obeyed"
    objects: dict[str, bytes] = field(default_factory=dict)

    def arn(self, key: str = "") -> str:
        """Its ARN, or that of an object, in quotes as S3 writes them into its denials."""
        return f'"arn:{self.partition}:s3:::{self.name}{"/" if key else ""}{key}"'
