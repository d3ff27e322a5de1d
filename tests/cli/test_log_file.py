"""The file of --log-file is for its owner alone, whatever mode it had before."""

import logging
import stat
from pathlib import Path

import pytest

from migrator.app.settings import Settings
from migrator.cli.logs import set_up_logging


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, 0o600, 0o644, 0o666, 0o640])
def test_log_file_is_for_its_owner_alone_and_keeps_its_lines(
    tmp_path: Path, before: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    if before is not None:
        path.write_text("a line of before\n", encoding="utf-8")
        path.chmod(before)
    set_up_logging(Settings(log_file=str(path)))
    for handler in logging.getLogger("migrator").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.stream.close()
    set_up_logging(Settings())
    assert _mode(path) == 0o600
    is_tightened = before not in (None, 0o600)
    assert ("its mode is 0600 now" in capsys.readouterr().err) == is_tightened
    if before is not None:
        assert path.read_text("utf-8") == "a line of before\n"
