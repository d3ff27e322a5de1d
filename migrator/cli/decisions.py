"""``plan --write-decisions``: the plan's blockers as commented questions in decisions.yaml."""

from pathlib import Path

from migrator.cli.files import read_bytes, write_file
from migrator.errors import Failed
from migrator.model.plan import Plan


def write_questions(path: str, plan: Plan) -> str:
    """Add a question for every open blocker; returns what was done, as one line."""
    from migrator.app.plan import open_questions
    from migrator.render.decisions_yaml import write_questions as merge

    exists = Path(path).exists()
    text = ""
    if exists:
        try:
            text = read_bytes(path, "The decisions file").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            remedy = "Save it as UTF-8."
            raise Failed(
                "decisions-unreadable", f"The decisions file {path} is not UTF-8.", remedy=remedy
            ) from error
    stubs = open_questions(plan)
    written = merge(text, stubs)
    # The next command names the file, so there is one even where nothing is asked.
    if written.added or not exists:
        write_file(path, written.text.encode())
    return _said(path, plan, asked=len(stubs), added=written.added, is_new=not exists)


def _said(
    path: str,
    plan: Plan,
    *,
    asked: int,
    added: int,
    is_new: bool,
) -> str:
    if not asked:
        blockers = sum(finding.severity == "block" for finding in plan.findings)
        empty = f"; {path} is new and holds no answer" if is_new else ""
        if blockers:
            return f"{blockers} blockers that no answer can lift: see the findings{empty}"
        return f"nothing to ask{empty}"
    word = "question" if added == 1 else "questions"
    there = asked - added
    return f"{added} {word} added to {path}" + (f", {there} were there" if there else "")
