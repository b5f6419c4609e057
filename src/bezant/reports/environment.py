"""How a template becomes a page: escaped, without a gap, in the colours of the pictures."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bezant.reports.palette import PAGE


def rendered(template: str, **values: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Its file in ``templates``.
    values
        What it shows; one that it names and that is missing raises jinja2's ``UndefinedError``.
    """
    environment = Environment(
        loader=PackageLoader("bezant.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["palette"] = PAGE
    return environment.get_template(template).render(values).lstrip()
