"""Changes to a running world on the AWS side, for ``POST /_lab/v1/world``: what no API of AWS
offers.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from migrator.lab.worlds.lab_cluster import AUTOMATIC
from migrator.lab.worlds.principals import WebIdentity
from migrator.lab.worlds.raw_parts import items_of
from migrator.lab.worlds.world import World


def add_aws_controls(world: World) -> None:
    """Put the AWS side's changes into ``world.controls``.

    ``settings``: delays in seconds of lab time. ``awsClock``: how many seconds AWS's clock is ahead
    of this machine's (``{aheadSeconds}``). ``permissions``: by ARN, ``{deniedActions,
    allowedActions, deniedBy}``. ``automatic``: by cluster name, the kinds of entries that EKS will
    make automatically. ``webIdentityToken``: a new token of an OpenID Connect provider
    (``{providerArn, subject, audience}``). ``signIn``: a user signs in to IAM Identity Center
    (``{userName}``); returns the access token. ``endSessions``: all sessions of Session Manager
    end, as they do when a network breaks.
    """
    world.controls["settings"] = lambda body: _settings(world, body)
    world.controls["awsClock"] = lambda body: _aws_clock(world, body)
    world.controls["permissions"] = lambda body: _permissions(world, body)
    world.controls["automatic"] = lambda body: _automatic(world, body)
    world.controls["signIn"] = lambda body: {"accessToken": world.sign_in(str(body["userName"]))}
    world.controls["endSessions"] = lambda _body: _end_sessions(world)
    world.controls["webIdentityToken"] = lambda body: _web_identity(world, body)


def _settings(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Change delays, in seconds of lab time. Clusters have their own copies of two of them, which
    change too. Raises ValueError for a delay that is not known.
    """
    delays = {key: timedelta(seconds=float(value)) for key, value in body.items()}
    with world.lock:
        for key, delay in delays.items():
            if key == "propagationSeconds":
                world.settings.propagation = delay
                for cluster in world.clusters.values():
                    cluster.propagation = delay
            elif key == "updateSeconds":
                world.settings.update_duration = delay
                for cluster in world.clusters.values():
                    cluster.update_duration = delay
            elif key == "iamPropagationSeconds":
                world.settings.iam_propagation = delay
            elif key == "tokenCacheSeconds":
                world.settings.token_cache = delay
            else:
                raise ValueError(f"unknown setting {key}")
    return {}


def _aws_clock(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set how far AWS's clock is ahead, in seconds; below 0 it is behind."""
    world.clock.ahead = timedelta(seconds=float(body["aheadSeconds"]))
    return {}


def _permissions(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Change what principals may do, by ARN: ``{deniedActions, allowedActions, deniedBy}``; without
    the second one everything that is not denied. Raises ValueError for a principal that does not
    exist.
    """
    with world.lock:
        for arn, change in body.items():
            principal = world.principal(arn)
            if principal is None:
                raise ValueError(f"no principal {arn} in this world")
            allowed = change.get("allowedActions")
            if allowed is not None:
                allowed = tuple(allowed)
            principal.permissions.denied = tuple(items_of(change, "deniedActions"))
            principal.permissions.allowed = allowed
            principal.permissions.denied_by = str(change.get("deniedBy", ""))
    return {}


def _automatic(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Change which entries EKS will make itself, by name of the cluster. Raises ValueError for a
    kind that is not known.
    """
    with world.lock:
        for name, kinds in body.items():
            if unknown := set(kinds) - AUTOMATIC:
                raise ValueError(
                    f"automatic knows {', '.join(sorted(AUTOMATIC))}, not "
                    f"{', '.join(sorted(unknown))}"
                )
            world.cluster(name).automatic = frozenset(kinds)
    return {}


def _end_sessions(world: World) -> Mapping[str, Any]:
    with world.lock:
        open_ones = [each for each in world.ssm_sessions.values() if not each.ended]
    for session in open_ones:
        session.end()
    return {"ended": len(open_ones)}


def _web_identity(world: World, body: Mapping[str, Any]) -> Mapping[str, Any]:
    identity = WebIdentity(
        str(body["providerArn"]),
        str(body["subject"]),
        str(body.get("audience", "sts.amazonaws.com")),
    )
    return {"token": world.web_identity_token(identity)}
