"""From files to one table: extends, without, fallback, --set and [each]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.recipe.bounds import DEEPEST_EXTENDS, LARGEST_FILE
from semreg.recipe.load import composed_recipe, load_recipe, with_overrides

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "recipe.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def resolved(path: Path, *overrides: str, fallback: bool = False) -> dict[str, Any]:
    return load_recipe(path, overrides).resolve(fallback=fallback)


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as refused:
        resolved(path, *overrides)
    return refused.value.text()


# --- files ---


def test_a_recipe_is_its_toml(write: Write) -> None:
    assert resolved(write("[data]\nuse = 'mnist'\nrange = [-1, 1]")) == {"data": {"use": "mnist", "range": [-1, 1]}}


def test_a_recipe_can_be_composed_without_a_file(write: Write, tmp_path: Path) -> None:
    write('data.use = "mnist"\nseed = 1\nevaluate.probe.judge = "judge.toml"', "parts/base.toml")
    table = {"extends": ["parts/base.toml"], "seed": 2, "without": ["data.use"]}
    composed = composed_recipe(tmp_path / "made.toml", table, ["seed=3"])
    write('extends = ["parts/base.toml"]\nseed = 2\nwithout = ["data.use"]', "made.toml")
    assert composed == load_recipe(tmp_path / "made.toml", ["seed=3"])
    assert composed.resolve() == {"data": {}, "seed": 3, "evaluate": {"probe": {"judge": "parts/judge.toml"}}}
    assert set(table) == {"extends", "seed", "without"}, "what is given stays as it was"


def test_a_missing_recipe_is_told_with_the_closest(write: Write, tmp_path: Path) -> None:
    write("", "olr_celeba.toml")
    text = refusal(tmp_path / "olr_celebra.toml")
    assert "olr_celebra.toml: there is no such recipe; did you mean 'olr_celeba.toml'?" in text
    assert "there is no such recipe" in refusal(tmp_path / "nowhere" / "x.toml")


def test_toml_errors_name_file_and_line(write: Write) -> None:
    text = refusal(write("[data]\nuse = 'mnist'\nsize 32\n"))
    assert "recipe.toml: not valid TOML" in text
    assert "line 3" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = '\xff'", "not UTF-8 text (byte 5)"),
        (b"a = " + b"[" * 5_000, "nested too deeply"),
        (b"#" * (LARGEST_FILE + 1), f"larger than {LARGEST_FILE} bytes"),
        (b"a = '\x00'", "not valid TOML"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    assert message in refusal(path)


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


# --- extends ---


def test_extends_goes_through_several_files_relative_to_each(write: Write) -> None:
    write("a = 1\nb = 1\nc = 1", "deep/down/first.toml")
    write("extends = 'down/first.toml'\nb = 2\nc = 2", "deep/second.toml")
    assert resolved(write("extends = 'deep/second.toml'\nc = 3")) == {"a": 1, "b": 2, "c": 3}


def test_extends_several_of_which_the_later_win(write: Write) -> None:
    write("a = 1\nb = 1\nc = 1\ndata.use = 'mnist'\ndata.size = 32", "first.toml")
    write("b = 2\nc = 2\ndata.use = 'avatars'", "second.toml")
    path = write("extends = ['first.toml', 'second.toml']\nc = 3")
    assert resolved(path) == {"a": 1, "b": 2, "c": 3, "data": {"use": "avatars"}}
    assert resolved(write("extends = []\na = 1")) == {"a": 1}
    text = refusal(write("extends = ['first.toml', 3]"))
    assert "is not the name of a recipe, or a list of names" in text
    write("extends = 'both.toml'", "second.toml")
    assert "goes in a circle" in refusal(write("extends = ['first.toml', 'second.toml']", "both.toml"))


def test_a_fallback_extends_recipes_of_its_own(write: Write) -> None:
    write("data.size = 48\nphases.main.epochs = 3", "small.toml")
    path = write("data.use = 'celeba'\n[fallback]\nextends = 'small.toml'\ndata.use = 'avatars'")
    assert resolved(path) == {"data": {"use": "celeba"}}
    assert resolved(path, fallback=True) == {"data": {"use": "avatars", "size": 48}, "phases": {"main": {"epochs": 3}}}
    path = write("[fallback]\nextends = 'smal.toml'")
    assert "did you mean 'small.toml'?" in refusal(path)


def test_a_loop_of_extends_is_refused(write: Write) -> None:
    write("extends = 'c.toml'", "b.toml")
    write("extends = 'b.toml'", "c.toml")
    text = refusal(write("extends = 'b.toml'", "a.toml"))
    assert "a.toml: 'extends' goes in a circle: b.toml -> c.toml -> b.toml" in text
    assert "d.toml -> d.toml" in refusal(write("extends = 'd.toml'", "d.toml"))


def test_a_chain_of_extends_has_an_end(write: Write) -> None:
    for number in range(DEEPEST_EXTENDS + 1):
        write(f"extends = 'r{number + 1}.toml'", f"r{number}.toml")
    write("", f"r{DEEPEST_EXTENDS + 1}.toml")
    assert f"more than {DEEPEST_EXTENDS} recipes deep" in refusal(write("extends = 'r0.toml'"))


def test_a_recipe_of_a_package(write: Write, install: Callable[..., Path]) -> None:
    folder = install("semreg-toy", {}) / "toy_package"
    (folder / "recipes").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "recipes" / "base.toml").write_text("seed = 3")
    assert resolved(write("extends = 'toy_package:recipes/base.toml'")) == {"seed": 3}
    assert "base.toml" in refusal(write("extends = 'toy_package:recipes/bas.toml'"))
    text = refusal(write("extends = 'no_such_package:base.toml'"))
    assert "no package 'no_such_package' is installed to hold 'base.toml'" in text


def test_a_missing_parent_is_told_with_the_closest(write: Write) -> None:
    write("", "gm_mnist.toml")
    text = refusal(write("extends = 'gm_minst.toml'"))
    assert "recipe.toml: 1 error" in text
    assert "extends" in text
    assert "did you mean 'gm_mnist.toml'?" in text
    assert "3 is not the name of a recipe" in refusal(write("extends = 3"))


def test_mistakes_in_a_parent_name_the_parent(write: Write) -> None:
    write("a = ", "base.toml")
    assert "base.toml: not valid TOML" in refusal(write("extends = 'base.toml'"))


# --- fallback ---


def test_the_fallback_is_merged_only_when_asked_for(write: Write) -> None:
    path = write(
        """
        [data]
        use = "celeba"
        size = 178
        batch_size = 64
        [losses]
        a.use = "l2(x, y)"
        b.use = "l2(x, z)"
        [phases.main.train]
        e = { a = 1, b = 1 }
        [fallback]
        without = ["losses.b"]
        [fallback.data]
        use = "avatars"
        count = 100
        """
    )
    recipe = load_recipe(path)
    assert recipe.has_fallback
    assert recipe.resolve()["data"] == {"use": "celeba", "size": 178, "batch_size": 64}
    table = recipe.resolve(fallback=True)
    assert table["data"] == {"use": "avatars", "count": 100, "batch_size": 64}
    assert table["phases"]["main"]["train"] == {"e": {"a": 1}}
    assert "fallback" not in table
    assert recipe.resolve()["losses"].keys() == {"a", "b"}, "resolving once must not change the recipe"


def test_an_inherited_fallback_can_be_changed(write: Write) -> None:
    write("[data]\nuse = 'celeba'\n[fallback.data]\nuse = 'avatars'\ncount = 100", "base.toml")
    path = write("extends = 'base.toml'\n[fallback.data]\ncount = 50")
    assert resolved(path, fallback=True)["data"] == {"use": "avatars", "count": 50}


def test_a_fallback_that_is_no_table(write: Write) -> None:
    with pytest.raises(UserError, match="3 is not a table"):
        resolved(write("fallback = 3"), fallback=True)


# --- --set ---


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("losses.atnl.margin=0.9", {"losses": {"atnl": {"use": "atnl(z)", "margin": 0.9}}}),
        ("losses.atnl.margin = 2", {"losses": {"atnl": {"use": "atnl(z)", "margin": 2}}}),
        ("losses.atnl.names=[1, 'b']", {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2, "names": [1, "b"]}}}),
        ("losses.atnl.mode=hard", {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2, "mode": "hard"}}}),
        ("losses.atnl.mode='hard'", {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2, "mode": "hard"}}}),
        ("losses.atnl.on=true", {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2, "on": True}}}),
        ("losses.atnl.use=l2(z, w)", {"losses": {"atnl": {"use": "l2(z, w)"}}}),
        ('losses.atnl.text=say "a\\b"', {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2, "text": 'say "a\\b"'}}}),
        ('losses."at.nl".use=f(z)', {"losses": {"atnl": {"use": "atnl(z)", "margin": 1.2}, "at.nl": {"use": "f(z)"}}}),
        ("losses.atnl={use='f(z)', a=1}", {"losses": {"atnl": {"use": "f(z)", "a": 1}}}),
        ("without=['losses.atnl']", {"losses": {}}),
    ],
)
def test_set_changes_any_key(write: Write, override: str, expected: dict[str, Any]) -> None:
    assert resolved(write("[losses.atnl]\nuse = 'atnl(z)'\nmargin = 1.2"), override) == expected


def test_of_two_sets_the_later_wins_and_both_win_over_the_fallback(write: Write) -> None:
    path = write("[data]\nuse = 'celeba'\n[fallback.data]\nuse = 'avatars'\nsize = 48")
    assert resolved(path, "data.size=32", "data.size=16", fallback=True)["data"] == {"use": "avatars", "size": 16}


def test_further_sets_win_over_those_that_a_recipe_has(write: Write) -> None:
    first = load_recipe(write("a = 1\nb = 1\nc = 1"), ["a=2", "b=2"])
    both = with_overrides(first, ["b=3"])
    assert both == load_recipe(first.path, ["a=2", "b=2", "b=3"])
    assert both.said == first.said
    assert both.resolve() == {"a": 2, "b": 3, "c": 1}
    assert first.resolve() == {"a": 2, "b": 2, "c": 1}, "which stays as it was"
    with pytest.raises(UserError, match="--set b: write KEY=VALUE"):
        with_overrides(first, ["b"])


def test_set_changes_the_fallback_too(write: Write) -> None:
    path = write("[data]\nuse = 'celeba'\n[fallback.data]\nuse = 'avatars'\nsize = 48")
    assert resolved(path, "fallback.data.size=32", fallback=True)["data"] == {"use": "avatars", "size": 32}
    assert resolved(path, "fallback.data.size=32") == {"data": {"use": "celeba"}}


def test_set_reaches_each(write: Write) -> None:
    path = write("[each]\nm = ['a', 'b']\n[tensors]\n'z_{m}' = 'f({m})'")
    assert resolved(path, "each.m=['c']") == {"each": {"m": ["c"]}, "tensors": {"z_c": "f(c)"}}


@pytest.mark.parametrize("bad", ["margin", "=3", " = 3", "a.b.=3", "a b=3", "a=3\nb=]", "a=\0"])
def test_bad_sets_are_refused(write: Write, bad: str) -> None:
    with pytest.raises(UserError, match="--set"):
        resolved(write(""), bad)


def test_a_hostile_set_is_a_text_like_another(write: Write) -> None:
    assert resolved(write(""), "a=" + "[" * 50_000) == {"a": "[" * 50_000}


def test_set_through_something_that_is_no_table_replaces_it(write: Write) -> None:
    assert resolved(write("[tensors]\nz = 'f(a)'"), "tensors.z.use=g(a)") == {"tensors": {"z": {"use": "g(a)"}}}


def test_each_comes_after_merging(write: Write) -> None:
    write("[each]\nm = ['a', 'b']\n[tensors]\n'z_{m}' = 'e_{m}(image)'\nx = 'd(*z_{m})'", "base.toml")
    path = write("extends = 'base.toml'\neach.m = ['a', 'b', 'c']\n[tensors]\n'z_{m}' = 'f_{m}(image)'")
    assert resolved(path)["tensors"] == {
        "z_a": "f_a(image)", "z_b": "f_b(image)", "z_c": "f_c(image)", "x": "d(z_a, z_b, z_c)",
    }  # fmt: skip


def test_a_judge_is_looked_for_beside_the_recipe_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "parent.toml").write_text('[evaluate.edit]\nuse = "edit(z)"\njudge = "judge.toml"\n')
    child = tmp_path / "child.toml"
    child.write_text('extends = "base/parent.toml"\n')
    assert load_recipe(child).resolve()["evaluate"]["edit"]["judge"] == "base/judge.toml"


def test_weights_of_a_recipe_that_is_extended_are_those_of_the_recipe_it_named(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "first.toml").write_text("seed = 1")
    (tmp_path / "a" / "base.toml").write_text(
        '[modules]\none.weights = "first.toml:encoder"\ntwo.weights = "vae_digits:encoder"\nthree.weights = "runs/x:y"'
    )
    (tmp_path / "b" / "child.toml").write_text('extends = "../a/base.toml"')
    modules = load_recipe(tmp_path / "b" / "child.toml").table["modules"]
    assert [modules[name]["weights"] for name in ("one", "two", "three")] == [
        "../a/first.toml:encoder", "vae_digits:encoder", "runs/x:y",
    ]  # fmt: skip


def test_a_judge_that_is_also_a_file_is_asked_back_where_it_was_written(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "digit_judge.toml").write_text("seed = 1")
    (tmp_path / "a" / "base.toml").write_text('[evaluate.samples]\njudge = "digit_judge"')
    (tmp_path / "b" / "child.toml").write_text('extends = "../a/base.toml"')
    with pytest.raises(UserError, match=r"'digit_judge' is a recipe of semreg, and the file .* is here") as refused:
        load_recipe(tmp_path / "b" / "child.toml")
    assert refused.value.problems[0].where == "evaluate.samples.judge"
    assert Path(refused.value.source).name == "base.toml"
