"""What a run is: any change of what trains is another run, and no other change is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semreg.core import Result
from semreg.recipe.check import check
from semreg.recipe.comparing import differing_keys
from semreg.recipe.load import Recipe, composed_recipe
from semreg.recipe.plan import EvaluationPlan, Plan
from semreg.running.choices import DECIDING_BITS, Choices
from semreg.running.identity import comparison_digest, continued, evaluation_folders, identity
from tests.conftest import TOY_RECIPE

Toy = Callable[..., Path]

MORE = """
order = ["main", "late"]
[modules.classifier]
use = "mlp_encoder"
outputs = "@kind.classes"
hidden = []
[modules.watcher]
use = "mlp_encoder"
outputs = 2
hidden = []
[tensors]
logits = { use = "classifier(detach(z))" }
seen = "watcher(z)"
[losses.fit]
use = "cross_entropy(logits, kind)"
label_smoothing = 0.1
[losses.unread]
use = "l1(seen, seen)"
[data.split]
validation = 12
[phases.main]
data.batch_size = 6
validate = { loss = "rec", every = 2 }
[phases.late]
epochs = 2
train = { classifier = { fit = 1.5 } }
[phases.left_out]
epochs = 3
train = { watcher = { unread = 1 } }
[evaluate.probe]
use = "linear_probe(z, kind)"
penalty = 2.0
[evaluate.watched]
use = "linear_probe(seen, kind)"
"""

Path_ = tuple[str, ...]

INSIDE: list[tuple[Path_, Any]] = [
    (("data", "count"), 36),
    (("data", "range"), [-1.0, 1.0]),
    (("data", "split", "validation"), 6),
    (("modules", "encoder", "hidden"), [7]),
    (("modules", "encoder", "ema"), 0.9),
    (("modules", "classifier", "outputs"), 3),
    (("modules", "classifier", "optimizer"), {"lr": 0.5}),
    (("tensors", "z"), "posterior_mean(posterior)"),
    (("tensors", "logits", "use"), "classifier(z)"),
    (("losses", "fit", "label_smoothing"), 0.2),
    (("losses", "rec", "use"), "l1(reconstruction, image)"),
    (("optimizer", "lr"), 0.02),
    (("optimizer", "use"), "sgd"),
    (("order",), ["late", "main"]),
    (("order",), ["main"]),
    (("phases", "main", "epochs"), 5),
    (("phases", "main", "data", "batch_size"), 5),
    (("phases", "main", "train", "encoder", "kl"), 0.25),
    (("phases", "main", "validate", "keep"), "best"),
    (("phases", "late", "train", "classifier", "fit"), 1.0),
    (("phases", "late", "optimizer"), {"clip": 1.0}),
    (("phases", "late", "optimizer"), {"clip": {"norm": 1.0, "value": 0.5}}),
    (("phases", "main", "accumulate"), 2),
    (("phases", "main", "train", "encoder", "kl"), {"weight": 0.5, "warmup": 1}),
    (("phases", "main", "train", "encoder", "kl"), {"weight": 0.5, "use": "cosine"}),
    (("modules", "encoder", "precision"), "bf16"),
]
"""Changes of what trains."""

OUTSIDE: list[tuple[Path_, Any]] = [
    (("description",), "another word"),
    (("requires",), ["numpy"]),
    (("model",), {"input": "image", "code": ["z"]}),
    (("model", "attributes"), {"kind": "z"}),
    (("modules", "watcher", "hidden"), [9]),
    (("modules", "spare"), {"use": "standard_normal", "size": 3}),
    (("tensors", "seen"), "watcher(image)"),
    (("tensors", "idle"), "detach(z)"),
    (("losses", "unread", "use"), "l2(seen, seen)"),
    (("losses", "idle_too"), {"use": "l1(z, z)"}),
    (("phases", "left_out", "epochs"), 9),
    (("evaluate",), {"probe": {"use": "linear_probe(z, kind)"}}),
    (("compare",), {"apart": {"use": "apart(z)"}}),
    (("evaluate", "probe", "penalty"), 3.0),
    (("evaluate", "probe", "paper"), {"data": "toy", "accuracy": 0.9}),
    (("evaluate", "more"), {"use": "knn(z, kind)"}),
    (("tensors", "reconstruction"), " decoder( z ) "),
    (("tensors", "seen"), {"use": "watcher(z)"}),
]
"""Changes of nothing that trains: of what only evaluations read, of what nothing reads, of how something is written."""


@pytest.fixture(autouse=True)
def apart(register: Callable[[str, str, Any], None]) -> None:
    def apart(*codes: Any, strength: float = 1.0) -> Result:
        raise NotImplementedError

    register("comparison", "apart", apart)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identity")
    (folder / "base.toml").write_text(TOY_RECIPE)
    return folder / "recipe.toml"


def changed(table: dict[str, Any], changes: list[tuple[Path_, Any]]) -> dict[str, Any]:
    table = copy.deepcopy(table)
    for path, value in changes:
        place = table
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = copy.deepcopy(value)
    return table


def plan_of(base: Path, changes: list[tuple[Path_, Any]] = []) -> Plan:  # noqa: B006
    import tomllib

    table = composed_recipe(base, {"extends": "base.toml", **tomllib.loads(MORE)}).table
    return check(Recipe(base, changed(table, changes)))


def digest_of(plan: Plan, **choices: Any) -> str:
    return identity(plan, Choices(out=Path("nowhere"), **choices)).digest


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outside=st.lists(st.sampled_from(OUTSIDE), max_size=4), inside=st.lists(st.sampled_from(INSIDE), max_size=1))
def test_what_trains_decides_and_nothing_else(
    base: Path, toy: Toy, outside: list[tuple[Path_, Any]], inside: list[tuple[Path_, Any]]
) -> None:
    first, other = digest_of(plan_of(base)), digest_of(plan_of(base, [*outside, *inside]))
    assert (first == other) == (not inside)


@pytest.mark.parametrize("change", INSIDE, ids=lambda change: ".".join(change[0]))
def test_each_change_of_what_trains_is_another_run_and_is_named(
    base: Path, toy: Toy, change: tuple[Path_, Any]
) -> None:
    one, other = (identity(plan_of(base, changes), Choices()) for changes in ([], [change]))
    assert one.digest != other.digest
    assert differing_keys(one.table, other.table)


def test_each_pair_of_changes_is_a_run_of_its_own(base: Path, toy: Toy) -> None:
    assert len({digest_of(plan_of(base, [change])) for change in INSIDE}) == len(INSIDE)


def test_a_weight_of_zero_is_none(base: Path, toy: Toy) -> None:
    nothing = (("phases", "main", "train", "encoder", "unread"), 0)
    assert digest_of(plan_of(base, [nothing])) == digest_of(plan_of(base))


def test_seed_and_precision_decide_places_do_not(base: Path, toy: Toy) -> None:
    plan = plan_of(base)
    runs = [digest_of(plan), digest_of(plan, seed=1), digest_of(plan, precision="bf16")]
    assert len(set(runs)) == 3
    assert digest_of(plan, seed=0) == runs[0]
    assert digest_of(plan, data_root="elsewhere", device="cpu", tensorboard=True) == runs[0]
    assert digest_of(plan_of(base, [(("seed",), 1)])) == runs[1]
    assert continued(runs[0], runs[1]) not in {*runs, continued(runs[1], runs[0])}


def test_choices_that_change_last_bits_are_other_runs_and_capturing_is_none(base: Path, toy: Toy) -> None:
    plan = plan_of(base)
    others = [digest_of(plan, **{name: not getattr(Choices(), name)}) for name in DECIDING_BITS]
    assert len({digest_of(plan), *others}) == 1 + len(DECIDING_BITS) == 5
    assert digest_of(plan, capture="off") == digest_of(plan)
    assert digest_of(plan, **{name: getattr(Choices(), name) for name in DECIDING_BITS}) == digest_of(plan)


def test_differences_are_named_by_the_keys_of_recipes(base: Path, toy: Toy) -> None:
    one, other = (
        identity(plan_of(base, changes), Choices()).table
        for changes in ([], [(("phases", "main", "epochs"), 5), (("optimizer", "lr"), 0.5)])
    )
    found = differing_keys(one, other)
    assert "phases.main.epochs" in found
    assert "phases.main.optimizers.encoder.options.lr" in found
    assert all(key.startswith("phases.") for key in found)


# --- evaluations ---


def folders(plan: Plan, judge: str = "judge") -> dict[str, str]:
    def digest(evaluation: EvaluationPlan) -> str:
        return judge

    return evaluation_folders(plan, digest, Path("nowhere"))


def test_an_evaluation_is_its_table_what_it_reads_and_the_roles(base: Path, toy: Toy) -> None:
    first = folders(plan_of(base))
    assert all(folder.rpartition("-")[0] == name for name, folder in first.items())
    for path, value, moved in (
        (("evaluate", "probe", "penalty"), 3.0, {"probe"}),
        (("modules", "watcher", "hidden"), [9], {"watched"}),
        (("tensors", "seen"), "watcher(image)", {"watched"}),
        (("model", "attributes"), {"kind": "z"}, {"probe", "watched"}),
        (("description",), "another word", set()),
        (("losses", "unread", "use"), "l2(seen, seen)", set()),
        (("evaluate", "more"), {"use": "knn(z, kind)"}, set()),
        (("evaluate", "probe", "paper"), {"data": "toy", "accuracy": 0.9}, {"probe"}),
        (("evaluate", "probe", "paper"), {"data": "elsewhere", "accuracy": 0.9}, set()),
    ):
        now = folders(plan_of(base, [(path, value)]))
        assert {name for name in first if now[name] != first[name]} == moved, path


def test_a_comparison_is_its_table_what_it_reads_and_the_roles(base: Path, toy: Toy) -> None:
    apart = (("compare", "apart"), {"use": "apart(z)"})

    def digest(*changes: tuple[Path_, Any], judge_on: str = "test") -> str:
        plan = plan_of(base, [apart, *changes])
        return comparison_digest(plan, plan.comparisons["apart"], Path("nowhere"), judge_on)

    same = [(("description",), "another word"), (("compare", "apart", "across"), True), (("evaluate",), {})]
    assert {digest(change) for change in same} == {digest()}
    others = [
        (("compare", "apart", "strength"), 2.0),
        (("tensors", "z"), "posterior_mean(posterior)"),
        (("modules", "encoder", "hidden"), [7]),
        (("model", "attributes"), {"kind": "z"}),
    ]
    assert len({digest(), digest(judge_on="validation"), *(digest(change) for change in others)}) == 6


def test_an_evaluation_is_its_code_and_its_judge(
    base: Path, toy: Toy, register: Callable[[str, str, Any], None]
) -> None:
    def one(code: Any, *, judge: Any = None) -> Result:
        return Result(figures={"a": 1.0})

    def other(code: Any, *, judge: Any = None) -> Result:
        return Result(figures={"a": 2.0})

    base.with_name("judge.toml").write_text("")
    register("evaluation", "own", one)
    change = (("evaluate", "own"), {"use": "own(z)", "judge": "judge.toml"})
    first = folders(plan_of(base, [change]))
    assert folders(plan_of(base, [change]), "another")["own"] != first["own"]
    assert folders(plan_of(base, [change]), "another")["probe"] == first["probe"]
    register("evaluation", "own2", other)
    renamed = folders(plan_of(base, [(("evaluate", "own"), {"use": "own2(z)", "judge": "judge.toml"})]))
    assert renamed["own"] != first["own"]


def test_an_evaluation_is_the_code_of_the_interpolators_that_it_names(
    base: Path, toy: Toy, register: Callable[[str, str, Any], None]
) -> None:
    def bend(a: Any, b: Any, weight: Any) -> Any:
        return a + STRENGTH * (b - a) * weight

    register("interpolator", "bend", bend)
    register("evaluation", "walked", lambda code, *, ways=({"use": "bend"},): Result())
    register("evaluation", "plain", lambda code, *, ways="linear": Result())
    changes = [(("evaluate", name), {"use": f"{name}(z)"}) for name in ("walked", "plain")]
    first = folders(plan_of(base, changes))
    bend.__globals__["STRENGTH"] = 1000.0
    try:
        now = folders(plan_of(base, changes))
    finally:
        bend.__globals__["STRENGTH"] = 1.0
    assert {name for name in first if now[name] != first[name]} == {"walked"}


STRENGTH = 1.0
