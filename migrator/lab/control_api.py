"""The lab's own controls under ``/_lab/v1/``: faults, time, the kill hook, changes to the world,
the log of effects.

The clock is open to every process of this machine; everything else wants the token that the lab
wrote into its directory. Requests that a browser could have been tricked into sending (an
``Origin``, a foreign ``Host``) are refused.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from migrator.lab.aws.operation_names import check_operation
from migrator.lab.http_wire import Request, Response
from migrator.lab.worlds.concurrent_writers import check_meanwhile
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.world import World
from migrator.model.moments import moment_of_text

PREFIX = "/_lab/v1/"
TOKEN_HEADER = "x-lab-token"  # noqa: S105 - a header's name
_OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")
Answer = Mapping[str, Any]


class ControlError(Exception):
    """A control request that cannot be obeyed; the text says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ControlApi:
    """Answers control requests. ``token`` is compared in constant time."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._posts: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "clock": self._step,
            "fault": self._fault,
            "latency": self._latency,
            "kill": self._kill,
            "world": self._change_world,
            "credentials": self._credentials,
        }

    def __call__(self, request: Request) -> Response:
        """Answer one control request."""
        try:
            return _json(200, self._answer(request))
        except ControlError as error:
            return _json(error.status, {"error": str(error)})
        except ValueError as error:
            return _json(400, {"error": str(error)})
        except (TypeError, KeyError, OverflowError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})

    def _answer(self, request: Request) -> Answer:
        """The document of an answer. Raises ControlError: 403 for a request that a web page of
        another origin could have sent or that lacks the token, 404 for a control that does not
        exist.

        A page can make a browser send requests to this machine, and resolve its own name to it: the
        first has an ``Origin``, the second a foreign ``Host``.
        """
        name = request.raw_path[len(PREFIX) :]
        host = request.joined("host").rpartition(":")[0]
        if "origin" in request.headers or host not in _OWN_HOSTS:
            raise ControlError("the lab is controlled from this machine only", 403)
        given = request.joined(TOKEN_HEADER).encode("utf-8", "replace")
        has_token = hmac.compare_digest(given, self._token.encode())
        if name != "clock" and not has_token:
            raise ControlError(f"the control token is missing or wrong ({TOKEN_HEADER})", 403)
        if request.method == "GET":
            return self._get(name, dict(parse_qsl(request.raw_query)))
        if request.method != "POST" or name not in self._posts:
            raise ControlError(f"no control {request.method} {name}", 404)
        body = json.loads(request.body or b"{}")
        if not isinstance(body, dict):
            raise ControlError("the body must be an object")
        return self._posts[name](body)

    def _get(self, name: str, query: Mapping[str, str]) -> Answer:
        """What is asked with GET: the clock, effects since a number, faults, the world, the
        oracle's report.
        """
        world = self._world
        if name == "clock":
            return self._show_clock()
        if name == "effects":
            effects = world.effects.all(int(query.get("since", "0")))
            shown = [{**asdict(each), "at": each.at.isoformat()} for each in effects]
            return {"effects": shown, "count": len(world.effects)}
        if name == "fault":
            return self._show_faults()
        if name == "world":
            return self._show_world()
        if name == "oracle" and world.oracle is not None:
            report: Answer = world.oracle.report()
            return report
        raise ControlError(f"no control GET {name}", 404)

    def _show_faults(self) -> Answer:
        """The faults that are injected, with how often each has struck."""
        return {"faults": [_show_fault(fault) for fault in self._world.faults.all()]}

    def _show_clock(self) -> Answer:
        """Lab time and machine time in ISO 8601, and how far they are apart."""
        clock = self._world.clock
        return {
            "now": clock.now().isoformat(),
            "machineNow": clock.machine_now().isoformat(),
            "offsetSeconds": clock.offset.total_seconds(),
            "frozen": clock.frozen,
        }

    def _show_world(self) -> Answer:
        """Names and ARNs of what the world holds; no keys are among them."""
        with self._world.lock:
            clusters = [
                {
                    "name": item.name,
                    "account": item.account,
                    "region": item.region,
                    "arn": item.arn,
                }
                for item in self._world.clusters.values()
            ]
            return {
                "name": self._world.name,
                "operator": self._world.settings.operator,
                "accounts": sorted(self._world.accounts),
                "principals": [principal.arn for principal in self._world.principals()],
                "clusters": clusters,
            }

    def _step(self, body: Mapping[str, Any]) -> Answer:
        """Freeze or thaw the clock, advance it by seconds, or to a moment with an offset from
        UTC.
        """
        clock = self._world.clock
        with self._world.lock:
            if body.get("freeze"):
                clock.freeze()
            if body.get("thaw"):
                clock.thaw()
            if "advance" in body:
                clock.advance(timedelta(seconds=float(body["advance"])))
            if "advanceTo" in body:
                moment = moment_of_text(str(body["advanceTo"]))
                if moment.tzinfo is None:
                    raise ControlError("advanceTo needs an offset from UTC")
                clock.advance_to(moment)
        return self._show_clock()

    def _fault(self, body: Mapping[str, Any]) -> Answer:
        """Remove all faults (``clear``), inject one (the members of :class:`Fault`), or both in
        this order.

        Raises ControlError for an unknown member, ValueError for a fault that could never strike.
        """
        if body.get("clear"):
            self._world.faults.clear()
        if "operation" not in body:
            return self._show_faults()
        # The counts are the lab's own.
        known = {item.name for item in fields(Fault) if item.init} - {"seen", "struck"}
        unknown = set(body) - known - {"clear"}
        if unknown:
            raise ControlError(f"unknown members of a fault: {', '.join(sorted(unknown))}")
        fault = Fault(**{key: value for key, value in body.items() if key in known})
        check_operation(fault.operation)
        check_meanwhile(self._world, fault)
        self._world.faults.add(fault)
        return self._show_faults()

    def _latency(self, body: Mapping[str, Any]) -> Answer:
        self._world.latency.set(str(body.get("operation", "*")), float(body["seconds"]))
        return {}

    def _kill(self, body: Mapping[str, Any]) -> Answer:
        """Arm the kill of a client's process after its n-th effect: before the next one, or while
        the answer is on its way. ``cancel`` disarms it.
        """
        if body.get("cancel"):
            self._world.effects.cancel_kill()
            return {"armed": False}
        point = body.get("point", "answer-lost")
        if point not in ("answer-lost", "before-next"):
            raise ControlError("point must be answer-lost or before-next")
        self._world.effects.order_kill(int(body["pid"]), int(body["after"]), point)
        return {"armed": True}

    def _credentials(self, body: Mapping[str, Any]) -> Answer:
        """Keys of a principal, of the operator where none is named. Raises ControlError 404 for a
        principal that does not exist.
        """
        arn = str(body.get("principalArn") or self._world.settings.operator or "")
        try:
            found = self._world.credentials_of(arn, str(body.get("sessionName") or "lab"))
        except KeyError as error:
            raise ControlError(str(error.args[0]), 404) from None
        return {
            "AccessKeyId": found.access_key_id,
            "SecretAccessKey": found.secret_access_key,
            "SessionToken": found.session_token,
        }

    def _change_world(self, body: Mapping[str, Any]) -> Answer:
        """Run named changes; each side of the lab brings its own (``world.controls``)."""
        unknown = set(body) - set(self._world.controls)
        if unknown:
            known = ", ".join(sorted(self._world.controls)) or "none"
            raise ControlError(f"unknown changes {', '.join(sorted(unknown))}; known are {known}")
        answer = {}
        for name, value in body.items():
            answer[name] = self._world.controls[name](value)
            if self._world.oracle is not None:
                self._world.oracle.look()
        return answer


def _show_fault(fault: Fault) -> dict[str, Any]:
    return {
        item.name: getattr(fault, item.name) for item in fields(fault) if item.name != "_random"
    }


def _json(status: int, document: Answer) -> Response:
    return Response(status, json.dumps(document).encode())
