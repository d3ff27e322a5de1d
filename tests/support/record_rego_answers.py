"""Answers of a Rego interpreter to the policy set in ``examples/pipelines/policy``, kept as test
data: no OPA is a package of Python, and rego-cpp (MIT) is 21 MB.

Record anew: ``pip install regopy``, ``python -m tests.support.record_rego_answers``.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "examples" / "pipelines" / "policy" / "plan.rego"
ANSWERS = ROOT / "tests" / "data" / "rego_answers.json"
ADMIN = "arn:aws:iam::111122223333:role/admin"
LISTED = "arn:aws:iam::111122223333:role/listed"
_ADMIN_POLICY = {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}
_ROW = {"scope": "cluster", "resources": ["pods"], "verbs": ["get"]}


def _principal(arn: str, action: str = "create", **changes: object) -> dict[str, Any]:
    return {
        "principalArn": arn,
        "action": action,
        "before": {"username": "x", "groups": ["system:masters"], "via": "config-map"},
        "entry": {"accessPolicies": []},
        "access": {"gained": [], "lost": []},
        **changes,
    }


def _plan(*principals: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    return {
        "format": "migrator/plan/v1",
        "breakGlass": {"principalArn": ADMIN},
        "findings": [],
        "principals": list(principals),
        **changes,
    }


_ADMINISTRATOR = {"accessPolicies": [_ADMIN_POLICY]}
_DEVELOPER = {"username": "x", "groups": ["dev"], "via": "config-map"}
CASES: Mapping[str, dict[str, Any]] = {
    "nothing to say": _plan(_principal(LISTED, entry=_ADMINISTRATOR)),
    "another format": _plan(format="migrator/plan/v2"),
    "a finding blocks": _plan(
        findings=[{"severity": "block", "code": "c", "source": "mapRoles[0]"}]
    ),
    "a finding warns": _plan(findings=[{"severity": "warn", "code": "c", "source": "mapRoles[0]"}]),
    "a population of log-ins is gained": _plan(
        findings=[
            {"severity": "warn", "code": code, "source": "mapRoles[0]"}
            for code in ("log-in-population-gained", "gain-accepted")
        ]
    ),
    "a principal is blocked": _plan(_principal(ADMIN, "block", entry=None)),
    "a principal gains access": _plan(_principal(ADMIN, access={"gained": [_ROW], "lost": []})),
    "a principal loses access": _plan(_principal(ADMIN, access={"gained": [], "lost": [_ROW]})),
    "an administrator is made": _plan(
        _principal(LISTED, before=_DEVELOPER, entry=_ADMINISTRATOR),
    ),
    "an administrator is not listed": _plan(_principal(ADMIN, entry=_ADMINISTRATOR)),
    "no break-glass principal": _plan(breakGlass=None),
    "a principal gets no entry": _plan(_principal(ADMIN, "skip", entry=None)),
}


def digest(content: bytes) -> str:
    """What ties an answer to the text that was asked."""
    return hashlib.sha256(content).hexdigest()


def of_case(name: str) -> str:
    """The digest of a case's plan."""
    return digest(json.dumps(CASES[name], sort_keys=True).encode())


def main() -> None:
    """Ask the interpreter every case."""
    regopy = importlib.import_module("regopy")
    version = importlib.import_module("importlib.metadata").version("regopy")
    cases: dict[str, Any] = {}
    for name, plan in CASES.items():
        interpreter = regopy.Interpreter()
        interpreter.add_module("plan", POLICY.read_text(encoding="utf-8"))
        interpreter.add_data({"main_allowed": {"administrators": [LISTED]}})
        interpreter.set_input(plan)
        answer = json.loads(str(interpreter.query("deny=data.main.deny; warn=data.main.warn")))
        cases[name] = {"input": of_case(name), **answer["bindings"]}
    document = {
        "interpreter": f"regopy {version}",
        "policy": digest(POLICY.read_bytes()),
        "cases": cases,
    }
    ANSWERS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
