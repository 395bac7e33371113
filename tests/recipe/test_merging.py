"""One table on top of another: what wins, what stays, what `without` drops."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings

from semreg.core import UserError
from semreg.recipe.merging import merge, overlay
from tests.recipe.tables import tables


def merged(base: str, over: str) -> dict[str, Any]:
    return merge(tomllib.loads(base), tomllib.loads(over), "recipe.toml", "")


def refusal(base: str, over: str, prefix: str = "") -> UserError:
    with pytest.raises(UserError) as refused:
        merge(tomllib.loads(base), tomllib.loads(over), "recipe.toml", prefix)
    assert refused.value.source == "recipe.toml"
    return refused.value


def test_tables_merge_and_the_later_keys_win() -> None:
    base = "seed = 1\n[data]\nuse = 'mnist'\nsize = 32\nrange = [0, 1]\n[losses.a]\nuse = 'l2(x, y)'"
    assert merged(base, "[data]\nsize = 16\nrange = [-1, 1]\n[losses.b]\nuse = 'l1(x, y)'") == {
        "seed": 1,
        "data": {"use": "mnist", "size": 16, "range": [-1, 1]},
        "losses": {"a": {"use": "l2(x, y)"}, "b": {"use": "l1(x, y)"}},
    }


@pytest.mark.parametrize("kind", ["data", "optimizer", "modules.encoder", "losses.rec"])
def test_another_component_takes_none_of_the_old_options(kind: str) -> None:
    table = merged(f"[{kind}]\nuse = 'old'\nsize = 32\nfactor = 2", f"[{kind}]\nuse = 'new'\nwidth = 3")
    for key in kind.split("."):
        table = table[key]
    assert table == {"use": "new", "width": 3}


def test_another_component_keeps_what_the_language_reserves() -> None:
    table = merged(
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
        """
        data.use = "avatars"
        modules.encoder.use = "mlp_encoder"
        optimizer.use = "adam"
        evaluate.edit.use = "transfer(z)"
        """,
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


def test_a_reserved_word_of_one_place_is_an_option_like_any_other_elsewhere() -> None:
    base = "[losses.a]\nuse = 'weighted(x)'\nweights = [1, 2]\nrange = [0, 1]"
    assert merged(base, "[losses.a]\nuse = 'l2(x, y)'")["losses"]["a"] == {"use": "l2(x, y)"}


def test_other_inputs_of_the_same_component_keep_the_options() -> None:
    table = merged("[losses.a]\nuse = 'l2(x, y)'\nreduction = 'sum'", "[losses.a]\nuse = 'l2( x, z )'")
    assert table["losses"]["a"] == {"use": "l2( x, z )", "reduction": "sum"}


def test_a_table_of_one_place_is_laid_over_another_by_the_words_of_that_place() -> None:
    own, other = {"use": "mnist", "size": 32, "batch_size": 9}, {"use": "digits"}
    assert overlay(own, other, ("data",)) == {"use": "digits", "batch_size": 9}
    assert overlay(own, other, ("losses", "rec")) == other


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


def test_without_drops_a_loss_with_its_weights() -> None:
    table = merged(TRAINED, "without = ['losses.adv_e', 'losses.adv_c', 'tensors.c_u']")
    assert set(table["losses"]) == {"rec"}
    assert table["tensors"] == {}
    assert table["phases"]["main"]["steps"]["joint"]["train"] == {"encoder": {"rec": 10}}
    assert table["phases"]["warm"]["train"] == {"encoder": {"rec": 1}}
    assert "without" not in table


def test_without_drops_a_module_with_its_row() -> None:
    table = merged(TRAINED, "without = ['modules.classifier']")
    assert set(table["modules"]) == {"encoder"}
    assert table["phases"]["main"]["steps"]["joint"]["train"] == {"encoder": {"rec": 10, "adv_e": 1}}


def test_without_drops_before_the_own_keys_come() -> None:
    base = "[data]\nuse = 'mnist'\nsize = 32"
    assert merged(base, "without = ['data']\n[data]\nsize = 8") == {"data": {"size": 8}}


def test_without_says_what_is_not_there() -> None:
    text = refusal(TRAINED, "without = ['losses.adv_d', 'modules.critic.use', 'seed']").text()
    assert "3 errors" in text
    assert "nothing inherited is called 'losses.adv_d'; did you mean 'adv_e' or 'adv_c'?" in text
    assert "nothing inherited is called 'seed'" in text
    assert "is not a list of keys" in refusal(TRAINED, "without = 'losses.adv_e'").text()
    own = refusal("", "without = ['losses.rec']\nlosses.rec.use = 'f'", "fallback.")
    assert "nothing inherited is called 'losses.rec'" in own.text()
    assert own.problems[0].where == "fallback.without"


@settings(max_examples=30)
@given(tables, tables)
def test_merging_leaves_both_tables_as_they_were(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    result = merge(base, over, "", "")
    for key, value in result.items():
        result[key] = [value]
        if isinstance(value, dict):
            value.clear()
    assert (base, over) == before


@given(tables)
def test_merging_nothing_or_a_table_over_itself_changes_nothing(table: dict[str, Any]) -> None:
    assert merge(table, {}, "", "") == merge({}, table, "", "") == merge(table, table, "", "") == table


@given(tables, tables)
def test_what_is_merged_over_wins_and_all_else_stays(base: dict[str, Any], over: dict[str, Any]) -> None:
    def expected(under: Any, above: Any) -> Any:
        if not (isinstance(under, dict) and isinstance(above, dict)):
            return above
        both = under.keys() & above.keys()
        return under | above | {key: expected(under[key], above[key]) for key in both}

    assert merge(base, over, "", "") == expected(base, over)


def test_another_schedule_of_a_weight_drops_the_options_of_warmup_which_needs_no_name() -> None:
    base = {"phases": {"main": {"train": {"encoder": {"kl": {"weight": 1, "warmup": 10}}}}}}
    over = {"phases": {"main": {"train": {"encoder": {"kl": {"use": "cyclical", "cycles": 4}}}}}}
    expected = {"weight": 1, "use": "cyclical", "cycles": 4}
    assert overlay(base, over)["phases"]["main"]["train"]["encoder"]["kl"] == expected
    over["phases"]["main"]["train"]["encoder"]["kl"] = {"use": "warmup", "weight": 2}
    assert overlay(base, over)["phases"]["main"]["train"]["encoder"]["kl"] == {
        "weight": 2,
        "warmup": 10,
        "use": "warmup",
    }
