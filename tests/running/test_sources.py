"""Digests of source: what is done counts, how it is written and what is said of it does not."""

from __future__ import annotations

import functools
import importlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core.options import signature_of
from semreg.core.registry import Component, find
from semreg.recipe.plan import Loaded
from semreg.recipe.resolve import Resolver, settle
from semreg.running import sources

Install = Callable[..., Path]
Register = Callable[[str, str, Any], None]

LOSS = """
from toy_helpers import scale
def loss(a, b):
    return scale(a - b).square().mean()
"""
HELPERS = "from toy_deep import FACTOR\ndef scale(x):\n    return FACTOR * x\n"


@pytest.fixture
def digest(install: Install, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`digest(module="its source", ...)` is that of the loss in `toy_loss`, imported anew."""
    folder = install(
        "semreg-toy",
        {"semreg.losses": {"toy": "toy_loss:loss"}, "semreg.operations": {"h": "toy_helpers:h", "d": "toy_deep:d"}},
        toy_loss=LOSS, toy_helpers=HELPERS, toy_deep="FACTOR = 2\n",
    )  # fmt: skip

    def digest(**modules: str) -> str:
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(source)
        for name in ("toy_loss", "toy_helpers", "toy_deep"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        loaded = settle(Resolver({}).component("toy", ("loss",), "here"), "")
        assert loaded is not None
        return sources.component_digest(loaded)

    return digest


def test_comments_documentation_and_spaces_do_not_count(digest: Callable[..., str]) -> None:
    first = digest()
    told = LOSS.replace("def loss(a, b):", 'def loss(a, b):  # of two\n    """How far they are."""\n    "really"')
    assert digest(toy_loss=f'"""A loss."""\n\n\n{told}\n') == first
    assert digest(toy_loss=LOSS.replace("a - b", "a-  b")) == first
    assert digest(toy_loss=LOSS.replace("a - b", "b - a")) != first


def test_a_helper_module_that_it_imports_counts_directly_or_not(digest: Callable[..., str]) -> None:
    first = digest()
    assert digest(toy_helpers=HELPERS.replace("FACTOR * x", "FACTOR + x")) != first
    assert digest(toy_helpers=HELPERS) == first
    assert digest(toy_deep="FACTOR = 3\n") != first
    assert digest(toy_deep="FACTOR = 2\n") == first


def test_an_import_inside_a_function_counts_too(digest: Callable[..., str]) -> None:
    inside = "def loss(a, b):\n    from toy_helpers import scale\n    return scale(a - b).mean()\n"
    first = digest(toy_loss=inside)
    assert digest(toy_deep="FACTOR = 3\n") != first


def test_what_is_changed_on_disk_counts_once_it_is_imported(digest: Callable[..., str], tmp_path: Path) -> None:
    first = digest()
    loaded = settle(Resolver({}).component("toy", ("loss",), "here"), "")
    assert loaded is not None
    (tmp_path / "site" / "semreg-toy" / "toy_loss.py").write_text(LOSS.replace("a - b", "b - a"))
    assert sources.component_digest(loaded) == first, "this process computes what it imported"


def test_other_distributions_and_libraries_do_not_count(install: Install) -> None:
    install("semreg-lib", {"semreg.optimizers": {"toy_nadam": "torch.optim:NAdam"}})
    nadam = settle(Resolver({}).component("toy_nadam", ("optimizer",), "here"), "")
    assert nadam is not None
    assert sources.component_digest(nadam) == ""


LAZY = """
from typing import TYPE_CHECKING
from semreg.core import lazy_names
__all__ = ["Unused", "near"]
if TYPE_CHECKING:
    from .base import near
    from toy_lazy.unused import Unused
else:
    __getattr__, __dir__ = lazy_names(__name__, "base", "unused")
"""


def test_names_that_a_package_hands_on_count_for_who_asks_for_them(install: Install) -> None:
    folder = install("semreg-lazy", {"semreg.losses": {"lazy": "toy_lazy.losses:loss"}}) / "toy_lazy"
    folder.mkdir()

    def digest(**changed: str) -> str:
        files = {"__init__": "", "base": "near = 1\n", "unused": "Unused = 2\n", "losses": "def loss(a): return a\n"}
        for name, text in (files | changed).items():
            (folder / f"{name}.py").write_text(text)
        for name in [name for name in sys.modules if name.partition(".")[0] == "toy_lazy"]:
            sys.modules.pop(name)
        importlib.invalidate_caches()
        loaded = settle(Resolver({}).component("lazy", ("loss",), "here"), "")
        assert loaded is not None
        return sources.component_digest(loaded)

    first = digest()
    assert digest(__init__=LAZY) == first, "a package that only hands names on decides nothing"
    assert digest(__init__=LAZY, base="near = 2\n", unused="Unused = 3\n") == first
    assert digest(__init__=LAZY + "import toy_lazy.base\n") != first, "what else is in it counts"
    for asks in ("from toy_lazy import near", "from . import near"):
        asking = f"{asks}\ndef loss(a): return near * a\n"
        first = digest(__init__=LAZY, losses=asking)
        assert digest(__init__=LAZY, losses=asking, unused="Unused = 3\n") == first
        assert digest(__init__=LAZY, losses=asking, base="near = 2\n") != first
    binary = LAZY.replace("from .base import near", "from .near import near")  # of which there is no source
    assert digest(__init__=binary, losses="from toy_lazy import near\ndef loss(a): return a\n")
    for asks in ("import toy_lazy", "from toy_lazy import *"):
        asking = f"{asks}\ndef loss(a): return a\n"
        first = digest(__init__=LAZY, losses=asking)
        assert digest(__init__=LAZY, losses=asking, unused="Unused = 3\n") != first


def test_packages_and_relative_imports(install: Install) -> None:
    folder = install("semreg-pack", {"semreg.losses": {"packed": "toy_pack.inner.losses:loss"}})
    inner = folder / "toy_pack" / "inner"
    inner.mkdir(parents=True)
    for path, text in {
        "__init__.py": "", "inner/__init__.py": "", "base.py": "HALF = 0.5\n",
        "inner/near.py": "from ..base import HALF\n", "inner/losses.py": "from . import near\ndef loss(a): return a\n",
        "inner/unread.py": "x = 1\n",
    }.items():  # fmt: skip
        (folder / "toy_pack" / path).write_text(text)
    importlib.invalidate_caches()

    def closure() -> set[str]:
        return set(sources._closure(["toy_pack.inner.losses"], lambda name: name.startswith("toy_pack")))

    assert closure() == {"toy_pack", "toy_pack.inner", "toy_pack.base", "toy_pack.inner.near", "toy_pack.inner.losses"}


# --- what is registered in a process ---

STRENGTH = 1.0
TRACE: list[float] = []
NUMBERS = itertools.count()


def times(x: float) -> float:
    return STRENGTH * x


def mine(a: Any) -> Any:
    TRACE.append(1.0)
    return times(a.mean())


class Mine:
    """A loss with state."""

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def __call__(self, a: Any) -> Any:
        return self.scale * times(a)


def of(register: Register, value: Any) -> str:
    name = f"own_{next(NUMBERS)}"
    register("loss", name, value)
    component: Component = find(name, ("loss",))
    return sources.component_digest(Loaded(**vars(component), value=value, signature=signature_of(mine)))


def test_a_function_of_a_notebook_counts_with_what_it_refers_to(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = of(register, mine)
    TRACE.append(2.0)
    assert of(register, mine) == first, "what it writes into is no part of it"
    monkeypatch.setitem(mine.__globals__, "STRENGTH", 1000.0)
    assert of(register, mine) != first


@pytest.mark.parametrize("template", ["def own(a):\n    return {} * a\n", "own = lambda a: {} * a\n"])
def test_one_that_was_typed_at_a_prompt_counts_by_its_code(register: Register, template: str) -> None:
    found = []
    for factor in (1, 1000, 1):
        place: dict[str, Any] = {"__name__": "__main__"}
        exec(template.format(factor), place)
        found.append(of(register, place["own"]))
    assert found[0] == found[2] != found[1]


def test_partials_objects_and_closures_count_by_what_they_hold(register: Register) -> None:
    def scaled(by: float) -> Callable[[Any], Any]:
        return lambda a: by * a

    for one, same, other in (
        (functools.partial(mine, 1), functools.partial(mine, 1), functools.partial(mine, 2)),
        (Mine(scale=1.0), Mine(scale=1.0), Mine(scale=2.0)),
        (scaled(1.0), scaled(1.0), scaled(2.0)),
    ):
        assert of(register, one) == of(register, same) != of(register, other)


def test_the_rooms_of_semreg_up_to_training_count_and_no_others() -> None:
    assert sources.rooms_digest() == sources.rooms_digest()
    names = {path.parent.name for path in sources._ROOT.glob("*/__init__.py")}
    assert set(sources.ROOMS) < names
    assert not {"cli", "report", "tables", "evaluation"} & set(sources.ROOMS)


def test_a_helper_package_of_the_distribution_counts_that_no_entry_point_names(install: Install) -> None:
    folder = install("semreg-toy", {"semreg.losses": {"toy": "toy_loss:loss"}}, toy_loss=LOSS, toy_helpers=HELPERS)
    found = settle(Resolver({}).component("toy", ("loss",), "here"), "")
    assert found is not None
    alone = sources.component_digest(found)
    [information] = folder.glob("*.dist-info")
    (information / "top_level.txt").write_text("toy_loss\ntoy_helpers\n")
    first = sources.component_digest(found)
    assert first != alone
    (folder / "toy_helpers.py").write_text(HELPERS.replace("FACTOR * x", "1000 * FACTOR * x"))
    sys.modules.pop("toy_helpers", None)
    assert sources.component_digest(found) != first


class Base:
    """What a component of a notebook may inherit."""

    def strength(self) -> float:
        return STRENGTH


class Derived(Base):
    """Its factor is read by a static method."""

    @staticmethod
    def factor() -> Any:
        return FACTORS

    def __call__(self, a: Any) -> Any:
        return self.strength() * self.factor() * a


FACTORS = torch.ones(2)


def test_bases_static_methods_and_tensors_of_a_notebook_count(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = of(register, Derived)
    assert of(register, Derived) == first
    with monkeypatch.context() as patch:
        patch.setitem(Base.strength.__globals__, "STRENGTH", 1000.0)
        assert of(register, Derived) != first
    with monkeypatch.context() as patch:
        patch.setitem(Base.strength.__globals__, "FACTORS", 1000 * torch.ones(2))
        assert of(register, Derived) != first
    assert of(register, Derived) == first
