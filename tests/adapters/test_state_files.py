"""State in a folder: private, whole or not at all, chained, and for one run at a time."""

import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from migrator.adapters.state_files import JOURNAL, StateFolder, cluster_folder
from migrator.errors import MigratorError, Refused, WrongUse
from migrator.model.plan import ClusterRef

AT = datetime(2026, 11, 22, 9, 0, tzinfo=timezone(timedelta(hours=1)))


def cluster(**changes: str) -> ClusterRef:
    fields = {
        "name": "prod",
        "account_id": "111122223333",
        "region": "eu-central-1",
        "partition": "aws",
        **changes,
    }
    return ClusterRef(arn="arn:x", authentication_mode="CONFIG_MAP", **fields)


@pytest.fixture
def store(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state", cluster())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_names_partition_account_region_and_cluster(
    store: StateFolder, tmp_path: Path
) -> None:
    assert store.location == str(tmp_path / "state/aws/111122223333/eu-central-1/prod")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../etc"},
        {"name": "a/b"},
        {"name": ""},
        {"name": "."},
        {"name": "a" * 101},
        {"name": "a\nb"},
        {"account_id": "1"},
        {"region": ".."},
        {"partition": "AWS/.."},
    ],
)
def test_names_that_no_folder_should_carry_are_refused(
    changes: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(MigratorError) as caught:
        cluster_folder(tmp_path, cluster(**changes))
    assert caught.value.code == "name-invalid"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", ".hidden", "", "a/../b", "a\n"])
def test_file_names_stay_inside_the_folder(name: str, store: StateFolder) -> None:
    with pytest.raises(MigratorError) as caught:
        store.write(name, b"")
    assert caught.value.code == "name-invalid"


def test_reading_makes_nothing(store: StateFolder, tmp_path: Path) -> None:
    assert store.read("plan.json") is None
    assert store.journal() == ()
    assert not (tmp_path / "state").exists()


def test_folders_are_0700_and_files_0600(store: StateFolder, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        store.write("backup/aws-auth.json", b"{}")
        store.append_line("evidence.jsonl", b"{}")
        store.append_record(None, "run-started", {}, AT)
        with store.lock("me"):
            pass
    finally:
        os.umask(umask)
    for folder, _, files in os.walk(tmp_path / "state"):
        assert mode(Path(folder)) == 0o700
        for file in files:
            assert mode(Path(folder, file)) == 0o600


def test_an_existing_folder_that_others_can_read_is_narrowed(store: StateFolder) -> None:
    folder = Path(store.location)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    store.write("plan.json", b"{}")
    assert mode(folder) == 0o700


def test_what_is_written_is_read_and_replaced_whole(store: StateFolder) -> None:
    store.write("plan.json", b"old")
    store.write("plan.json", b"new\x00\xff")
    assert store.read("plan.json") == b"new\x00\xff"
    assert [path.name for path in Path(store.location).iterdir()] == ["plan.json"]


def test_a_failed_write_leaves_nothing_behind(store: StateFolder) -> None:
    Path(store.location, "plan.json").mkdir(parents=True)  # a folder cannot be replaced by a file
    with pytest.raises(MigratorError) as caught:
        store.write("plan.json", b"new")
    assert caught.value.code == "state-unwritable"
    assert [path.name for path in Path(store.location).iterdir()] == ["plan.json"]


def test_symbolic_links_are_not_followed(store: StateFolder, tmp_path: Path) -> None:
    store.write("plan.json", b"{}")
    secret = tmp_path / "elsewhere"
    secret.write_bytes(b"theirs")
    Path(store.location, "evidence.jsonl").symlink_to(secret)
    with pytest.raises(MigratorError):
        store.append_line("evidence.jsonl", b"{}")
    with pytest.raises(MigratorError):
        store.read("evidence.jsonl")
    store.write("evidence.jsonl", b"ours")
    assert secret.read_bytes() == b"theirs"


def test_records_are_chained_and_dated_in_utc(store: StateFolder) -> None:
    first = store.append_record(None, "run-started", {"run": "r"}, AT)
    second = store.append_record("s01", "intended", {"a": 1}, AT)
    assert (first.n, first.prev, first.at) == (1, "", "2026-11-22T08:00:00Z")
    assert (second.n, second.prev) == (2, first.digest)
    assert store.journal() == (first, second)


def test_another_object_goes_on_with_the_chain(store: StateFolder, tmp_path: Path) -> None:
    store.append_record(None, "run-started", {}, AT)
    other = StateFolder(tmp_path / "state", cluster())
    other.append_record("s01", "intended", {}, AT)
    third = store.append_record("s01", "done", {}, AT)
    assert [record.n for record in other.journal()] == [1, 2, 3]
    assert third.n == 3


def test_a_journal_cut_at_any_byte_goes_on_or_is_whole(store: StateFolder, tmp_path: Path) -> None:
    for number in range(3):
        store.append_record(f"s{number}", "intended", {"text": "x"}, AT)
    content = store.read(JOURNAL) or b""
    ends = [index + 1 for index, byte in enumerate(content) if byte == 0x0A]
    for cut in range(len(content)):
        Path(store.location, JOURNAL).write_bytes(content[:cut])
        fresh = StateFolder(tmp_path / "state", cluster())
        whole = sum(end <= cut for end in ends)
        assert len(fresh.journal()) == whole
        if cut % 9 == 0 or cut + 1 in ends:  # each append waits for the disk
            assert fresh.append_record("next", "intended", {}, AT).n == whole + 1
            assert len(fresh.journal()) == whole + 1


def test_a_changed_byte_is_damage(store: StateFolder, tmp_path: Path) -> None:
    store.append_record("s01", "intended", {"text": "x"}, AT)
    store.append_record("s01", "done", {}, AT)
    store.write(JOURNAL, (store.read(JOURNAL) or b"").replace(b'"x"', b'"y"'))
    fresh = StateFolder(tmp_path / "state", cluster())
    with pytest.raises(MigratorError) as read:
        fresh.journal()
    with pytest.raises(MigratorError) as appended:
        fresh.append_record("s02", "intended", {}, AT)
    assert read.value.code == appended.value.code == "journal-damaged"


def test_every_write_is_on_the_disk_before_it_returns(
    store: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: dict[int, bytes | None] = {}

    def sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        a_file = stat.S_ISREG(found.st_mode)
        # A descriptor that is open for writing alone is read through its name.
        whole = Path(f"/proc/self/fd/{descriptor}").read_bytes() if a_file else None
        on_disk[found.st_ino] = whole

    def synced(name: str) -> bool:
        path = Path(store.location, name)
        return on_disk.get(path.stat().st_ino) == path.read_bytes()

    monkeypatch.setattr(os, "fsync", sync)
    for event in ("run-started", "intended", "done"):
        store.append_record("s01", event, {}, AT)
        assert synced(JOURNAL)
    store.append_line("evidence.jsonl", b'{"a": 1}')
    assert synced("evidence.jsonl")
    store.write("plan.json", b"{}")
    assert synced("plan.json")
    assert Path(store.location).stat().st_ino in on_disk, "a new name is lost without its folder"


def test_lines_are_appended_and_a_torn_one_goes(store: StateFolder) -> None:
    store.append_line("evidence.jsonl", b'{"a": 1}')
    path = Path(store.location, "evidence.jsonl")
    path.write_bytes(path.read_bytes() + b'{"torn')
    store.append_line("evidence.jsonl", b'{"b": 2}\n')
    assert store.read("evidence.jsonl") == b'{"a": 1}\n{"b": 2}\n'


def test_several_lines_are_not_one(store: StateFolder) -> None:
    with pytest.raises(MigratorError):
        store.append_line("evidence.jsonl", b"a\nb")


def test_a_second_run_is_refused_with_the_owners_name(store: StateFolder, tmp_path: Path) -> None:
    other = StateFolder(tmp_path / "state", cluster())
    with store.lock("ann@laptop apply"), pytest.raises(Refused) as caught, other.lock("ben"):
        pass
    assert caught.value.code == "locked"
    assert "ann@laptop apply" in caught.value.message
    with other.lock("ben"):
        assert other.read("lock.owner") == b"ben"
    assert other.read("lock.owner") is None


def test_other_clusters_are_not_locked(store: StateFolder, tmp_path: Path) -> None:
    with store.lock("a"), StateFolder(tmp_path / "state", cluster(name="test")).lock("b"):
        pass


def test_a_lock_ends_with_its_process(store: StateFolder, tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom migrator.adapters.state_files import "
        "StateFolder\n"
        "from migrator.model.plan import ClusterRef\n"
        "ref = ClusterRef('prod', 'arn:x', '111122223333', 'eu-central-1', 'aws', 'CONFIG_MAP')\n"
        "lock = StateFolder(Path(sys.argv[1]), ref).lock('the "
        "dead')\nlock.__enter__()\nos._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "state")], check=False)
    assert done.returncode == 9
    assert store.read("lock.owner") == b"the dead"
    with store.lock("the living"):
        assert store.read("lock.owner") == b"the living"


def test_errors_inside_the_lock_pass_and_release_it(store: StateFolder) -> None:
    with pytest.raises(ZeroDivisionError), store.lock("a"):
        raise ZeroDivisionError
    with store.lock("b"):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="ascii")
    with pytest.raises(MigratorError) as caught:
        StateFolder(tmp_path / "state", cluster()).write("plan.json", b"{}")
    assert caught.value.code == "state-unwritable"


def test_the_lock_of_a_process_that_lives_is_not_broken(store: StateFolder, tmp_path: Path) -> None:
    other = StateFolder(tmp_path / "state", cluster())
    assert not other.break_lock("ann")
    with store.lock("ann"):
        for owner, code in (("ann", "locked"), ("ben", "lock-owner-differs")):
            with pytest.raises(Refused) as caught:
                other.break_lock(owner)
            assert (caught.value.code, "ann" in caught.value.message) == (code, True)


@pytest.mark.parametrize("place", ["s3:/bucket/team", "S3:/bucket", "s3:"])
def test_a_bucket_that_is_misspelled_is_no_folder(place: str) -> None:
    with pytest.raises(WrongUse):
        StateFolder(Path(place), cluster())
