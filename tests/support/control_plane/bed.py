"""What a scenario needs of a cluster, and the embedded lab as one that has it.

A scenario changes the AWS side (principals, entries, mode) through ``bed.lab``, which is the lab's
for both clusters, and the Kubernetes side through the bed; it waits with ``settle`` and ``forget``,
which step time here and take time there.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Protocol

from tests.support.kubernetes_lab import Answer, Json, KubernetesLab, kubernetes_lab, token_of

STS = "https://sts.eu-central-1.amazonaws.com"
SETTLED = timedelta(seconds=2)
REMEMBERED = timedelta(seconds=10)


class Bed(Protocol):
    """A cluster to ask, and the AWS side beside it."""

    name: str
    lab: KubernetesLab

    def put_aws_auth(self, data: Mapping[str, str] | None) -> None:
        """Make ``data`` the ConfigMap's, or delete it."""

    def put(self, found: Json) -> None:
        """Make or replace an object, as an administrator."""

    def aggregate(self) -> None:
        """Return once aggregated ClusterRoles have the rules that they select."""

    def settle(self) -> None:
        """Return once everything that was changed is in force."""

    def forget(self) -> None:
        """Return once no token that was accepted is remembered any more."""

    def admin(self) -> str:
        """A token of an administrator who is no IAM principal."""

    def ask(
        self,
        token: str,
        method: str,
        target: str,
        body: object = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request."""


_EXPIRES: Iterator[int] = itertools.cycle(range(60, 900))


def fresh_token(bed: Bed, arn: str, session: str = "s1") -> str:
    """A token that nobody has seen: a user's two tokens of one second would be one but for how long
    they live.
    """
    return token_of(
        bed.lab.world,
        arn,
        session,
        cluster=bed.lab.cluster.name,
        endpoint=STS,
        expires=next(_EXPIRES),
    )


def who(bed: Bed, token: str) -> Json | None:
    """The caller's UserInfo, None for 401; the text of a refusal where it may not ask (403)."""
    answer = bed.ask(
        token,
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        _review("SelfSubjectReview"),
    )
    if answer.code == 401:
        return None
    if answer.code == 403:
        return {"refused": answer.message}
    assert answer.code == 201, answer
    user: Json = answer.body["status"]["userInfo"]
    return user


def can(bed: Bed, token: str, **attributes: str) -> Json:
    """The status of a SelfSubjectAccessReview."""
    body = {
        **_review("SelfSubjectAccessReview", "authorization.k8s.io/v1"),
        "spec": _spec(attributes),
    }
    answer = bed.ask(token, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert answer.code == 201, answer
    status: Json = answer.body["status"]
    return status


def could(bed: Bed, token: str, user: Mapping[str, Any], **attributes: str) -> Json:
    """The status of a SubjectAccessReview about ``user`` (``user``, ``groups``, ``extra``), asked
    with ``token``.
    """
    body = {
        **_review("SubjectAccessReview", "authorization.k8s.io/v1"),
        "spec": {**user, **_spec(attributes)},
    }
    answer = bed.ask(token, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert answer.code == 201, answer
    status: Json = answer.body["status"]
    return status


def shown(user: Json | None) -> Json:
    """A login as the recorded vectors write it."""
    if user is None:
        return {"authenticated": False}
    groups = [group for group in user.get("groups", []) if group != "system:authenticated"]
    extra = sorted(user.get("extra", {}))
    return {
        "authenticated": True,
        "username": user.get("username", ""),
        "groups": groups,
        "extra": extra,
    }


def _review(kind: str, version: str = "authentication.k8s.io/v1") -> Json:
    return {"apiVersion": version, "kind": kind}


def _spec(attributes: Mapping[str, str]) -> Json:
    return {
        "nonResourceAttributes" if "path" in attributes else "resourceAttributes": dict(attributes)
    }


class EmbeddedBed:
    """The lab, asked in process; its clock stands still but for ``settle`` and ``forget``."""

    name = "embedded"

    def __init__(self) -> None:
        self.lab = kubernetes_lab("CONFIG_MAP")
        self.lab.world.clock.freeze()
        self.lab.world.settings.token_cache = REMEMBERED
        self._admin = self.lab.admin()

    def put_aws_auth(self, data: Mapping[str, str] | None) -> None:
        if data is None:
            self.lab.api.registry.store.remove(("", "configmaps"), "kube-system", "aws-auth")
        else:
            self.lab.set_aws_auth(**data)

    def put(self, found: Json) -> None:
        self.lab.api.registry.load(found)

    def aggregate(self) -> None:
        """Its registry aggregates with each write."""

    def settle(self) -> None:
        self.lab.world.clock.advance(SETTLED)

    def forget(self) -> None:
        self.lab.world.clock.advance(REMEMBERED)

    def admin(self) -> str:
        return self._admin

    def ask(
        self,
        token: str,
        method: str,
        target: str,
        body: object = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {name.lower(): [value] for name, value in (headers or {}).items()}
        return self.lab.ask(token, method, target, body, content_type, sent)

    def stop(self) -> None:
        """Nothing runs."""


def rows(mapped: Mapping[str, tuple[str, list[str]]]) -> dict[str, str]:
    """aws-auth's data from ARN -> (username, groups), as people write rows: a role's path is left
    out.
    """
    sections: dict[str, list[Json]] = {"mapRoles": [], "mapUsers": []}
    for arn, (username, groups) in mapped.items():
        head, mark, rest = arn.partition(":role/")
        if mark:
            row: Json = {
                "rolearn": f"{head}:role/{rest.rpartition('/')[2]}",
                "username": username,
                "groups": groups,
            }
            sections["mapRoles"].append(row)
        else:
            sections["mapUsers"].append({"userarn": arn, "username": username, "groups": groups})
    return {name: as_yaml(found) for name, found in sections.items()}


def as_yaml(found: object) -> str:
    """A section of aws-auth as JSON, which is YAML. go-yaml refuses the two escapes that JSON has
    for a character beyond U+FFFF, so that every character stands for itself.
    """
    return json.dumps(found, ensure_ascii=False)
