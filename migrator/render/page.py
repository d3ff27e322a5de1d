"""HTML pages that are one file: nothing is loaded from anywhere, and only our own script runs.

Three walls keep foreign text text. Every value that a template writes passes :func:`migrator.render.escape.terminal`
(what cannot be seen becomes a code point) and Jinja's autoescape; no template marks anything as safe; and a Content
Security Policy allows nothing but the one script and the one style sheet whose hashes it names (CSP Level 3,
"script-src", hash sources), so that even markup that slipped through could not run.
"""

import base64
import functools
import hashlib
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from migrator.render.escape import terminal

_STYLE = "page.css"
# ISO 8601 as clocks of ours write it; the zone is UTC there, in either spelling.
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|\+00:00)")


def page(template: str, *, scripts: tuple[str, ...] = (), **values: object) -> str:
    """A whole document from a template in ``templates/`` that extends ``base.html.jinja``.

    ``scripts`` are files there; together they become the page's one inline script. Raises jinja2's errors for a
    template that is wrong: values cannot make it fail.
    """
    style = _source(_STYLE)
    script = "\n".join(_source(name) for name in scripts)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    own = {"policy": policy, "style": Markup(style), "script": Markup(script)}  # noqa: S704 - our own files
    return _environment().get_template(template).render(**own, **values)


def show(value: Any) -> Any:  # noqa: ANN401 - whatever a template writes
    """What a template writes of a value: text as characters that show themselves; markup of ours as it is."""
    return terminal(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def spans(text: str) -> tuple[tuple[bool, str], ...]:
    """A message in its parts, ``(is_code, text)``: our own sentences put the names in them between backticks."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name with a backtick of its own: shown as it stands
        return ((False, text),)
    return tuple((bool(place % 2), part) for place, part in enumerate(parts) if part or place % 2)


def when(text: str) -> str:
    """``2026-11-22 08:57:22Z`` for every moment in a text of ours; the rest as it is."""
    return _MOMENT.sub(r"\1 \2Z", text)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("migrator.render"),
        autoescape=True,
        finalize=show,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(spans=spans, when=when)
    return environment


@functools.cache
def _source(name: str) -> str:
    """A style sheet or script as it is, not read as a template."""
    environment = _environment()
    loader = environment.loader
    if loader is None:
        raise LookupError(name)
    return loader.get_source(environment, name)[0].replace("\r\n", "\n")


def _hash(text: str) -> str:
    """A CSP hash source of an inline element's text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
