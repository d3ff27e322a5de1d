"""What to do about a service's own role in aws-auth, service by service.

EKS refuses entries for service-linked roles from everyone but the service. Sources: Amazon EMR on
EKS Development Guide, "Enable cluster access"; AWS Batch User Guide, "Getting started with AWS
Batch on Amazon EKS" (it knows aws-auth alone); EKS user guide, "Monitor your cluster metrics with
Prometheus" (scrapers made before 2024-11-11).
"""

from collections.abc import Mapping
from typing import Final

_EMR: Final = (
    "EMR on EKS makes its own access entry for new virtual clusters alone, in API_AND_CONFIG_MAP "
    "or API mode; one that exists keeps using aws-auth. Plan with `--target API_AND_CONFIG_MAP` "
    "and apply; make new virtual clusters, move the jobs, delete the old ones; then skip this row "
    "with accept_loss."
)
_BATCH: Final = (
    "AWS Batch on EKS is not documented to work without aws-auth: plan with `--target "
    "API_AND_CONFIG_MAP` while compute environments of Batch use this cluster. Without any, skip "
    "this row with accept_loss."
)
_SCRAPER: Final = (
    "A scraper made before 2024-11-11 uses aws-auth; for a newer one the service makes its own "
    "access entry. Plan with `--target API_AND_CONFIG_MAP` and apply; make the scraper again and "
    "delete the old one; then skip this row with accept_loss."
)
_OTHER: Final = (
    "Look in the service's own guide whether it makes an access entry: if it does, plan with "
    "`--target API_AND_CONFIG_MAP`, apply, connect the service again, then skip this row with "
    "accept_loss. If it does not, stay with `--target API_AND_CONFIG_MAP`."
)
# By the beginning of the role's name, lower-cased, without `AWSServiceRoleFor`.
_BY_NAME: Final[Mapping[str, str]] = {
    "amazonemrcontainers": _EMR,
    "batch": _BATCH,
    "awsbatch": _BATCH,
    "amazonprometheusscraper": _SCRAPER,
}
_PREFIX: Final = "awsservicerolefor"


def recipe_of(role_arn: str) -> str:
    """What the operator does about a service-linked role, by its ARN or its row's ARN."""
    name = role_arn.rpartition("/")[2].lower().removeprefix(_PREFIX)
    for start, recipe in _BY_NAME.items():
        if name.startswith(start):
            return recipe
    return _OTHER
