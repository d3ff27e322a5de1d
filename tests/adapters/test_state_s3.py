"""State in S3: the promises of the folder, by conditional writes."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from moto.core.botocore_stubber import BotocoreStubber

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.clock import machine_time
from migrator.adapters.state_s3 import LEASE, StateBucket, open_bucket_state
from migrator.adapters.tasks_threads import Threads
from migrator.errors import Failed, MigratorError, Refused, WrongUse
from migrator.fleet.adapters.state import FleetBucket
from migrator.model.plan import ClusterRef
from tests.support.moto_aws import moto_aws

AT = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
BUCKET = "migration-state"
CLUSTER = ClusterRef("prod", "arn:x", "111122223333", "eu-central-1", "aws", "CONFIG_MAP")
FOLDER = "team/aws/111122223333/eu-central-1/prod"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with moto_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def store(url: str = f"s3://{BUCKET}/team", *, lease: timedelta = LEASE) -> StateBucket:
    session = AwsSession(boto3.Session(region_name="us-east-1"), run="r1")
    return open_bucket_state(session, url, CLUSTER, Threads(4), lease=lease)


def put_lock(s3: Any, owner: str, *, expires: datetime) -> None:  # noqa: ANN401 - boto3's client
    text = json.dumps({"owner": owner, "expires": expires.isoformat()})
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/lock", Body=text.encode())


@pytest.mark.parametrize("url", ["s3://", "http://x/y", "s3:/b/c", "s3://b/c?x=1", "relative"])
def test_only_a_bucket_can_be_named(url: str, s3: Any) -> None:  # noqa: ANN401
    with pytest.raises(WrongUse):
        store(url)


def test_the_key_names_partition_account_region_and_cluster(s3: Any) -> None:  # noqa: ANN401
    state = store()
    assert state.location == f"s3://{BUCKET}/{FOLDER}"
    state.write("backup/aws-auth.json", b"{}")
    assert (
        s3.get_object(Bucket=BUCKET, Key=f"{FOLDER}/backup/aws-auth.json")["Body"].read() == b"{}"
    )
    assert store(f"s3://{BUCKET}").location == f"s3://{BUCKET}/aws/111122223333/eu-central-1/prod"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", ".hidden", ""])
def test_names_stay_inside_the_prefix(name: str, s3: Any) -> None:  # noqa: ANN401
    with pytest.raises(MigratorError) as caught:
        store().write(name, b"")
    assert caught.value.code == "name-invalid"


def test_what_is_written_is_read_and_absent_is_none(s3: Any) -> None:  # noqa: ANN401
    state = store()
    assert state.read("plan.json") is None
    assert state.read("evidence.jsonl") is None
    state.write("plan.json", b"old")
    state.write("plan.json", b"new")
    assert state.read("plan.json") == b"new"


def test_records_are_chained_and_another_run_goes_on(s3: Any) -> None:  # noqa: ANN401
    first = store().append_record(None, "run-started", {"run": "r"}, AT)
    state = store()
    second = state.append_record("s01", "intended", {}, AT)
    third = state.append_record("s01", "done", {}, AT)
    assert (second.n, second.prev, third.prev) == (2, first.digest, second.digest)
    assert store().journal() == (first, second, third)
    assert (store().read("journal.jsonl") or b"").count(b"\n") == 3


def test_two_runs_cannot_both_write_the_next_record(s3: Any) -> None:  # noqa: ANN401
    one, other = store(), store()
    one.append_record(None, "run-started", {}, AT)
    other.append_record("s01", "intended", {"by": "other"}, AT)
    with pytest.raises(Refused) as caught:
        one.append_record("s01", "intended", {"by": "one"}, AT)
    assert caught.value.code == "lock-lost"
    assert [record.effect for record in other.journal()][1:] == [{"by": "other"}]


def test_a_record_whose_answer_was_lost_counts_once(s3: Any) -> None:  # noqa: ANN401
    state = store()
    key = f"{FOLDER}/journal.jsonl/00000001"
    assert state._put_new(key, b"same")
    assert state._put_new(key, b"same")
    assert not state._put_new(key, b"other")


def test_a_changed_record_is_damage(s3: Any) -> None:  # noqa: ANN401
    state = store()
    state.append_record("s01", "intended", {"text": "x"}, AT)
    key = f"{FOLDER}/journal.jsonl/00000001"
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=content.replace(b'"x"', b'"y"'))
    for attempt in (store().journal, lambda: store().append_record(None, "done", {}, AT)):
        with pytest.raises(MigratorError) as caught:
            attempt()
        assert caught.value.code == "journal-damaged"


def test_a_missing_record_is_damage(s3: Any) -> None:  # noqa: ANN401
    state = store()
    for _ in range(3):
        state.append_record("s01", "intended", {}, AT)
    s3.delete_object(Bucket=BUCKET, Key=f"{FOLDER}/journal.jsonl/00000002")
    with pytest.raises(MigratorError) as caught:
        store().journal()
    assert caught.value.code == "journal-damaged"


@pytest.mark.parametrize("left", [0, 1, 40])
@pytest.mark.parametrize("record", [1, 3])
def test_a_record_that_was_cut_is_damage_in_every_place(left: int, record: int, s3: Any) -> None:  # noqa: ANN401
    """The last line of a file may be torn; an object of S3 never is."""
    state = store()
    for _ in range(3):
        state.append_record("s01", "intended", {}, AT)
    key = f"{FOLDER}/journal.jsonl/{record:08}"
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=content[:left])
    with pytest.raises(MigratorError) as caught:
        store().append_record(None, "done", {}, AT)
    assert caught.value.code == "journal-damaged"


def test_a_folder_that_a_console_made_is_no_record(s3: Any) -> None:  # noqa: ANN401
    state = store()
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/journal.jsonl/", Body=b"")
    first = state.append_record(None, "run-started", {}, AT)
    assert store().journal() == (first,)


def test_lines_come_back_in_order(s3: Any) -> None:  # noqa: ANN401
    state = store()
    for number in range(12):
        state.append_line("evidence.jsonl", json.dumps(number).encode())
    assert [
        json.loads(line) for line in (state.read("evidence.jsonl") or b"").splitlines()
    ] == list(range(12))


def test_lines_are_never_replaced(s3: Any) -> None:  # noqa: ANN401
    with pytest.raises(MigratorError):
        store().write("evidence.jsonl", b"")
    with pytest.raises(MigratorError):
        store().append_line("evidence.jsonl", b"a\nb")


def test_a_second_run_is_refused_with_the_owners_name(s3: Any) -> None:  # noqa: ANN401
    with store().lock("ann@laptop apply"), pytest.raises(Refused) as caught, store().lock("ben"):
        pass
    assert caught.value.code == "locked"
    assert "ann@laptop apply" in caught.value.message
    with store().lock("ben"):
        pass


def test_the_lock_of_a_dead_run_expires(s3: Any) -> None:  # noqa: ANN401
    put_lock(s3, "the dead", expires=machine_time() - timedelta(seconds=1))
    with store().lock("the living"), pytest.raises(Refused) as caught, store().lock("third"):
        pass
    assert "the living" in caught.value.message


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"[]", b'{"owner": "x"}', b'{"expires": "soon"}']
)
def test_a_lock_that_cannot_be_read_is_a_lock(content: bytes, s3: Any) -> None:  # noqa: ANN401
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/lock", Body=content)
    with pytest.raises(Refused) as caught, store().lock("me"):
        pass
    # To wait would be in vain.
    assert "never expires" in caught.value.why
    assert caught.value.remedy == "Delete that object once no run is under way."


def test_the_lock_of_a_fleet_is_told_as_one(s3: Any) -> None:  # noqa: ANN401
    def state() -> FleetBucket:
        session = AwsSession(boto3.Session(region_name="us-east-1"), run="r1")
        return FleetBucket(session, f"s3://{BUCKET}/eks", "workloads", Threads(4))

    with state().lock("fleet apply"), pytest.raises(Refused) as caught, state().lock("me"):
        pass
    assert caught.value.message == "Another run works on this fleet: fleet apply."
    # No command of a fleet has --break-lock.
    assert "--break-lock" not in caught.value.remedy


def test_a_lock_can_be_broken_by_name(s3: Any) -> None:  # noqa: ANN401
    assert not store().break_lock("stuck")
    put_lock(s3, "stuck", expires=machine_time() + timedelta(hours=1))
    with pytest.raises(Refused) as caught:
        store().break_lock("somebody else")
    assert caught.value.code == "lock-owner-differs"
    assert "stuck" in caught.value.message
    assert store().break_lock("stuck")
    with store().lock("me"):
        pass


def test_a_run_whose_lock_was_broken_writes_no_more(s3: Any) -> None:  # noqa: ANN401
    state = store(lease=timedelta(seconds=0.25))  # renewed every 50 ms
    with state.lock("ann"):
        state.append_record(None, "run-started", {}, AT)
        broken = False
        while not broken:
            try:
                broken = store().break_lock("ann")
            except Refused as refused:
                assert (
                    refused.code == "locked"
                )  # renewed between look and deletion: looked at again
        assert state._lost.wait(5)
        with pytest.raises(Refused) as caught:
            state.append_record("s01", "intended", {}, AT)
    assert caught.value.code == "lock-lost"


def test_whose_lock_was_taken_writes_no_more(s3: Any) -> None:  # noqa: ANN401
    state = store(lease=timedelta(seconds=0.25))  # renewed every 50 ms
    with state.lock("ann"):
        state.append_record(None, "run-started", {}, AT)
        put_lock(s3, "ben", expires=machine_time() + timedelta(hours=1))
        assert state._lost.wait(5)
        with pytest.raises(Refused) as caught:
            state.append_record("s01", "intended", {}, AT)
    assert caught.value.code == "lock-lost"
    with pytest.raises(Refused) as held, store().lock("third"):
        pass
    assert "ben" in held.value.message  # ann did not take ben's lock away


def test_a_lock_is_renewed_while_it_is_held(s3: Any) -> None:  # noqa: ANN401
    state = store(lease=timedelta(seconds=0.5))
    with state.lock("ann"):
        threading.Event().wait(0.8)
        assert not state._lost.is_set()
        with pytest.raises(Refused), store().lock("ben"):
            pass


def test_calls_of_many_threads_take_turns_in_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]

    def process(_stubber: object, _request: object) -> tuple[int, dict[str, str], bytes]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        inside[0] -= 1
        return 200, {}, b""

    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(BotocoreStubber, "process_request", process)
    with moto_aws():
        client = boto3.client("s3")
        Threads(4).map(lambda key: client.get_object(Bucket=BUCKET, Key=key), ["key"] * 4)
    assert most == [1]


@pytest.mark.parametrize("number", [2, 3])
def test_a_lock_that_cannot_be_proven_is_left_to_nobody(
    s3: Any,  # noqa: ANN401
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = store()
    call, puts = state._call, []

    def denied_later(method: str, **parameters: Any) -> Any:  # noqa: ANN401 - boto3's
        if method == "put_object":
            puts.append(method)
            if len(puts) == number:
                raise Failed("iam-denied", "IAM does not allow s3:PutObject.")
        return call(method, **parameters)

    monkeypatch.setattr(state, "_call", denied_later)
    with pytest.raises(Failed) as caught, state.lock("me"):
        pass
    assert caught.value.code == "iam-denied"
    with store().lock("me again"):
        pass


def test_a_missing_bucket_is_told(s3: Any) -> None:  # noqa: ANN401
    attempts: list[Callable[[], object]] = [
        lambda: store("s3://no-such-bucket-here/x").write("plan.json", b""),
        lambda: store("s3://no-such-bucket-here/x").journal(),
    ]
    for attempt in attempts:
        with pytest.raises(MigratorError) as caught:
            attempt()
        assert caught.value.code == "bucket-not-found"


def test_a_matrix_is_one_object_for_readers_that_know_nothing_of_us(s3: Any) -> None:  # noqa: ANN401
    session = AwsSession(boto3.Session(region_name="us-east-1"), run="r1")
    state = FleetBucket(session, f"s3://{BUCKET}/eks", "workloads", Threads(4))
    for lines in (b'{"n":1}\n{"n":2}\n', b'{"n":3}\n'):
        state.write("matrix.jsonl", lines)
        assert (
            s3.get_object(Bucket=BUCKET, Key="eks/fleet/workloads/matrix.jsonl")["Body"].read()
            == lines
        )
        assert state.read("matrix.jsonl") == lines
