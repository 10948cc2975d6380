"""
Templates: which one is meant by a name, and the filters that make their output safe.

A project's own win over those that ship with the program, file by file. Undefined names are
errors, and so is a value that Apache cannot quote. Nothing here knows what a virtual host is.
"""

import traceback
from collections.abc import Mapping

import jinja2

from deployer.apache.checking import faults
from deployer.apache.quoting import FILTERS
from deployer.errors import DeployerError, nearest

# What an expression of a template can raise. Out of one of ours it is a bug.
_MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


class TemplateFailed(DeployerError):
    """A template asks for a value that there is not, or cannot be read."""


class Templates:
    """A set of Jinja2 templates by name. The texts are read elsewhere: this is pure."""

    def __init__(
        self,
        shipped: Mapping[str, str],
        own: Mapping[str, str] | None = None,
        *,
        directory: str = "templates",
    ) -> None:
        """
        Take templates by name; raise `TemplateFailed` if one of a project's own cannot be read.

        `own` wins, and is in `directory` as far as people are told.
        """
        own = own or {}
        self._sources = {**shipped, **own}
        self._shown = {
            name: f"{directory}/{name}" if name in own else name for name in self._sources
        }
        self._own = {self._shown[name] for name in own}
        self._environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(self._load),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            # Compiled once, whatever the number of hosts.
            auto_reload=False,
            cache_size=-1,
            # Apache's files are no HTML: quoting is explicit, by the filters below.
            autoescape=False,  # noqa: S701
        )
        self._environment.filters.update(FILTERS)
        for name in own:
            try:
                self._environment.get_template(name)
            except jinja2.TemplateSyntaxError as error:
                raise self._unreadable(error) from error

    def render(self, name: str, subject: str, /, **values: object) -> str:
        """
        Render one template; raise `TemplateFailed` with the file and the line that is wrong.

        `subject` says what for: a host, or a site of one.
        """
        try:
            text = self._environment.get_template(name).render(values)
        except jinja2.TemplateNotFound as error:
            missing = str(error.name)
            message = f"there is no template {missing}"
            hint = nearest(missing, self._sources)
            raise TemplateFailed(self._told(subject, error, message), hint=hint) from error
        except jinja2.TemplateSyntaxError as error:
            raise self._unreadable(error) from error
        except DeployerError as error:  # a filter that refuses a value
            told = self._told(subject, error, error.message)
            raise TemplateFailed(told, hint=error.hint) from error
        except jinja2.TemplateError as error:
            told = self._told(subject, error, error.message or type(error).__name__)
            raise TemplateFailed(told) from error
        except _MISTAKES as error:
            if self._place(error)[0] not in self._own:
                raise
            raise TemplateFailed(self._told(subject, error, str(error))) from error
        if self._own:
            self._check(name, subject, text)
        return text

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._sources.get(name)
        # Compiled under the name by which people know the file, which tracebacks then have.
        return None if source is None else (source, self._shown[name], None)

    def _check(self, name: str, subject: str, text: str) -> None:
        found = "\n".join(
            f"{subject}: {self._shown[name]}: line {line} of what it makes: {what}"
            for line, what in faults(text)
        )
        if found:
            raise TemplateFailed(found, hint="deployer render shows what a template makes")

    def _unreadable(self, error: jinja2.TemplateSyntaxError) -> TemplateFailed:
        shown = self._shown.get(error.name or "", error.name)
        return TemplateFailed(f"{shown}:{error.lineno}: {error.message}", hint=_hint(error))

    def _told(self, subject: str, error: BaseException, message: str) -> str:
        file, line = self._place(error)
        place = f"{file}:{line}: " if file else ""
        return f"{subject}: {place}{message}"

    def _place(self, error: BaseException) -> tuple[str, int]:
        """Find the innermost line of a template that an error came from."""
        files = set(self._shown.values())
        found = ("", 0)
        # Jinja2 puts the templates' own lines into tracebacks.
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in files:
                found = (frame.f_code.co_filename, line)
        return found


def _hint(error: jinja2.TemplateSyntaxError) -> str:
    unknown = (error.message or "").removeprefix("No filter named ")
    if unknown == error.message:
        return ""
    name = unknown.strip("'.")
    known = sorted(FILTERS)
    return nearest(name, known) or f"ours are {', '.join(known)}, and Jinja2's own"
