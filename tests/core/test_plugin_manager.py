"""Every hook is documented and has the arguments named here; a broken plugin never breaks a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pluggy
import pytest

from semreg.core import hookspecs, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.core.hookspecs import Progress, Section, hookimpl

ARGUMENTS = {
    "run_started": ["run"],
    "phase_started": ["run", "phase"],
    "iteration_done": ["run", "progress"],
    "phase_finished": ["run", "phase", "epoch"],
    "checkpoint_written": ["run", "path"],
    "statistics": ["run", "trained"],
    "evaluation_started": ["run", "name"],
    "evaluation_done": ["run", "name", "result"],
    "run_finished": ["run"],
    "report_written": ["run"],
    "run_stopped": ["run", "error"],
    "report_sections": ["run"],
}


class Run:
    """A run as hooks see it."""

    def __init__(self, folder: Path = Path()) -> None:
        self.folder, self.name, self.warnings = folder, "toy", list[str]()

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def manager_with(*plugins: Any) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("semreg")
    manager.add_hookspecs(hookspecs)
    for position, plugin in enumerate(plugins):
        plugin_manager.add_plugin(manager, plugin, f"plugin {position}")
    return manager


def specifications() -> dict[str, Callable[..., Any]]:
    return {name: f for name, f in vars(hookspecs).items() if hasattr(f, "semreg_spec")}


def test_hooks_and_their_arguments_are_those_named_here() -> None:
    assert {name: list(inspect.signature(f).parameters) for name, f in specifications().items()} == ARGUMENTS


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_hook_is_documented(name: str) -> None:
    documentation = inspect.getdoc(specifications()[name]) or ""
    assert len(documentation.split()) >= 5
    assert documentation.endswith(".")


@pytest.mark.parametrize("event", ARGUMENTS)
def test_every_event_reaches_a_listener_with_its_arguments(event: str) -> None:
    heard: dict[str, Any] = {}
    names = ", ".join(ARGUMENTS[event])
    namespace: dict[str, Any] = {"heard": heard}
    exec(f"def {event}(self, {names}): heard.update(locals()); return [1]", namespace)
    manager = manager_with(type("Listener", (), {event: hookimpl(namespace[event])}))
    arguments = {name: object() for name in ARGUMENTS[event]}
    assert plugin_manager.call(manager, event, **arguments) == [[1]]
    assert {name: heard[name] for name in arguments} == arguments


def test_listeners_tell_which_events_may_be_skipped() -> None:
    class Listener:
        @hookimpl
        def run_started(self, run: Any) -> None: ...

    manager = manager_with(Listener())
    assert plugin_manager.listeners(manager, "run_started")
    assert not plugin_manager.listeners(manager, "iteration_done")


def test_a_class_is_made_once_per_manager() -> None:
    class Counter:
        @hookimpl
        def report_sections(self, run: Any) -> list[Section]:
            self.calls = getattr(self, "calls", 0) + 1
            return [Section(str(self.calls))]

    first, second = manager_with(Counter), manager_with(Counter)
    assert [plugin_manager.call(first, "report_sections", run=Run())[0][0].title for _ in range(2)] == ["1", "2"]
    assert plugin_manager.call(second, "report_sections", run=Run())[0][0].title == "1"


def test_a_failing_implementation_is_reported_once_and_the_others_go_on() -> None:
    heard: list[int] = []

    class Broken:
        @hookimpl
        def iteration_done(self, progress: Progress) -> None:
            raise RuntimeError("out of paper")

    class Sound:
        @hookimpl
        def iteration_done(self, progress: Progress) -> None:
            heard.append(progress.iteration)

    run = Run()
    manager = manager_with(Sound, Broken, Sound)
    for iteration in (1, 2):
        plugin_manager.call(manager, "iteration_done", run=run, progress=Progress("main", 1, 1, iteration, 2))
    assert heard == [1, 1, 2, 2]
    assert run.warnings == [
        "hook plugin plugin 1 failed in iteration_done and is switched off: RuntimeError: out of paper"
    ]


def test_a_plugin_may_ask_to_be_the_last() -> None:
    order: list[str] = []
    plugins = []
    for name, last in (("a", False), ("report", True), ("b", False)):
        listener = hookimpl(trylast=last)(lambda self, name=name: order.append(name))
        plugins.append(type(name, (), {"run_finished": listener}))
    plugin_manager.call(manager_with(*plugins), "run_finished", run=Run())
    assert order[-1] == "report"
    assert sorted(order) == ["a", "b", "report"]


def test_an_interrupt_is_not_swallowed() -> None:
    class Interrupted:
        @hookimpl
        def run_started(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plugin_manager.call(manager_with(Interrupted), "run_started", run=Run())


def test_a_hook_of_an_unknown_event_and_a_wrapper_are_refused() -> None:
    class Misspelt:
        @hookimpl
        def run_strated(self) -> None: ...

    class Wrapping:
        @hookimpl(wrapper=True)
        def run_started(self) -> Any:
            yield

    for plugin, event in ((Misspelt, "run_strated"), (Wrapping, "run_started")):
        manager = manager_with()
        with pytest.raises(ValueError, match=event):
            plugin_manager.add_plugin(manager, plugin, "toy")
        assert not manager.get_plugins()


GOOD = "from semreg.core.hookspecs import hookimpl\n@hookimpl\ndef run_finished(run): run.warn('heard')"


@pytest.mark.parametrize(
    "source",
    [
        "import no_such_module",
        "from semreg.core.hookspecs import hookimpl\n@hookimpl\ndef run_started(walk): ...",
        "from semreg.core.hookspecs import hookimpl\n@hookimpl\ndef run_strated(): ...",
    ],
)
def test_broken_plugins_are_left_out_and_named(install: Callable[..., Path], source: str, request: Any) -> None:
    module = f"toy_hooks_{abs(hash(request.node.name))}"
    install("semreg-aaa", {plugin_manager.GROUP: {"aaa": module}}, **{module: source})
    install("semreg-good", {plugin_manager.GROUP: {"good": "toy_good_hooks"}}, toy_good_hooks=GOOD)
    run = Run()
    manager = plugin_manager.load_hooks(run.warn)
    said = [warning for warning in run.warnings if "semreg-aaa 1.2" in warning]
    assert len(said) == 1
    assert said[0].startswith("hook plugin 'aaa' is left out.")
    names = [name for name, plugin in manager.list_name_plugin() if plugin]
    assert "good of semreg-good 1.2" in names
    assert not any("aaa" in name for name in names)


def test_a_folder_that_cannot_be_written_is_no_plugins_fault() -> None:
    class Full:
        @hookimpl
        def run_finished(self, run: Any) -> None:
            raise CannotWrite("here", "no room")

    run, manager = Run(), manager_with(Full())
    for _ in range(2):
        with pytest.raises(CannotWrite):
            plugin_manager.call(manager, "run_finished", run=run)
    assert run.warnings == []


EXITS = "import asyncio\nclass Listener:\n    def __init__(self): raise {}"


@pytest.mark.parametrize("raised", ["SystemExit(0)", "asyncio.CancelledError()", "GeneratorExit()"])
def test_one_that_ends_the_process_where_it_is_made_is_left_out(install: Callable[..., Path], raised: str) -> None:
    module = f"toy_exits_{raised.partition('(')[0].replace('.', '_')}"
    install("semreg-aaa", {plugin_manager.GROUP: {"aaa": f"{module}:Listener"}}, **{module: EXITS.format(raised)})
    run = Run()
    plugin_manager.load_hooks(run.warn)
    [said] = [warning for warning in run.warnings if "semreg-aaa 1.2" in warning]
    assert raised.partition("(")[0].rpartition(".")[2] in said


def test_the_closest_event_is_named_and_what_observes_nothing_is_refused() -> None:
    class Misspelt:
        @hookimpl
        def iteration_don(self) -> None: ...

    class Unmarked:
        def iteration_done(self) -> None: ...

    for plugin, said in ((Misspelt, "did you mean 'iteration_done'"), (Unmarked(), "marked hookimpl")):
        manager = manager_with()
        with pytest.raises(ValueError, match=said):
            plugin_manager.add_plugin(manager, plugin, "toy")
        assert not manager.get_plugins()
