"""Questions of one principal: what happens to the others where one cannot be answered."""

from dataclasses import dataclass, field

import pytest

from migrator.adapters.tasks_threads import Threads
from migrator.errors import Failed
from migrator.model.evidence import Probe, SelfSubject
from migrator.model.rbac import AccessRequest
from migrator.run.take_evidence import Asking

PROBES = [
    Probe(AccessRequest("get", "", "pods", "", f"team-{number}"), expected=True)
    for number in range(30)
]


@dataclass
class Reviewer:
    """Answers two questions, then no more."""

    asked: list[AccessRequest] = field(default_factory=list)

    def session_name(self) -> str:
        return ""

    def who_am_i(self) -> SelfSubject | None:
        return None

    def can(self, request: AccessRequest) -> tuple[bool, str]:
        self.asked.append(request)
        if len(self.asked) > 2:
            raise Failed("api-server-no-answer", "It did not answer.")
        return True, ""


def test_no_further_question_is_asked_after_an_error() -> None:
    reviewer = Reviewer()
    with pytest.raises(Failed) as raised:
        Threads(1).map(Asking(reviewer), PROBES)
    assert raised.value.code == "api-server-no-answer"
    assert len(reviewer.asked) == 3
