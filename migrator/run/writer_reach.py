"""Whether network policies cut off the controllers of the cluster that write aws-auth."""

from collections.abc import Iterator, Sequence

from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.decide.reach.network_policies.services import pod_of
from migrator.decide.reach.network_policies.targets import targets_in
from migrator.decide.reach.network_policies.writer_pods import selectors_of
from migrator.decide.reading.aws_auth_owners import writers_of
from migrator.errors import MigratorError
from migrator.model.diagnosis import Check
from migrator.model.network_policies.packets import Pod
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.ports import PodLookup, Raw
from migrator.run.timer_reach import permissions_remedy

NAME = "network-policies-writers"


def writer_checks(raw: RawPolicies, pods: PodLookup, aws_auth: Raw | None) -> Iterator[Check]:
    """One check for each tool whose sign aws-auth has and whose pods are in the cluster. A
    controller that does not reach the API server can neither restore nor overwrite aws-auth.
    """
    writers = writers_of([aws_auth])
    owners = () if writers is None else writers.owners
    for tool, selector in selectors_of(owners).items():
        try:
            found = [pod_of(each) for each in pods.labelled(selector)]
        except MigratorError as error:
            said = f"Whether {tool}, which writes aws-auth, reaches the API server is not known"
            yield Check(NAME, "unknown", f"{said}: {error.message}", error.remedy)
            continue
        if found:
            yield _of_tool(raw, tool, found)


def _of_tool(raw: RawPolicies, tool: str, pods: Sequence[Pod]) -> Check:
    """One check for all the pods of a tool: a no of one pod says more than what is not known of
    another one.
    """
    world, server = policy_world(raw), targets_in(raw)[0]
    answers = [(pod, reaches(pod, server, world)) for pod in pods]
    order = ("no", "unknown", "depends", "yes")
    pod, answer = min(answers, key=lambda each: order.index(each[1].state))
    title = f"{pod.namespace}/{pod.name}"
    if answer.state == "yes":
        said = f"{tool}, which writes aws-auth, reaches the API server from its pods."
        return Check(NAME, "ok", said)
    if answer.state != "no":
        said = f"Whether {tool}, which writes aws-auth, reaches the API server is not known"
        remedy = permissions_remedy(raw) or (
            "Read what is named: a controller that is cut off stops to write aws-auth."
        )
        return Check(NAME, "unknown", f"{said} of pod {title}: {answer.why}.", remedy)
    return Check(
        NAME,
        "warn",
        f"Network policies cut off {tool}, which writes aws-auth: pod {title} does not reach the "
        f"API server: {answer.why}. It neither restores nor overwrites aws-auth, and what its "
        "source has and aws-auth does not may be missing for this reason.",
        "Compare its source with aws-auth before you plan, or allow it in the policy that is "
        "named: it writes aws-auth again when it reaches the API server.",
    )
