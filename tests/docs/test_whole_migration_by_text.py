"""A whole migration by the text of one page alone: the demo's cluster under the name that the page
has, an operator who may do what ``migrate doctor --policy`` prints and nothing else, every line as
it is printed. Each exit code that README and page promise for one cluster is met on the way; 8 is
that of a fleet.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.lab.worlds.world_files import demo_world_path
from tests.support.cli_lab import CliLab, Ran, running
from tests.support.page_reader import Reader, lines_of
from tests.support.printed_policy import CLUSTER, for_a_reader

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "playbooks" / "how-to" / "single-cluster.md"
BASELINE = "migrate verify plan.json --baseline --decisions decisions.yaml"
APPLY = "migrate apply plan.json --yes --decisions decisions.yaml"
STATUS = "migrate status plan.json"
VERIFY = "migrate verify plan.json --junit verify.xml --decisions decisions.yaml"
GATES = "migrate cutover plan.json --gates --decisions decisions.yaml"
CUT_OVER = f"migrate cutover plan.json --confirm {CLUSTER} --decisions decisions.yaml"
REHEARSE = (
    "migrate rehearse plan.json --for 30m --image REGISTRY/migrate:VERSION "
    "--decisions decisions.yaml"
)
_ROLE = "arn:aws:iam::111122223333:role"
_SSO = f"{_ROLE}/aws-reserved/sso.amazonaws.com/eu-central-1/"
_ADMIN, _READER = (
    f"AWSReservedSSO_{name}"
    for name in ("PlatformAdmin_0a1b2c3d4e5f6071", "ReadOnly_1b2c3d4e5f607182")
)
# "Name profiles for those whom you cannot assume", which the baseline lists: the profiles of the
# lab have the names of the principals.
VERIFY_AS = f"""\
verify_as:
  {_SSO}{_ADMIN}: {{profile: {_ADMIN}}}
  {_SSO}{_READER}: {{profile: {_READER}}}
  arn:aws:iam::111122223333:user/alice: {{profile: alice}}
"""
BOB = "arn:aws:iam::111122223333:user/contractors/bob"

# alice is no release manager any more.
CHANGED = """\
- {userarn: "arn:aws:iam::111122223333:user/alice", username: alice, groups: [developers]}
- {userarn: "arn:aws:iam::111122223333:user/contractors/bob", username: bob}
"""


class Operator:
    """The reader, and others who work on the same cluster with all rights."""

    def __init__(self, lab: CliLab) -> None:
        environment = lab.environment()
        # The reader's shell finds the program of this tree.
        for name in ("MIGRATE_LAB_DIR", "PATH"):
            environment.pop(name)
        self.reader = Reader(lab.work, environment)
        bootstrap = lab.as_principal(f"{_ROLE}/platform/cluster-bootstrap")
        bootstrap.pop("PATH")
        self.other = Reader(lab.work, bootstrap)
        self.lines = list(lines_of(PAGE.read_text(encoding="utf-8")))

    def expect(self, line: str, code: int) -> Ran:
        """Run a line, which ends with this code."""
        ran = self.reader.run(line)
        assert ran.code == code, f"{line}: {ran.code}, not {code}\n{ran.out}\n{ran.err}"
        return ran

    def follow_to(self, line: str) -> None:
        """The page's lines up to this one, which is the next."""
        while self.lines[0][0] != line:
            following, code = self.lines.pop(0)
            self.expect(following, code)

    def follow(self, line: str) -> Ran:
        """The page's lines up to this one, and this one."""
        self.follow_to(line)
        following, code = self.lines.pop(0)
        return self.expect(following, code)

    @property
    def decisions(self) -> Path:
        """The file of answers."""
        return self.reader.folder / "decisions.yaml"

    def answer_the_question(self) -> None:
        """As the file says: take the # away, and complete the answer. The role has no path."""
        written = self.decisions.read_text(encoding="utf-8")
        answered = re.sub(r"^  # (?=[\" ])", "  ", written, flags=re.M)
        answered = answered.replace("<path>/", "").replace("<why>", "the metrics team asked for it")
        assert answered != written
        self.decisions.write_text(answered, encoding="utf-8")

    def name_profiles(self, text: str) -> None:
        """Write below what is in the file of answers."""
        written = self.decisions.read_text(encoding="utf-8")
        self.decisions.write_text(written + text, encoding="utf-8")

    def elsewhere(self, line: str) -> None:
        """What another person with all rights does, with the AWS CLI or kubectl."""
        ran = self.other.run(line)
        assert ran.code == 0, f"{line}: {ran.out}\n{ran.err}"


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    world = for_a_reader(demo_world_path().read_text(encoding="utf-8"))
    with running(tmp_path, world) as lab:
        yield Operator(lab)


def test_readme_lists_every_exit_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (codes,) = re.findall(r"Exit codes: (0 done.*?)\.\n", readme, re.S)
    assert re.findall(r"(?:^|· *)\n?(\d+) ", codes) == ["0", *"12345678", "64"]


@pytest.mark.timeout(300)
def test_a_migration_ends_as_the_page_says_from_the_first_line_to_the_last(
    operator: Operator,
) -> None:
    plan = f"migrate plan {CLUSTER} --decisions decisions.yaml --out plan.json"
    # 3: the role of another account is one that a person must decide about.
    operator.expect("migrate doctor my-cluster", 0)
    assert operator.lines.pop(0)[0] == "migrate doctor my-cluster"
    operator.follow(f"migrate snapshot {CLUSTER} --out snapshot.json")
    for line in (
        "migrate plan --snapshot snapshot.json",
        f"migrate plan {CLUSTER} --write-decisions",
    ):
        assert operator.lines.pop(0)[0].startswith(line)
    operator.expect("migrate plan --snapshot snapshot.json", 3)
    operator.expect(f"migrate plan {CLUSTER} --write-decisions decisions.yaml", 3)
    operator.expect(plan, 3)
    operator.answer_the_question()
    # 2: there is something to do, and the caller asked for that.
    operator.expect(f"migrate plan {CLUSTER} --decisions decisions.yaml --detailed-exitcode", 2)
    # 64: a call that is none. 1: no such cluster.
    operator.expect("migrate plan", 64)
    operator.expect("migrate status plan-of-another.json", 1)
    operator.follow(BASELINE)
    # 4: a question that is not answered, and nothing is done.
    operator.expect("migrate apply plan.json --decisions decisions.yaml", 4)
    operator.expect(STATUS, 7)
    # 7: principals wait for their proof; with the profiles of all the same command goes on.
    assert operator.lines.pop(0)[0] == APPLY
    operator.expect(APPLY, 7)
    operator.expect(STATUS, 7)
    operator.name_profiles(VERIFY_AS)
    assert "Waiting for proof" in operator.expect(APPLY, 7).out
    operator.expect(f"{APPLY} --as {BOB}=bob", 0)
    operator.follow(STATUS)
    operator.name_profiles(f"  {BOB}: {{profile: bob}}\n")
    operator.follow(VERIFY)
    # 5, then 6: another writer thins an entry.
    thin = f"aws eks update-access-entry --cluster-name {CLUSTER} --principal-arn {_ROLE}/ci/runner"
    operator.elsewhere(f"{thin} --kubernetes-groups none")
    operator.expect(STATUS, 5)
    operator.expect(VERIFY, 6)
    operator.elsewhere(f"{thin} --username ci-runner --kubernetes-groups deployers")
    operator.expect(STATUS, 0)
    operator.expect(VERIFY, 0)
    # 4: the gate of the rehearsal is closed.
    assert "rehearsal" in operator.expect(CUT_OVER, 4).err
    operator.follow(REHEARSE)
    operator.follow(GATES)
    operator.follow(CUT_OVER)
    # 4: there is no way back.
    operator.expect("migrate rollback plan.json --yes", 4)
    operator.follow("migrate retire plan.json --yes")
    assert operator.lines == []
    operator.expect(STATUS, 0)


@pytest.mark.timeout(300)
def test_a_change_of_another_writer_before_apply_is_5_and_a_new_plan_goes_on(
    operator: Operator,
) -> None:
    operator.expect(f"migrate plan {CLUSTER} --write-decisions decisions.yaml", 3)
    operator.answer_the_question()
    operator.name_profiles(VERIFY_AS + f"  {BOB}: {{profile: bob}}\n")
    plan = f"migrate plan {CLUSTER} --decisions decisions.yaml --out plan.json"
    operator.expect(plan, 0)
    operator.elsewhere(f"aws eks update-kubeconfig --name {CLUSTER} --kubeconfig kubeconfig")
    operator.elsewhere(
        "kubectl --kubeconfig kubeconfig -n kube-system patch configmap aws-auth --type merge "
        f"--patch '{json.dumps({'data': {'mapUsers': CHANGED}})}'"
    )
    operator.expect(APPLY, 5)
    operator.expect(plan, 0)
    operator.expect(APPLY, 0)
    # "Until the cut-over everything can be undone."
    operator.expect("migrate rollback plan.json --yes", 0)
    assert "the plan is rolled back" in operator.expect(STATUS, 0).out
