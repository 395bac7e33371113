"""From files to one table: extends, without, fallback, --set and [each]."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import UserError
from semreg.recipe.bounds import DEEPEST_EXTENDS, LARGEST_FILE
from semreg.recipe.each import expand
from semreg.recipe.load import Recipe, composed_recipe, load_recipe

Write = Callable[..., Path]

words = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
values = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=6), words.map(lambda w: f"f({w}, g(x))")
)
keys = words.filter(lambda key: key not in {"each", "without", "fallback"})
tables = st.recursive(
    st.dictionaries(keys, values, max_size=4),
    lambda inner: st.dictionaries(keys, st.one_of(values, inner, st.lists(values)), max_size=4),
    max_leaves=12,
)


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


def test_tables_merge_and_the_later_keys_win(write: Write) -> None:
    write("seed = 1\n[data]\nuse = 'mnist'\nsize = 32\nrange = [0, 1]\n[losses.a]\nuse = 'l2(x, y)'", "base.toml")
    path = write("extends = 'base.toml'\n[data]\nsize = 16\nrange = [-1, 1]\n[losses.b]\nuse = 'l1(x, y)'")
    assert resolved(path) == {
        "seed": 1,
        "data": {"use": "mnist", "size": 16, "range": [-1, 1]},
        "losses": {"a": {"use": "l2(x, y)"}, "b": {"use": "l1(x, y)"}},
    }


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


@pytest.mark.parametrize("kind", ["data", "optimizer", "modules.encoder", "losses.rec"])
def test_another_component_takes_none_of_the_old_options(write: Write, kind: str) -> None:
    write(f"[{kind}]\nuse = 'old'\nsize = 32\nfactor = 2", "base.toml")
    *outer, inner = kind.split(".")
    table = resolved(write(f"extends = 'base.toml'\n[{kind}]\nuse = 'new'\nwidth = 3"))
    for key in [*outer, inner]:
        table = table[key]
    assert table == {"use": "new", "width": 3}


def test_another_component_keeps_what_the_language_reserves(write: Write) -> None:
    write(
        """
        [data]
        use = "mnist"
        size = 32
        batch_size = 96
        range = [-1, 1]
        split = { validation = 0.1 }
        sampler = { use = "balanced(digit)" }
        [modules.encoder]
        use = "conv_encoder"
        outputs = 64
        ema = 0.99
        weights = "runs/a:encoder"
        optimizer = { lr = 0.1 }
        [optimizer]
        use = "sgd"
        momentum = 0.9
        clip = 1.0
        schedule = { use = "cosine" }
        [evaluate.edit]
        use = "edit(z)"
        strength = 2
        judge = "judge.toml"
        """,
        "base.toml",
    )
    table = resolved(
        write(
            """
            extends = "base.toml"
            data.use = "avatars"
            modules.encoder.use = "mlp_encoder"
            optimizer.use = "adam"
            evaluate.edit.use = "transfer(z)"
            """
        )
    )
    assert table["data"] == {
        "use": "avatars",
        "batch_size": 96,
        "range": [-1, 1],
        "split": {"validation": 0.1},
        "sampler": {"use": "balanced(digit)"},
    }
    assert table["modules"]["encoder"] == {
        "use": "mlp_encoder", "ema": 0.99, "weights": "runs/a:encoder", "optimizer": {"lr": 0.1},
    }  # fmt: skip
    assert table["optimizer"] == {"use": "adam", "clip": 1.0, "schedule": {"use": "cosine"}}
    assert table["evaluate"]["edit"] == {"use": "transfer(z)", "judge": "judge.toml"}


def test_a_reserved_word_of_one_place_is_an_option_like_any_other_elsewhere(write: Write) -> None:
    write("[losses.a]\nuse = 'weighted(x)'\nweights = [1, 2]\nrange = [0, 1]", "base.toml")
    table = resolved(write("extends = 'base.toml'\n[losses.a]\nuse = 'l2(x, y)'"))
    assert table["losses"]["a"] == {"use": "l2(x, y)"}


def test_other_inputs_of_the_same_component_keep_the_options(write: Write) -> None:
    write("[losses.a]\nuse = 'l2(x, y)'\nreduction = 'sum'", "base.toml")
    table = resolved(write("extends = 'base.toml'\n[losses.a]\nuse = 'l2( x, z )'"))
    assert table["losses"]["a"] == {"use": "l2( x, z )", "reduction": "sum"}


# --- without ---

TRAINED = """
[losses]
rec.use = "l2(x_f, image)"
adv_e.use = "uniform(c_u)"
adv_c.use = "ce(c_u, digit)"
[modules]
encoder.use = "e"
classifier.use = "c"
[tensors]
c_u = "classifier(encoder(image))"
[phases.main.steps.joint.train]
encoder = { rec = 10, adv_e = 1 }
classifier = { adv_c = 1 }
[phases.warm.train]
encoder = { rec = 1 }
classifier = { adv_e = 1, adv_c = 1 }
"""


def test_without_drops_a_loss_with_its_weights(write: Write) -> None:
    write(TRAINED, "base.toml")
    table = resolved(write("extends = 'base.toml'\nwithout = ['losses.adv_e', 'losses.adv_c', 'tensors.c_u']"))
    assert set(table["losses"]) == {"rec"}
    assert table["tensors"] == {}
    assert table["phases"]["main"]["steps"]["joint"]["train"] == {"encoder": {"rec": 10}}
    assert table["phases"]["warm"]["train"] == {"encoder": {"rec": 1}}
    assert "without" not in table


def test_without_drops_a_module_with_its_row(write: Write) -> None:
    write(TRAINED, "base.toml")
    table = resolved(write("extends = 'base.toml'\nwithout = ['modules.classifier']"))
    assert set(table["modules"]) == {"encoder"}
    assert table["phases"]["main"]["steps"]["joint"]["train"] == {"encoder": {"rec": 10, "adv_e": 1}}


def test_without_drops_before_the_own_keys_come(write: Write) -> None:
    write("[data]\nuse = 'mnist'\nsize = 32", "base.toml")
    assert resolved(write("extends = 'base.toml'\nwithout = ['data']\n[data]\nsize = 8")) == {"data": {"size": 8}}


def test_without_says_what_is_not_there(write: Write) -> None:
    write(TRAINED, "base.toml")
    text = refusal(write("extends = 'base.toml'\nwithout = ['losses.adv_d', 'modules.critic.use', 'seed']"))
    assert "3 errors" in text
    assert "nothing inherited is called 'losses.adv_d'; did you mean 'adv_e' or 'adv_c'?" in text
    assert "nothing inherited is called 'seed'" in text
    assert "is not a list of keys" in refusal(write("extends = 'base.toml'\nwithout = 'losses.adv_e'"))
    alone = "without = ['losses.rec']\nlosses.rec.use = 'f'"
    assert "nothing inherited is called 'losses.rec'" in refusal(write(alone))


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


def test_set_changes_the_fallback_too(write: Write) -> None:
    path = write("[data]\nuse = 'celeba'\n[fallback.data]\nuse = 'avatars'\nsize = 48")
    assert resolved(path, "fallback.data.size=32", fallback=True)["data"] == {"use": "avatars", "size": 32}
    assert resolved(path, "fallback.data.size=32") == {"data": {"use": "celeba"}}


def test_set_reaches_each(write: Write) -> None:
    path = write("[each]\nm = ['a', 'b']\n[tensors]\n'z_{m}' = 'f({m})'")
    assert resolved(path, "each.m=['c']") == {"tensors": {"z_c": "f(c)"}}


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


# --- properties ---


@given(tables)
def test_without_variables_expanding_changes_nothing(table: dict[str, Any]) -> None:
    before = copy.deepcopy(table)
    assert expand(table, "") == before
    assert expand({"each": {}, **table}, "") == before
    assert table == before


@given(tables)
def test_a_variable_that_nothing_reads_changes_nothing(table: dict[str, Any]) -> None:
    plain = {key: value for key, value in table.items() if "{" not in str(value) and "*" not in str(value)}
    assert expand({"each": {"m": ["a", "b"]}, **plain}, "") == plain


@given(tables)
def test_merging_nothing_changes_nothing(table: dict[str, Any]) -> None:
    recipe = Recipe(Path("r.toml"), {**table, "fallback": {}}, ({},))
    assert recipe.resolve() == table
    assert recipe.resolve(fallback=True) == table


@given(tables)
def test_merging_a_table_over_itself_changes_nothing(table: dict[str, Any]) -> None:
    assert Recipe(Path("r.toml"), {**table, "fallback": table}).resolve(fallback=True) == table


@given(tables, tables)
def test_what_is_merged_over_wins(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = Recipe(Path("r.toml"), base, (over,)).resolve()
    assert merged.keys() == base.keys() | over.keys()
    for key, value in over.items():
        if not isinstance(value, dict):
            assert merged[key] == value


def test_a_judge_is_looked_for_beside_the_recipe_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "parent.toml").write_text('[evaluate.edit]\nuse = "edit(z)"\njudge = "judge.toml"\n')
    child = tmp_path / "child.toml"
    child.write_text('extends = "base/parent.toml"\n')
    assert load_recipe(child).resolve()["evaluate"]["edit"]["judge"] == "base/judge.toml"
