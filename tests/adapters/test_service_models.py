"""Pruned service models: every operation that the program names, whole, and nothing else of three
services.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape

from migrator.adapters.service_models import USED, model_loader

PACKAGE = Path(__file__).parents[2] / "migrator"


def _names_in_code() -> set[str]:
    """Whatever may be a method's name in the code of the program; the lab has its own."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "lab" not in path.relative_to(PACKAGE).parts:
            found.update(re.findall(r'"([a-z]+(?:_[a-z]+)+)"', path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("service", sorted(USED))
def test_every_operation_that_the_code_names_is_kept(service: str) -> None:
    whole = create_loader().load_service_model(service, "service-2")
    names = _names_in_code()
    assert USED[service] == {name for name in whole["operations"] if xform_name(name) in names}


def _written_out(shape: Shape | None, above: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """A shape with all that it refers to; what refers to itself ends there."""
    if shape is None or shape.name in above:
        return shape and shape.name
    parts = dict(getattr(shape, "members", {}))
    parts |= {
        name: getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)
    }
    inner = (*above, shape.name)
    return shape.type_name, {name: _written_out(part, inner) for name, part in parts.items()}


@pytest.mark.parametrize("service", sorted(USED))
def test_an_operation_means_the_same_as_in_the_whole_model(service: str) -> None:
    whole = ServiceModel(create_loader().load_service_model(service, "service-2"), service)
    pruned = ServiceModel(model_loader(None).load_service_model(service, "service-2"), service)
    assert set(pruned.operation_names) == USED[service]
    for name in USED[service]:
        ours, theirs = pruned.operation_model(name), whole.operation_model(name)
        for one, other in (
            (ours.input_shape, theirs.input_shape),
            (ours.output_shape, theirs.output_shape),
        ):
            assert _written_out(one) == _written_out(other)
        assert [shape.name for shape in ours.error_shapes] == [
            shape.name for shape in theirs.error_shapes
        ]


def test_other_services_are_whole() -> None:
    whole = create_loader().load_service_model("sts", "service-2")
    assert model_loader(None).load_service_model("sts", "service-2") == whole
