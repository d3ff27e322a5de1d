"""The state of a fleet itself: ``STATE-DIR/fleet/NAME/``, beside the folders of its clusters.

The same store as a cluster's, in a separate folder; what is in it is in
:mod:`migrator.fleet.model.files.records`.
"""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.adapters.state_files import StateFolder
from migrator.adapters.state_s3 import StateBucket, open_bucket_state
from migrator.errors import Failed
from migrator.model.plan import ClusterRef
from migrator.ports import TaskRunner

FOLDER = "fleet"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class FleetFolder(StateFolder):
    """:class:`migrator.ports.StateStore` of a fleet, in a folder."""

    _what = "this fleet"

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory, _NOBODY)
        self._folder = directory / FOLDER / _checked(name)


class FleetBucket(StateBucket):
    """:class:`migrator.ports.StateStore` of a fleet, in an S3 bucket."""

    _what = "this fleet"
    _can_break = False

    def __init__(
        self,
        session: AwsSession,
        url: str,
        name: str,
        tasks: TaskRunner,
    ) -> None:
        open_bucket_state(session, url, _NOBODY, tasks)  # the same check of the URL
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        super().__init__(session, parts.netloc, prefix, _NOBODY, tasks)
        self._folder = str(PurePosixPath(prefix) / FOLDER / _checked(name))


# The stores are made for a cluster's folder; a fleet's has no cluster, and its folder is set right
# after.
_NOBODY = ClusterRef("none", "", "000000000000", "us-east-1", "aws", "CONFIG_MAP")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Failed("name-invalid", "This is no name of a fleet.", why=foreign(name))
    return name
