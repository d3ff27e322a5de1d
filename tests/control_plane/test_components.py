"""Whether the real components are here; where they are not, this is the one skip that says how to
get them.
"""

import os

import pytest

from tests.control_plane.conftest import FOUND


def test_the_real_components_are_here() -> None:
    if isinstance(FOUND, str):
        pytest.skip(FOUND)
    for path in (FOUND.kube_apiserver, FOUND.etcd, FOUND.authenticator):
        assert os.access(path, os.X_OK)
