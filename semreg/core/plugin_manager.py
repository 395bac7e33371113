"""Loading and calling of hook plugins, one by one: a broken plugin never breaks a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pluggy

from semreg.core import hookspecs
from semreg.core.errors import CannotWrite, UserError, cause_of, closest
from semreg.core.registry import import_target, installed_entry_points

GROUP = "semreg.hooks"


def load_hooks(warn: Callable[[str], None]) -> pluggy.PluginManager:
    """Load every installed hook plugin; call `warn` for one that can't be loaded, and leave it out."""
    manager = no_hooks()
    # pluggy's own load_setuptools_entrypoints stops at the first broken plugin.
    for point in installed_entry_points(GROUP):
        try:
            plugin = import_target(f"hook plugin {point.name!r}", point.value, point.origin)
            add_plugin(manager, plugin, f"{point.name} of {point.origin}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            said = cause_of(error, UserError)
            warn(f"hook plugin {point.name!r} is left out. {'' if point.origin in said else f'{point.origin}: '}{said}")
    return manager


def no_hooks() -> pluggy.PluginManager:
    """Return a manager that knows the events and has no plugin."""
    manager = pluggy.PluginManager("semreg")
    manager.add_hookspecs(hookspecs)
    return manager


def add_plugin(manager: pluggy.PluginManager, plugin: Any, name: str) -> None:
    """Register a module, an object or a class (which is instantiated here) under `name`.

    Raises ValueError if it names no event, names one that does not exist, or wraps one; pluggy's PluginValidationError
    if it takes an argument that the event lacks.
    """
    plugin = plugin() if inspect.isclass(plugin) else plugin
    manager.register(plugin, name)
    callers = manager.get_hookcallers(plugin) or ()
    wrong = "" if callers else "none of its functions is marked hookimpl; hooks observe events of semreg.core.hookspecs"
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin and not _observes(caller, implementation):
                events = [event for event, known in vars(manager.hook).items() if known.has_spec()]
                wrong = f"{caller.name} is not an event of semreg, or is wrapped{closest(caller.name, events)}"
    if wrong:
        manager.unregister(plugin)
        raise ValueError(wrong)


def _observes(caller: pluggy.HookCaller, implementation: pluggy.HookImpl) -> bool:
    return caller.has_spec() and not (implementation.wrapper or implementation.hookwrapper)


def listeners(manager: pluggy.PluginManager, event: str) -> bool:
    """Return whether a plugin listens to `event`; an event without listeners need not be called."""
    return bool(getattr(manager.hook, event).get_hookimpls())


def call(
    manager: pluggy.PluginManager, event: str, *, accept: Callable[[Any], Any] = lambda value: value, **arguments: Any
) -> list[Any]:
    """Call every implementation of `event`, and return their results as `accept` converts them, without None.

    `run` is among the arguments. If an implementation raises, or `accept` raises ValueError for its result, `run.warn`
    reports this once and the plugin is removed. Raises CannotWrite and KeyboardInterrupt, which plugins don't cause.
    """
    results: list[Any] = []
    # pluggy's own call stops at the first exception, so the implementations are called here, in pluggy's order.
    for implementation in reversed(getattr(manager.hook, event).get_hookimpls()):
        try:
            returned = implementation.function(*(arguments[name] for name in implementation.argnames))
            if returned is not None:
                results.append(accept(returned))
        except (CannotWrite, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit and what plugins make up, too
            manager.unregister(implementation.plugin)
            failed = f"hook plugin {implementation.plugin_name} failed in {event} and is switched off"
            arguments["run"].warn(f"{failed}: {cause_of(error, UserError)}")
    return results
