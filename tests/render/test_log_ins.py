"""Which log-ins change, and who can log in, wherever a plan is shown."""

from dataclasses import replace

from migrator.decide.planning.explain import explain as explained
from migrator.decide.planning.stubs import stubs_for
from migrator.model.files.plan import plan_to_document
from migrator.model.log_ins import LogIns, population_words
from migrator.model.plan import AccessChange, Plan
from migrator.render.access_matrix import LOG_INS, Cell, _log_ins
from migrator.render.decisions_yaml import write_questions
from migrator.render.explain import explain, explanation_document
from migrator.render.facts import access_words
from migrator.render.markdown import plan_markdown
from migrator.render.plan_table import plan_table
from tests.support.worlds import ACCEPTED, answers, iam, node_row, planned, role, row, world

JENKINS = role("jenkins")
SNAPSHOT = world(
    [row(JENKINS, "jenkins-{{EC2PrivateDNSName}}", ("builders",))], principals=[iam(JENKINS, "ec2")]
)
PLAN = planned(
    SNAPSHOT, replace(answers(JENKINS, username="jenkins"), accept_gain={JENKINS: ACCEPTED})
)
GAINED = "sessions that are not an EC2 instance's"


def flat(text: str) -> str:
    return " ".join(text.split())


def test_table_and_markdown_show_log_ins_that_are_gained() -> None:
    assert f"gains log-ins: {GAINED}" in flat(plan_table(PLAN))
    assert f"gains `log-ins: {GAINED}`" in flat(plan_markdown(PLAN))


def test_explain_says_who_can_log_in_today_and_after() -> None:
    told = explained(PLAN, JENKINS)
    text = flat(explain(PLAN, told))
    assert "Who can log in today only sessions of EC2 instances" in text
    assert "Who can log in after every session of the role" in text
    assert f"Access gained log-ins: {GAINED}" in text
    document = explanation_document(told, plan_to_document(PLAN)["principals"][0])
    assert document["logIns"] == {
        "before": [{"sessions": "instance", "names": [], "exceptNames": []}],
        "after": [
            {"sessions": kind, "names": [], "exceptNames": []} for kind in ("instance", "other")
        ],
    }
    assert document["principal"]["access"]["logInsGained"] == [{"sessions": "other"}]


def test_explain_of_nodes_shows_the_same_log_ins_and_no_change() -> None:
    plan = planned(world([node_row(role("nodes"))]))
    text = flat(explain(plan, explained(plan, role("nodes"))))
    assert "Who can log in after only sessions of EC2 instances (same)" in text
    assert "log-ins" not in flat(plan_table(plan))
    assert "logInsGained" not in plan_to_document(plan)["principals"][0]["access"]


def test_questions_say_which_answer_gains_and_which_loses() -> None:
    text = write_questions("", stubs_for(planned(SNAPSHOT))).text
    plain = flat(text.replace("#", ""))
    assert (
        "GAINS access: with this answer every session of the role logs in, not only those of EC2 "
        "instances." in plain
    )
    assert "Answer 2 of 2: LOSES access" in plain
    assert text.index("GAINS access") < text.index("LOSES access")
    assert "accept_gain:" in text


def test_matrix_has_a_cell_for_log_ins() -> None:
    change = AccessChange(log_ins_gained=(LogIns("other"),), log_ins_lost=(LogIns("instance"),))
    assert _log_ins(change) == Cell("both", 2, f"gains {GAINED}; loses sessions of EC2 instances")
    assert _log_ins(AccessChange()) is None
    assert LOG_INS == "log-ins"


def test_words_name_sessions_that_are_excepted() -> None:
    assert population_words(()) == "no log-in"
    assert population_words((LogIns("user"),)) == "the user itself"
    some = (LogIns("instance"), LogIns("other", except_names=("eks", "iam")))
    assert population_words(some) == "every session of the role, except those named eks, iam"
    assert list(access_words(AccessChange(log_ins_lost=(LogIns("other", names=("eks",)),)))) == [
        ("loses", "log-ins: sessions named eks")
    ]


def test_names_in_a_plan_file_are_escaped() -> None:
    hostile = AccessChange(log_ins_gained=(LogIns("other", names=("\x1b[2J",)),))
    plan: Plan = replace(
        PLAN, principals=tuple(replace(p, access=hostile) for p in PLAN.principals)
    )
    for text in (plan_table(plan), plan_markdown(plan), explain(plan, explained(plan, JENKINS))):
        assert "\x1b" not in text
