"""What is said of installed plugins, without importing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.cli.packages import OFF, READY, installed_plugins, not_installed

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
        "refused: it is written for interface 1 of semreg, and semreg 0.1.0 has interface 2"
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
