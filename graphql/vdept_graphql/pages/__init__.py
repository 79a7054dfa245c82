"""The few HTML pages of the platform (signing in, consent): rendered on the server, without a script.

A page is ``pages/templates/NAME.html``, extends ``base.html``, and speaks both languages through ``t(vi,
en)``.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response, get

from vdept.kernel.errors import Locale, Words

HERE = Path(__file__).parent
STYLE = (HERE / "static" / "style.css").read_bytes()


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def policy(*form_targets: str) -> str:
    """The Content-Security-Policy of a page: nothing but our own style, forms only to us.

    ``form_targets``: origins to which an answer to a form may redirect (browsers hold redirects to it).
    """
    targets = " ".join(["'self'", *form_targets])
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def html(name: str, locale: Locale, /, **values: Any) -> str:
    """``templates/NAME.html`` filled in for a reader of ``locale``: the body of a page or of a letter."""

    def t(vi: str | Words, en: str = "") -> str:
        words = vi if isinstance(vi, Words) else Words(vi, en)
        return words.vi if locale is Locale.VI else words.en

    return _templates().get_template(f"{name}.html").render(t=t, locale=locale.value, **values)


def render(
    name: str, locale: Locale, /, *, status: int = 200, form_targets: tuple[str, ...] = (), **values: Any
) -> Response[bytes]:
    """The page ``templates/NAME.html`` for a reader of ``locale``; never stored, never framed."""
    return Response(
        html(name, locale, **values).encode(),
        status_code=status,
        media_type="text/html",
        headers={"Content-Security-Policy": policy(*form_targets), "Cache-Control": "no-store"},
    )


@get("/static/style.css")
async def style() -> Response[bytes]:
    """The one style sheet."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})
