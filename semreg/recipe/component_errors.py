"""Errors that a component raises, with their place in the recipe, the component's name, its plugin and the cause."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from semreg.core import Problem, UserError
from semreg.core.errors import ComponentError, ProcessLostError, cause_of
from semreg.core.memory import out_of_memory
from semreg.recipe.plan import Loaded, Node

LONGEST_CAUSE = 300


@contextmanager
def naming_component(node: Node, source: str, where: str = "") -> Iterator[None]:
    """Turn errors of a component of the recipe `source`, raised inside the block, into a UserError at its key, or at
    `where`.

    An error that would end the process becomes a ComponentError. Ctrl-C stays a KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise component_error(node, source, error, where) from error


@contextmanager
def naming_losses(losses: Mapping[str, Node], source: str) -> Iterator[None]:
    """Turn errors of a gradient's computation, raised inside the block, into a UserError that names the losses."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if out_of_memory(error) or isinstance(error, ProcessLostError):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]  # from anything that the loss depends on
        place = f"{Path(last.filename).name} line {last.lineno}"
        said = f"its gradient can't be computed: it {failure_text(error)} ({place})"
        kind = UserError if isinstance(error, Exception) else ComponentError
        raise kind(source, [Problem(f"losses.{name}", f"'{node}': {said}") for name, node in losses.items()]) from error


def component_error(node: Node, source: str, error: BaseException, where: str = "") -> UserError:
    """Return a component's error as a UserError; only the message of a ValueError is shown without its type."""
    kind = UserError if isinstance(error, Exception) else ComponentError
    said = f"{shown(node.loaded)} {failure_text(error)}"
    if isinstance(error, ValueError):
        said = f"{cause_of(error)} ({node.name}, {node.loaded.origin})"
    return kind(source, [Problem(where or node.where, said)])


def shown(component: Loaded) -> str:
    """Return a component and its plugin as text."""
    return f"{component.name} ({component.origin})"


def failure_text(error: BaseException) -> str:
    """Return what a component did to raise the error, to follow its name in a message."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    if isinstance(error, UserError):
        return f"refused: {'; '.join(f'{one.where} {one.message}'.strip() for one in error.problems)}"
    if out_of_memory(error):
        return f"ran out of memory: {cause_of(error)[:LONGEST_CAUSE]}"
    return f"failed: {cause_of(error)[:LONGEST_CAUSE]}"
