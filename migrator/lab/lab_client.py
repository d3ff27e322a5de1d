"""What a shell, a test or the command line needs to use a running lab, read from its directory."""

import http.client
import json
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migrator.errors import Failed
from migrator.lab.control_api import PREFIX, TOKEN_HEADER
from migrator.lab.server import BIN_FOLDER
from migrator.model.lab_record import (
    DIRECTORY_VARIABLE,
    ENDPOINT_VARIABLE,
    NOTE_FILE,
    STATE_FILE,
    no_answer,
    no_lab,
)

# Whatever else could send boto3 somewhere else than to the lab.
UNSET_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "AWS_ENDPOINT_URL_EKS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTP_PROXY",
    "http_proxy",
)

# What the lab's environment sets or takes away, but for PATH.
LAB_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "NO_PROXY",
    "no_proxy",
    "MIGRATE_CLOCK_URL",
    DIRECTORY_VARIABLE,
    *UNSET_VARIABLES,
)
IN_LAB = "MIGRATE_IN_LAB"  # set in a shell that uses a lab
BEFORE = "MIGRATE_BEFORE_LAB_"  # and the name of a variable: what it was before


def lab_state(directory: Path) -> dict[str, Any]:
    """The state file of a running lab. Raises ``lab-not-running``, with when it was stopped."""
    state = _document(directory / STATE_FILE)
    if state is None:
        raise no_lab(str(directory), _document(directory / NOTE_FILE))
    return state


def _document(path: Path) -> dict[str, Any] | None:
    """A document of the lab's folder; None where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def lab_environment(directory: Path, path: str | None = None) -> dict[str, str]:
    """Variables that make boto3, the AWS CLI and this tool use the lab as its operator.

    ``path``: the ``PATH`` that the lab's programs come before, else that of this process. Take
    :data:`UNSET_VARIABLES` away first; a session token, where the operator has one, is in the
    result.
    """
    state = lab_state(directory)
    environment = {
        ENDPOINT_VARIABLE: state["endpoint"],
        DIRECTORY_VARIABLE: str(directory.absolute()),
        "AWS_REGION": state["region"],
        "AWS_DEFAULT_REGION": state["region"],
        "AWS_SHARED_CREDENTIALS_FILE": state["credentialsFile"],
        "AWS_CONFIG_FILE": state["configFile"],
        "AWS_EC2_METADATA_DISABLED": "true",
        # Whatever these were set to, it does not know the lab's certificate authority.
        "AWS_CA_BUNDLE": state["caFile"],
        "REQUESTS_CA_BUNDLE": state["caFile"],
        "SSL_CERT_FILE": state["caFile"],
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "MIGRATE_CLOCK_URL": state["endpoint"] + PREFIX + "clock",
        "PATH": _before(state["binFolder"], os.environ.get("PATH", "") if path is None else path),
    }
    if state.get("operator"):
        environment |= _variables(credentials_of(directory, state["operator"]))
    return environment


def _before(folder: str, path: str) -> str:
    """``PATH`` with a folder at its beginning, once, and without that of a lab used before."""
    used = os.environ.get(DIRECTORY_VARIABLE) or os.devnull
    gone = (folder, str(Path(used).resolve() / BIN_FOLDER))
    others = [each for each in path.split(os.pathsep) if each not in gone]
    return os.pathsep.join([folder, *others])


def credentials_of(directory: Path, principal_arn: str) -> dict[str, str]:
    """``AccessKeyId``, ``SecretAccessKey`` and, for a role, ``SessionToken`` of a principal. Raises
    ``lab-refused``.
    """
    found = control(directory, "POST", "credentials", {"principalArn": principal_arn})
    return {key: str(value) for key, value in found.items() if value is not None}


def _variables(keys: Mapping[str, str]) -> dict[str, str]:
    names = {
        "AccessKeyId": "AWS_ACCESS_KEY_ID",
        "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
        "SessionToken": "AWS_SESSION_TOKEN",
    }
    return {names[key]: value for key, value in keys.items()}


def enter_lab(directory: Path, environment: MutableMapping[str, str]) -> None:
    """Point ``environment`` (a copy, or ``os.environ``) at the lab."""
    variables = lab_environment(directory, environment.get("PATH"))
    for name in UNSET_VARIABLES:
        environment.pop(name, None)
    environment.update(variables)


def refuse_dead_lab(directory: Path) -> None:
    """Raises ``lab-not-running`` unless a lab answers: a state file outlives a lab that was
    killed.
    """
    control(directory, "GET", "world")


def entered_lab(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """A copy of ``environment`` that uses the lab and keeps what it replaces, as the lines of
    ``migrate lab env`` do.
    """
    entered = dict(environment)
    enter_lab(directory, entered)
    if IN_LAB not in environment:
        entered |= {
            BEFORE + name: environment[name] for name in LAB_VARIABLES if name in environment
        }
    return entered | {IN_LAB: "1"}


def path_without_lab(directory: Path, path: str) -> str:
    """``PATH`` without the lab's programs."""
    folder = str(directory.resolve() / BIN_FOLDER)
    return os.pathsep.join(each for each in path.split(os.pathsep) if each != folder)


def control(
    directory: Path, method: str, name: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ask the control API: ``control(directory, "POST", "clock", {"advance": 60})``. Raises
    ``lab-refused``.
    """
    state = lab_state(directory)
    token = Path(state["controlTokenFile"]).read_text(encoding="utf-8")
    connection = http.client.HTTPConnection(urlsplit(state["endpoint"]).netloc, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(
            method,
            PREFIX + name,
            content,
            {TOKEN_HEADER: token, "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except (OSError, ValueError) as error:
        raise no_answer(str(directory), state, str(error)) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Failed("lab-refused", f"the lab refused {name}", why=str(document.get("error")))
    result: dict[str, Any] = document
    return result
