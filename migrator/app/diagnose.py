"""Can this machine reach the API server, and may this caller do the work."""

from typing import TYPE_CHECKING, Any

from migrator.app.connect import connect, describe, diagnose_ports
from migrator.app.operator import Operator
from migrator.app.settings import Settings

if TYPE_CHECKING:
    from migrator.model.diagnosis import Diagnosis


def diagnose(cluster: str, operator: Operator) -> "Diagnosis":
    """Check everything that a migration of the cluster needs: checks, each with what to do; a check
    that fails is a value. Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``.
    """
    from migrator.run.diagnose import diagnose as check

    connection = connect(operator.settings, cluster, operator=operator)
    return check(diagnose_ports(operator, connection), described=connection.described)


def required_policy(cluster: str, settings: Settings) -> dict[str, Any]:
    """An IAM policy document that allows everything a migration of the cluster needs; nothing is
    checked. Raises ``no-credentials``, ``cluster-not-found``, ``iam-denied``.
    """
    from migrator.decide.diagnosis.required_permissions import COMMANDS, policy_document
    from migrator.model.files.snapshot import cluster_ref

    return policy_document(COMMANDS, cluster_ref(describe(settings, cluster)))
