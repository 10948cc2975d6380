"""
Templates: where they are looked for, and the filters that make their output safe.

Undefined names are errors, and so is a value that Apache cannot quote. Nothing here knows
what a virtual host is.
"""

from collections.abc import Mapping

import jinja2

from deployer.apache.quoting import FILTERS
from deployer.errors import DeployerError


class TemplateFailed(DeployerError):
    """A template asks for a value that there is not, or cannot be read."""


class Templates:
    """A set of Jinja2 templates by name. The texts are read elsewhere: this is pure."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.DictLoader(sources),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            # Apache's files are no HTML: quoting is explicit, by the filters below.
            autoescape=False,  # noqa: S701
        )
        self._environment.filters.update(FILTERS)

    def render(self, name: str, **values: object) -> str:
        """Render one template; raise `TemplateFailed` with its name and line."""
        try:
            return self._environment.get_template(name).render(values)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFailed(f"{error.name}:{error.lineno}: {error.message}") from error
        except jinja2.TemplateNotFound as error:
            raise TemplateFailed(f"there is no template {error.name}") from error
        except jinja2.UndefinedError as error:
            raise TemplateFailed(f"{name}: {error.message}") from error
