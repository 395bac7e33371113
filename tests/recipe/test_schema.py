"""The tables and keys of the language, their types and ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.recipe.plan import Plan
from semreg.recipe.schema import DataTable, PaperTable

Toy = Callable[..., Path]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_unknown_keys_are_told_with_the_closest(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(
            """
            sed = 1
            [model]
            inptu = "image"
            [modules.encoder]
            hiden = [3]
            [phases.main]
            epoch = 3
            validate = { loss = "rec", evry = 2 }
            data = { batchsize = 3 }
            [phases.other]
            epochs = 1
            [phases.other.steps.a]
            repeats = 3
            train = { encoder = { kl = 1 } }
            """
        )
    )
    assert found["sed"] == "unknown key 'sed'; did you mean 'seed'?"
    assert "did you mean 'input'?" in found["model.inptu"]
    assert "did you mean 'epochs'?" in found["phases.main.epoch"]
    assert "did you mean 'every'?" in found["phases.main.validate.evry"]
    assert "did you mean 'batch_size'?" in found["phases.main.data.batchsize"]
    assert "did you mean 'repeat'" in found["phases.other.steps.a.repeats"]
    assert "did you mean 'hidden'?" in mistakes(toy("[modules.encoder]\nhiden = [3]"))["modules.encoder.hiden"]


@pytest.mark.parametrize(
    ("override", "where", "part"),
    [
        ("data.batch_size=0", "data.batch_size", "0: input should be greater than 0"),
        ("data.batch_size='8'", "data.batch_size", "'8': input should be a valid integer"),
        ("data.sampler=3", "data.sampler", "3: should be a table, such as { key = value }"),
        ("data.range=[1, 0]", "data", "does not ascend"),
        ("data.range=[0.0, 1e9]", "data", "can't be held as float32 images; within ±1e+06, and 1e-06 wide at least"),
        ("data.range=[0.5, 0.5000001]", "data", "can't be held as float32 images"),
        ("order=[]", "order", "at least 1 item"),
        ("watch={tensors=['image'], every=0}", "watch.every", "0: input should be greater than 0"),
        ("watch={tensors=['image'], images=33}", "watch.images", "33: input should be less than or equal to 32"),
        ("watch={tensors=[]}", "watch.tensors", "at least 1 item"),
        ("watch={every=2}", "watch.tensors", "missing: 'tensors' is needed here"),
        ("watch={tensors=['image'], evry=2}", "watch.evry", "did you mean 'every'?"),
        ("data.range=[1]", "data.range", "at least 2 items"),
        (
            "data.split.test=0.5",
            "data.split.test",
            "unknown key 'test'; expected one of: share, shots, train, unlabelled",
        ),
        ("data.split.share=1.5", "data.split.share", "1.5: input should be less than or equal to 1"),
        ("data.split.shots.kind.a=0", "data.split.shots.kind.a", "0: input should be greater than 0"),
        ("data.split.shots.kind=3", "data.split.shots.kind", "should be a table"),
        ("seed=-1", "seed", "a seed is a whole number from 0 to 2147483648"),
        ("phases.main.epochs=0", "phases.main.epochs", "greater than 0"),
        ("phases.main.epochs=1.5", "phases.main.epochs", "valid integer"),
        ("phases.main.train.encoder.kl='x'", "phases.main.train.encoder.kl", "valid number"),
        ("phases.main.train.encoder.kl=inf", "phases.main.train.encoder.kl", "finite number"),
        ("optimizer.lr=inf", "optimizer.lr", "finite number"),
        ("optimizer.clip=nan", "optimizer.clip", "finite number"),
        ("modules.encoder.ema=-inf", "modules.encoder.ema", "finite number"),
        ("losses.kl={use='adversarial_critic(z, z)', form=inf}", "losses.kl.form", "inf"),
        ("without=['phases.main.train']", "phases.main.steps", "'train' or 'steps' is needed"),
        ("without=['phases.main']", "phases", "at least 1 item"),
        ("modules.encoder.ema=1.0", "modules.encoder.ema", "less than 1"),
        ("model.code='z'", "model.code", "valid list"),
        ("losses.rec='l2(z, z)'", "losses.rec", "l2(z, z)"),
        ("tensors.z=3", "tensors.z", "3"),
        ("optimizer.clip=0", "optimizer.clip", "greater than 0"),
        ("optimizer=3", "optimizer", "should be a table"),
        ("data=3", "data", "3"),
        ("evaluate.a={use='knn(z, kind)', paper=0.9}", "evaluate.a.paper", "table"),
        ("evaluate.a={use='knn(z, kind)', paper={accuracy=0.9}}", "evaluate.a.paper.data", "missing"),
        ("evaluate.a={use='knn(z, kind)', paper={data='toy', accuracy='x'}}", "evaluate.a.paper.accuracy", "number"),
    ],
)
def test_types_and_ranges_of_the_language(toy: Toy, override: str, where: str, part: str, plan_of: PlanOf) -> None:
    path = toy()
    with pytest.raises(UserError) as refused:
        plan_of(path, override)
    assert refused.value.source == str(path)
    first = refused.value.problems[0]
    assert first.where == where
    assert part in first.message


@pytest.mark.parametrize(
    ("data", "fit"),
    [
        ({"use": "mnist"}, True),
        ({"use": "digits"}, False),
        ({"use": "image_folder", "path": "mnist"}, True),
        ({"use": "npz", "path": "archives/mnist.npz"}, True),
        ({"use": "npz", "path": "coil20.npz"}, False),
        ({"use": "npz", "path": 3}, False),
    ],
)
def test_a_papers_figures_are_of_one_data_set_by_its_name_or_that_of_its_files(data: dict[str, Any], fit: bool) -> None:
    table = PaperTable.model_validate({"data": "mnist", "accuracy": 0.9, "gain": 1})
    assert table.figures(DataTable.model_validate(data)) == ({"accuracy": 0.9, "gain": 1} if fit else {})


def test_a_papers_figures_do_not_stay_where_another_evaluation_is_used(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[evaluate.a]\nuse = "linear_probe(z, kind)"\npaper = { data = "toy", accuracy = 0.9 }')
    assert plan_of(path).evaluations["a"].paper == {"accuracy": 0.9}
    assert plan_of(path, "evaluate.a.penalty=2.0").evaluations["a"].paper == {"accuracy": 0.9}
    assert plan_of(path, "evaluate.a.use='knn(z, kind)'").evaluations["a"].paper == {}


def test_missing_tables(toy: Toy, tmp_path: Path, mistakes: Mistakes) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    found = mistakes(empty)
    assert set(found) == {"data", "modules", "losses", "phases"}
    assert found["data"] == "missing: 'data' is needed here"
