"""The hooks of a run: installed ones, those of its choices and recipe, and the caller's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from semreg.core import Problem, UserError, plugin_manager
from semreg.core.errors import cause_of
from semreg.recipe.plan import Plan
from semreg.recipe.process_state import process_state_kept
from semreg.running.choices import Choices


def handed_over(hooks: object) -> dict[str, Any]:
    """Return the modules and objects of `semreg.run(recipe, hooks=[…])` by names; it instantiates classes.

    Raises UserError for an object that is not a hook, or listens to an unknown event.
    """
    if not isinstance(hooks, list | tuple):
        found = type(hooks).__name__
        raise UserError(
            "semreg.run", [Problem("hooks", f"it is a {found}; expected a list, such as hooks=[Printing()]")]
        )
    manager, problems = plugin_manager.no_hooks(), []
    for place, hook in enumerate(hooks):
        called = getattr(hook, "__name__", type(hook).__name__)
        again = next((k for k, other in enumerate(hooks[:place]) if other is hook), None)
        if again is not None:
            problems.append(Problem(f"hooks[{place}]", f"{called} is hooks[{again}] again"))
            continue
        try:
            with process_state_kept():
                plugin_manager.add_plugin(manager, hook, f"hooks[{place}] ({called})")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of anyone's constructor
            problems.append(Problem(f"hooks[{place}]", f"{called}: {cause_of(error)}"))
    if problems:
        raise UserError("semreg.run", problems)
    return dict(manager.list_name_plugin())


def listeners(
    choices: Choices, warn: Callable[[str], None], plan: Plan | None = None, handed: Mapping[str, Any] | None = None
) -> pluggy.PluginManager:
    """Return the hooks of a run, including those in `handed`; it calls `warn` for installed ones that fail to load.

    `plan` is that of a run that will be trained.
    """
    with process_state_kept():
        manager = plugin_manager.load_hooks(warn)
    if choices.tensorboard:
        from semreg.running.tensorboard import TensorBoard

        plugin_manager.add_plugin(manager, TensorBoard, "tensorboard")
    if plan is not None and plan.tables.watch is not None:
        from semreg.running.watch import Watch

        plugin_manager.add_plugin(manager, Watch(plan.tables.watch, plan.value_range), "watch")
    for name, hook in (handed or {}).items():
        plugin_manager.add_plugin(manager, hook, name)
    return manager
