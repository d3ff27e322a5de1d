"""The grammar of IRIs, which ``jsonschema`` imports where it is installed: it is built when the
first IRI is checked, and not in every process that imports ``jsonschema``, a second in each.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

_NAME = "rfc3987_syntax"


def build_grammar_when_asked() -> None:
    """Put a module in its place that imports it at the first question."""
    if _NAME not in sys.modules and find_spec(_NAME) is not None:
        waiting = ModuleType(_NAME)
        waiting.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
        sys.modules[_NAME] = waiting


def _is_valid_syntax(term: str, text: str) -> bool:
    if sys.modules[_NAME].__spec__ is None:
        del sys.modules[_NAME]
    return bool(import_module(_NAME).is_valid_syntax(term, text))
