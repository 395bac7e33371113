"""What is said of installed plugins, without importing them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.cli.packages import OFF, READY, installed_plugins, not_installed
from semreg.core.version import __version__

EXPLODES = "raise SystemExit('imported')"


def states() -> dict[str, str]:
    return {plugin.distribution: plugin.state for plugin in installed_plugins()}


def test_what_a_plugin_brings_by_kind(install: Callable[..., Path]) -> None:
    groups = {
        "semreg.losses": {"toy_b": "toy:b", "toy_a": "toy:a"},
        "semreg.commands": {"toy": "toy:app"},
        "semreg.hooks": {"report": "toy"},  # as the core's own: hooks may have any names
        "semreg.interface": {"2": "toy"},
    }
    install("semreg-toy", groups, toy=EXPLODES)
    [plugin] = [plugin for plugin in installed_plugins() if plugin.distribution == "semreg-toy"]
    assert plugin.version == "1.2"
    assert plugin.brings == {"command": ["toy"], "hook": ["report"], "loss": ["toy_a", "toy_b"]}
    assert plugin.state == READY
    assert "semreg" not in states()


def test_each_state(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        "semreg-both", {"semreg.losses": {"both": "both:b"}, "semreg.interface": {"1": "both", "2": "both"}}, both=""
    )
    install("semreg-older", {"semreg.losses": {"older": "older:n"}, "semreg.interface": {"1": "older"}}, older=EXPLODES)
    install("semreg-absent", {"semreg.losses": {"absent": "no_such_package.inside:a"}})
    install("semreg-one", {"semreg.losses": {"same": "one:a"}}, one=EXPLODES)
    install("semreg-two", {"semreg.interpolators": {"same": "two:a"}}, two=EXPLODES)
    install("semreg-three", {"semreg.encoders": {"same": "three:a"}}, three=EXPLODES)
    found = states()
    assert found["semreg-both"] == found["semreg-three"] == READY
    assert found["semreg-older"].startswith(
        f"refused: it is written for interface 1 of semreg, and semreg {__version__} has interface 2"
    )
    assert found["semreg-absent"] == "broken: there is no package no_such_package"
    assert found["semreg-one"] == "loss 'same' is claimed by semreg-two 1.2, too"
    assert found["semreg-two"] == "interpolator 'same' is claimed by semreg-one 1.2, too"
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg-one, semreg-none")
    found = states()
    assert found.pop("semreg-one") == READY
    assert set(found.values()) == {OFF}
    assert not_installed() == ["semreg-none"]


def test_loading_tells_what_cannot_be_imported(install: Callable[..., Path]) -> None:
    install(
        "semreg-toy",
        {"semreg.losses": {"toy": "toy_bad:loss"}, "semreg.hooks": {"toy": "toy_bad"}},
        toy_bad=EXPLODES,
    )
    [plugin] = [plugin for plugin in installed_plugins(load=True) if plugin.distribution == "semreg-toy"]
    assert [problem.partition(" (")[0] for problem in plugin.problems] == [
        "broken: its hook 'toy' cannot be imported from toy_bad",
        "broken: its loss 'toy' cannot be imported from toy_bad:loss",
    ]


def test_names_that_nobody_can_say_are_unusable(install: Callable[..., Path]) -> None:
    install(
        "semreg-toy",
        "[semreg.losses]\nmy-loss = toy:a\nlambda = toy:a\n = toy:a\nfit = toy:a\n"
        "[semreg.encoders]\nmy-encoder = toy:a\n = toy:a\n"
        "[semreg.evaluations]\nmy-evaluation = toy:a\n"
        "[semreg.commands]\n-v = toy:a\ntwo words = toy:a\none-word = toy:a\nre\x1b[31md = toy:a\n",
        toy=EXPLODES,
    )
    [plugin] = [plugin for plugin in installed_plugins() if plugin.distribution == "semreg-toy"]
    assert all(problem.startswith("unusable: ") for problem in plugin.problems)
    assert [problem.partition("; ")[0].removeprefix("unusable: ") for problem in plugin.problems] == [
        "nobody can type command '-v'",
        "nobody can type command 're\\x1b[31md'",
        "nobody can type command 'two words'",
        "no recipe can say encoder ''",
        "no recipe can say evaluation 'my-evaluation'",
        "no recipe can say loss ''",
        "no recipe can say loss 'lambda'",
        "no recipe can say loss 'my-loss'",
    ]
    assert plugin.problems[-1].endswith("letters, digits and _ fit, but no word of Python's")
    assert plugin.problems[3].endswith("printable characters fit, without spaces around them")


@pytest.mark.parametrize("target", ["", ":a", ".toy:a", "a b:c"])
def test_a_target_that_is_none_is_broken(install: Callable[..., Path], target: str) -> None:
    install("semreg-toy", {"semreg.losses": {"toy": target}})
    assert states()["semreg-toy"].startswith("broken: there is no package ")


def test_a_module_that_does_not_say_where_it_is_from_is_there(install: Callable[..., Path]) -> None:
    module = types.ModuleType("toy_unspecified")
    module.__spec__ = None
    install("semreg-toy", {"semreg.losses": {"toy": "toy_unspecified:a"}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "toy_unspecified", module)
        assert states()["semreg-toy"] == READY


@pytest.mark.parametrize("content", [b"[console_scripts]\n\xff = a:b\n", b"[semreg.losses]\n\xff = a:b\n"])
def test_metadata_of_anyone_that_cannot_be_read_are_named(install: Callable[..., Path], content: bytes) -> None:
    information = install("stranger", {}) / "stranger-1.2.dist-info"
    (information / "entry_points.txt").write_bytes(content)
    install("semreg-toy", {"semreg.losses": {"toy": "toy:a"}}, toy=EXPLODES)
    last = installed_plugins()[-1]
    assert (last.distribution, last.version, last.brings) == (str(information), "", {})
    assert last.state.startswith("passed over: its entry points cannot be read ('utf-8' codec")
    assert states()["semreg-toy"] == READY
