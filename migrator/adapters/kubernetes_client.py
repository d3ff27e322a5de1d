"""One identity at one API server: requests with its login, answers or our errors, listings to the
last page.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from migrator.adapters.eks_token import TokenMint
from migrator.adapters.kubernetes_errors import Endpoint, refused
from migrator.adapters.kubernetes_wire import Answer, Explain, KubernetesWire, open_wire, query
from migrator.errors import Failed, MigratorError
from migrator.model.aws_auth import FIELD_MANAGER
from migrator.ports import Raw

PAGE = 500  # objects; what kubectl asks for
_KEEP_SECONDS = 300.0  # a token counts for 14 minutes


class Login(Protocol):
    """Where the Authorization header comes from."""

    def header(self, *, fresh: bool = False) -> str | None:
        """The header's value. ``fresh``: what it gave before was not accepted."""
        ...


class MintedLogin:
    """The caller's own login: minted tokens, each used for at most five minutes, in memory only."""

    def __init__(self, mint: TokenMint) -> None:
        self._mint = mint
        self._lock = threading.Lock()
        self._kept: tuple[float, str] | None = None

    def __repr__(self) -> str:
        return "MintedLogin(hidden)"

    def header(self, *, fresh: bool = False) -> str:
        """``Bearer …``."""
        with self._lock:
            now = time.monotonic()
            if fresh or self._kept is None or now - self._kept[0] > _KEEP_SECONDS:
                self._kept = (now, f"Bearer {self._mint.mint().reveal()}")
            return self._kept[1]


class ServiceAccountLogin:
    """A pod's own login: the mounted token, read again for each request because the kubelet renews
    it.
    """

    def __init__(self, token_file: Path) -> None:
        self._file = token_file

    def header(self, *, fresh: bool = False) -> str:
        """``Bearer …``. Raises ``no-credentials`` where no token is mounted."""
        try:
            return f"Bearer {self._file.read_text(encoding='utf-8').strip()}"
        except OSError as error:
            why = f"{self._file}: {error.strerror}"
            raise Failed(
                "no-credentials", "The pod has no service account token.", why=why
            ) from error


class KubernetesClient:
    """Requests as one identity. Safe to share between threads."""

    def __init__(self, wire: KubernetesWire, login: Login) -> None:
        self.wire = wire
        self._login = login
        # What is known of a login that is not accepted, for the error; None: nothing more.
        self.explain_login: Callable[[MigratorError], MigratorError] | None = None

    def send(
        self,
        verb: str,
        method: str,
        path: str,
        resource: str,
        **options: Any,
    ) -> Answer:
        """One request; a 401 is tried once more with a fresh login. Raises for every status but
        2xx.
        """
        about = (verb, resource)
        answer = self.wire.send(
            method, path, authorization=self._login.header(), about=about, **options
        )
        if answer.status == 401:
            header = self._login.header(fresh=True)
            answer = self.wire.send(method, path, authorization=header, about=about, **options)
        if not 200 <= answer.status < 300:
            error = refused(self.wire.endpoint, answer.status, answer.body, verb, resource)
            if error.code == "not-authenticated" and self.explain_login is not None:
                raise self.explain_login(error)
            raise error
        return answer

    def get(self, path: str, resource: str) -> Raw:
        """One object. Raises ``not-found``, ``kubernetes-denied``, ``not-authenticated``."""
        found: Raw = self.send("get", "GET", path, resource).json()
        return found

    def find(self, path: str, resource: str) -> Raw | None:
        """One object, None when there is none."""
        return _none_when_absent(lambda: self.get(path, resource))

    def list(self, path: str, resource: str, **parameters: str) -> list[Raw]:
        """All objects of a listing, with the ``kind`` and ``apiVersion`` that lists leave out of
        their items.

        A continue token that expired on the way (410) starts the listing again, once, in one page.
        """
        items: list[Raw] = []
        ask = {"limit": str(PAGE), **parameters}
        while True:
            answer = self.wire.send(
                "GET",
                path + query(ask),
                authorization=self._login.header(),
                about=("list", resource),
            )
            if answer.status == 410 and "continue" in ask:
                items, ask = [], dict(parameters)
                continue
            if answer.status != 200:  # the login's second chance, and our errors
                answer = self.send("list", "GET", path + query(ask), resource)
            document = answer.json()
            kind = str(document.get("kind", "")).removesuffix("List")
            version = str(document.get("apiVersion", ""))
            items.extend(
                {"apiVersion": version, "kind": kind, **item}
                for item in document.get("items") or ()
            )
            token = (document.get("metadata") or {}).get("continue")
            if not token:
                return items
            ask["continue"] = str(token)

    def write(
        self,
        verb: str,
        method: str,
        path: str,
        resource: str,
        body: object,
        **options: Any,
    ) -> Raw:
        """A write with our field manager."""
        written: Raw = self.send(
            verb,
            method,
            path + query({"fieldManager": FIELD_MANAGER}),
            resource,
            body=body,
            **options,
        ).json()
        return written


def _none_when_absent(read: Callable[[], Raw]) -> Raw | None:
    try:
        return read()
    except Failed as error:
        if error.code == "not-found":
            return None
        raise


def open_in_cluster(
    environment: Mapping[str, str],
    *,
    mount: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount"),
    explain: Explain | None = None,
) -> KubernetesClient:
    """The API server as a pod sees it, with its service account; ``explain`` as for
    :func:`migrator.adapters.kubernetes_wire.open_wire`. Raises ``not-in-cluster``.
    """
    host, port = (
        environment.get("KUBERNETES_SERVICE_HOST"),
        environment.get("KUBERNETES_SERVICE_PORT", "443"),
    )
    try:
        ca_pem = (mount / "ca.crt").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        ca_pem = ""
    if not host or not ca_pem:
        raise Failed(
            "not-in-cluster",
            "This is no pod with a service account.",
            remedy="Run it inside the cluster.",
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return KubernetesClient(
        open_wire(Endpoint(server=server, ca_pem=ca_pem), explain=explain),
        ServiceAccountLogin(mount / "token"),
    )
