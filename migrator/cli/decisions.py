"""``plan --write-decisions``: the plan's blockers as commented questions in decisions.yaml."""

from pathlib import Path

from migrator.cli.files import read_bytes, write_file
from migrator.errors import Failed
from migrator.model.plan import Plan


def write_questions(path: str, plan: Plan) -> str:
    """Add a question for every open blocker; returns what was done, as one line."""
    from migrator.app.plan import open_questions
    from migrator.render.decisions_yaml import write_questions as merge

    stubs = open_questions(plan)
    text = ""
    if Path(path).exists():
        try:
            text = read_bytes(path, "The decisions file").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            remedy = "Save it as UTF-8."
            raise Failed(
                "decisions-unreadable", f"The decisions file {path} is not UTF-8.", remedy=remedy
            ) from error
    if not stubs:
        blockers = sum(finding.severity == "block" for finding in plan.findings)
        return (
            f"{blockers} blockers that no answer can lift: see the findings"
            if blockers
            else "nothing to ask"
        )
    written = merge(text, stubs)
    if written.added:
        write_file(path, written.text.encode())
    there = len(stubs) - written.added
    word = "question" if written.added == 1 else "questions"
    return f"{written.added} {word} added to {path}" + (f", {there} were there" if there else "")
