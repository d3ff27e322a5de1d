"""Jobs whose container command is ``migrate`` run for real, as processes of this machine.

Job controller, scheduler and kubelet in one, as far as a single pod at a time needs them
(Kubernetes documentation, "Jobs"): a pod with a service account token, retries up to
``backoffLimit``, ``activeDeadlineSeconds`` on lab time, conditions, log, and the end of the process
when job or pod are deleted. Every other pod stays Pending.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.pod_sandbox import NotRunnableError, Surroundings, furnish, runnable
from migrator.lab.kubernetes.registry import Registry
from migrator.lab.kubernetes.store import Change
from migrator.lab.worlds.raw_parts import part_of

JOBS, PODS = ("batch", "jobs"), ("", "pods")
_LOG_LIMIT = 1024 * 1024
_TERMINATED = 143  # what a shell says of SIGTERM
_LOOK_SECONDS = 0.1
_END_SECONDS = 5.0
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Jobs:
    """Runs the jobs of one cluster from :meth:`start` to :meth:`stop`."""

    def __init__(self, registry: Registry, now: Callable[[], datetime]) -> None:
        self._registry, self._now = registry, now
        self._around: Callable[[], Surroundings] | None = None
        self._logs: dict[str, bytes] = {}
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        registry.store.on_change(self._notice)

    def start(self, around: Callable[[], Surroundings]) -> None:
        """Run jobs from now on, those that are there already too. ``around`` is asked when a pod
        starts.
        """
        if self._around is None:
            self._around = around
            for job in self._registry.store.items(JOBS)[0]:
                self._begin(job)

    def stop(self) -> None:
        """End every process that was started here."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=2 * _END_SECONDS)

    def log_of(self, pod: Json) -> bytes | None:
        """What a pod of ours has written so far; None for a pod that does not run."""
        return self._logs.get(pod["metadata"]["uid"])

    def _notice(self, change: Change) -> None:
        """Begin a job that was created. Changes of a job have no effect on its run."""
        if self._around is None:
            return
        if change.key == JOBS and change.type == "ADDED":
            self._begin(change.object)

    def _begin(self, job: Json) -> None:
        """Run a job in a separate thread, if its pod is one that the lab runs."""
        spec, status = part_of(job, "spec"), part_of(job, "status")
        # A suspended job waits, and one with conditions has ended.
        if spec.get("suspend") or status.get("conditions"):
            return
        if int(spec.get("completions") or 1) != 1:
            return
        if not runnable(part_of(spec, "template", "spec")):
            return
        thread = threading.Thread(target=self._run, args=(job,), name="lab-job", daemon=True)
        self._threads.append(thread)
        thread.start()

    # one job

    def _run(self, job: Json) -> None:
        """Run pods of a job until one succeeds, the deadline passes or there were too many
        failures.

        The pauses between pods double from 10 seconds to 6 minutes, on lab time (Kubernetes
        documentation, "Jobs", "Pod backoff failure policy").
        """
        spec = job["spec"]
        started = self._now()
        seconds = spec.get("activeDeadlineSeconds")
        deadline = started + timedelta(seconds=seconds) if seconds is not None else None
        failed, limit = 0, int(spec.get("backoffLimit", 6))
        self._set_status(job, {"startTime": _stamp(started), "active": 1, "ready": 1})
        while not self._over(job):
            code = self._run_pod(job, deadline)
            done: Json = {"startTime": _stamp(started)}
            if code == 0:
                done |= {
                    "succeeded": 1,
                    "completionTime": _stamp(self._now()),
                    "conditions": [self._is("Complete")],
                }
                self._set_status(job, done)
                return
            failed += 1
            late = deadline is not None and self._now() >= deadline
            done["failed"] = failed
            if late or failed > limit:
                reason = "DeadlineExceeded" if late else "BackoffLimitExceeded"
                self._set_status(job, {**done, "conditions": [self._is("Failed", reason)]})
                return
            self._set_status(job, {**done, "active": 1})
            self._wait(timedelta(seconds=min(10 * 2 ** (failed - 1), 360)), deadline)

    def _run_pod(self, job: Json, deadline: datetime | None) -> int:
        """Run one pod of the job to its end; its exit code, 1 where it could not even start."""
        pod = self._registry.load(_pod_of(job))
        around = self._around
        if around is None:
            return 1
        folder = Path(tempfile.mkdtemp(prefix="lab-pod-"))
        try:
            process = furnish(pod, folder, around())
            with (folder / "output").open("wb") as output:
                child = subprocess.Popen(  # noqa: S603 - an argument list, and the program is this one
                    process.arguments,
                    env=process.environment,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._set_pod(pod, "Running")
            code = self._follow(job, pod, child, folder / "output", deadline)
        except NotRunnableError as error:
            self._logs[pod["metadata"]["uid"]] = b""
            self._set_pod(pod, "Pending", waiting=str(error))
            return 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._set_pod(pod, "Succeeded" if code == 0 else "Failed", code=code)
        return code

    def _follow(
        self,
        job: Json,
        pod: Json,
        child: "subprocess.Popen[bytes]",
        output: Path,
        deadline: datetime | None,
    ) -> int:
        """Wait for the end of a pod's process and keep its log; its exit code.

        It is ended where :meth:`_must_end` says so. A program that exits with 0 on a signal was
        still ended, and counts as failed.
        """
        uid, ended = pod["metadata"]["uid"], False
        while child.poll() is None:
            self._logs[uid] = _read(output)
            if self._must_end(job, pod, deadline):
                _end(child)
                ended = True
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK_SECONDS)
        code = child.wait()
        self._logs[uid] = _read(output)
        if ended and code == 0:
            return _TERMINATED
        return code

    def _must_end(self, job: Json, pod: Json, deadline: datetime | None) -> bool:
        """Whether the pod or its job was deleted, the deadline has passed, or the lab stops."""
        metadata = pod["metadata"]
        if self._registry.store.get(PODS, metadata["namespace"], metadata["name"]) is None:
            return True
        if deadline is not None and self._now() >= deadline:
            return True
        return self._over(job)

    def _over(self, job: Json) -> bool:
        """Whether the job was deleted, or the lab stops."""
        metadata = job["metadata"]
        found = self._registry.store.get(JOBS, metadata["namespace"], metadata["name"])
        if self._stopping.is_set() or found is None:
            return True
        return bool(found["metadata"]["uid"] != metadata["uid"])

    def _wait(self, delay: timedelta, deadline: datetime | None) -> None:
        """The pause before a retry, on lab time."""
        end = self._now() + delay
        if deadline is not None:
            end = min(end, deadline)
        while self._now() < end and not self._stopping.wait(_LOOK_SECONDS):
            pass

    # status

    def _is(self, condition: str, reason: str = "") -> Json:
        """A condition of the job that is true from now on."""
        found: Json = {
            "type": condition,
            "status": "True",
            "lastTransitionTime": _stamp(self._now()),
        }
        if reason:
            found["reason"] = reason
        return found

    def _set_status(self, job: Json, status: Json) -> None:
        """Write the job's status, unless the job was deleted or another one has its name now."""
        metadata, store = job["metadata"], self._registry.store
        with store.lock:
            found = store.get(JOBS, metadata["namespace"], metadata["name"])
            if found is not None and found["metadata"]["uid"] == metadata["uid"]:
                store.put(
                    JOBS, metadata["namespace"], metadata["name"], {**found, "status": status}
                )

    def _set_pod(
        self,
        pod: Json,
        phase: str,
        *,
        code: int | None = None,
        waiting: str = "",
    ) -> None:
        """Write the pod's phase and the state of its container, unless the pod was deleted.

        ``code`` is the exit code of a container that ended, ``waiting`` why one cannot start.
        """
        metadata, store = pod["metadata"], self._registry.store
        container = pod["spec"]["containers"][0].get("name", "main")
        state: Json = {"running": {"startedAt": _stamp(self._now())}}
        if code is not None:
            state = {
                "terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}
            }
        if waiting:
            state = {"waiting": {"reason": "CreateContainerConfigError", "message": waiting}}
        status = {
            "phase": phase,
            "containerStatuses": [{"name": container, "ready": phase == "Running", "state": state}],
        }
        with store.lock:
            found = store.get(PODS, metadata["namespace"], metadata["name"])
            if found is not None:
                store.put(
                    PODS, metadata["namespace"], metadata["name"], {**found, "status": status}
                )


def _pod_of(job: Json) -> Json:
    """The next pod of a job, with a new name and the labels by which the job's pods are
    found (Kubernetes documentation, "Jobs").
    """
    metadata, template = job["metadata"], job["spec"]["template"]
    name = f"{metadata['name']}-" + "".join(secrets.choice(_LETTERS) for _ in range(5))
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {
        **part_of(template, "metadata", "labels"),
        "batch.kubernetes.io/job-name": metadata["name"],
        "job-name": metadata["name"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End every process of the container, as a kubelet does: SIGTERM first, then SIGKILL. The child
    leads a separate process group.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_END_SECONDS)


def _read(output: Path) -> bytes:
    with output.open("rb") as file:
        return file.read(_LOG_LIMIT)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
