"""Which log-ins of one principal a cluster admits: one half of access; the other is what a login
may do.

A role is many sessions. The authenticator admits or refuses a session by its name
(aws-iam-authenticator ``pkg/server/server.go``): a username or group with ``{{EC2PrivateDNSName}}``
admits only sessions that carry the id of an EC2 instance as their name and whose private DNS name
EC2 knows; an entry's username with a reserved prefix, after its templates are rendered, is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

SessionKind: TypeAlias = Literal["instance", "other", "user"]


@dataclass(frozen=True, slots=True)
class LogIns:
    """Log-ins of one kind of session.

    ``instance``: sessions of a role that are named after an EC2 instance of the cluster's account;
    ``other``: all other sessions of a role; ``user``: an IAM user or root user, which has no
    session. ``names``: only the sessions with these names; ``except_names``: all but these. At most
    one of the two holds names.
    """

    sessions: SessionKind
    names: tuple[str, ...] = ()
    except_names: tuple[str, ...] = ()


# At most one item for each kind of session. Empty: no login is admitted.
LogInPopulation: TypeAlias = tuple[LogIns, ...]

_SESSIONS: dict[SessionKind, str] = {
    "instance": "sessions of EC2 instances",
    "other": "sessions that are not an EC2 instance's",
    "user": "the user itself",
}


def log_in_words(log_ins: LogIns) -> str:
    """The log-ins of one part in words, for example ``sessions that are not an EC2 instance's``.

    Names are as they are: foreign text for who writes it out.
    """
    if log_ins.names:
        return f"sessions named {', '.join(log_ins.names)}"
    return _SESSIONS[log_ins.sessions] + _exception(log_ins.except_names)


def population_words(population: LogInPopulation) -> str:
    """Who can log in, in words.

    For example ``every session of the role``, ``only sessions of EC2 instances`` or ``no log-in``.
    """
    if not population:
        return "no log-in"
    if {each.sessions for each in population} == {"instance", "other"}:
        excepted: list[str] = []
        for each in population:
            excepted += each.except_names
        return "every session of the role" + _exception(excepted)
    words = " and ".join(map(log_in_words, population))
    # A user has no sessions of which some could be excluded.
    if population[0].sessions == "user":
        return words
    return f"only {words}"


def _exception(names: Sequence[str]) -> str:
    """The names that are left out, as the end of a sentence; empty where there are none."""
    if not names:
        return ""
    return f", except those named {', '.join(names)}"
