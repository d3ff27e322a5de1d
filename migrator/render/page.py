"""HTML pages that are one file: nothing is loaded from anywhere, and only our own script runs.

Three walls keep foreign text text. Every value that a template writes passes
:func:`migrator.render.escape.terminal` (what cannot be seen becomes a code point) and Jinja's
autoescape; no template marks anything as safe; and a Content Security Policy allows nothing but the
one script and the one style sheet whose hashes it names (CSP Level 3, "script-src", hash sources),
so that even markup that slipped through could not run.
"""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from migrator.render.escape import terminal

_PACKAGE = "migrator.render"
_STYLES = ("page.css",)
# ISO 8601 as clocks of ours write it; the zone is UTC there, in either spelling.
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|\+00:00)")


def page(
    template: str,
    *,
    package: str = _PACKAGE,
    styles: tuple[str, ...] = _STYLES,
    scripts: tuple[str, ...] = (),
    data: object = None,
    **values: object,
) -> str:
    """A whole document from a template that extends ``base.html.jinja``.

    Templates, ``styles`` and ``scripts`` are files in ``templates/`` of ``package`` or, when it has
    no file of that name, of :mod:`migrator.render`. The styles become the page's one style sheet,
    the scripts its one script. ``data`` is a JSON value for the script, kept in an element that no
    browser runs. Raises jinja2's errors for a template that is wrong: values cannot make it fail.
    """
    style = "\n".join(_source(package, name) for name in styles)
    script = "\n".join(_source(package, name) for name in scripts)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    inside = "" if data is None else Markup(_data(data))  # noqa: S704 - nothing in it can end its element
    own = {"policy": policy, "style": Markup(style), "script": Markup(script), "data": inside}  # noqa: S704 - our files
    return _environment(package).get_template(template).render(**own, **values)


def _data(value: object) -> str:
    """JSON in which every text shows itself, and that contains no HTML markup characters."""
    text = json.dumps(_shown(value), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown(value: object) -> object:
    """A value in which every text shows itself, the names of members included."""
    if isinstance(value, str):
        return terminal(value)
    if isinstance(value, Mapping):
        return {terminal(str(key)): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value


def show(value: Any) -> Any:  # noqa: ANN401 - whatever a template writes
    """What a template writes of a value: text as characters that show themselves; markup of ours as
    it is.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return terminal(value)
    return value


def spans(text: str) -> tuple[tuple[bool, str], ...]:
    """A message in its parts, ``(is_code, text)``: our own sentences put the names in them between
    backticks.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name that contains a backtick: shown unchanged
        return ((False, text),)
    return tuple((bool(place % 2), part) for place, part in enumerate(parts) if part or place % 2)


def when(text: str) -> str:
    """``2026-11-22 08:57:22Z`` for every moment in a text of ours; the rest as it is."""
    return _MOMENT.sub(r"\1 \2Z", text)


@functools.cache
def _environment(package: str) -> Environment:
    """The templates of a package. Every value is escaped, and a name that is missing is an error
    instead of an empty text.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_PACKAGE)]),
        autoescape=True,
        finalize=show,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(spans=spans, when=when)
    return environment


@functools.cache
def _source(package: str, name: str) -> str:
    """A style sheet or script as it is, not read as a template."""
    environment = _environment(package)
    loader = environment.loader
    if loader is None:
        raise LookupError(name)
    return loader.get_source(environment, name)[0].replace("\r\n", "\n")


def _hash(text: str) -> str:
    """A CSP hash source of an inline element's text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
