"""`check`: what the language means, and every mistake told where it was made, all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.errors import DataMissing, UserError
from semreg.evaluation.result import Result
from semreg.recipe.check import check, check_all
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def plan_of(path: Path, *overrides: str, **choices: Any) -> Plan:
    return check(load_recipe(path, overrides), **choices)


def mistakes(path: Path, *overrides: str) -> dict[str, str]:
    """The messages of the one error by their place."""
    with pytest.raises(UserError) as refused:
        plan_of(path, *overrides)
    assert refused.value.source == str(path)
    assert not isinstance(refused.value, DataMissing)
    places = [problem.where for problem in refused.value.problems]
    assert len(set(places)) == len(places), f"one mistake is told once: {refused.value.text()}"
    return {problem.where: problem.message for problem in refused.value.problems}


# --- what a recipe becomes ---


def test_the_matrix_is_the_train_tables(toy: Toy) -> None:
    plan = plan_of(toy())
    assert plan.matrix() == {"main": {"step": {"encoder": {"rec": 1.0, "kl": 0.5}, "decoder": {"rec": 1.0}}}}
    assert [len(step.backwards) for phase in plan.phases for step in phase.steps] == [1]
    assert plan.phases[0].trained == ("encoder", "decoder")
    assert plan.missing is None
    assert plan.warnings == []


def test_steps_phases_and_their_order(toy: Toy) -> None:
    path = toy(
        """
        order = ["second", "main"]
        [phases.second]
        epochs = 3
        data.batch_size = 4
        [phases.second.steps.a]
        repeat = 2
        train = { encoder = { kl = 1 } }
        [phases.second.steps.b.train]
        decoder = { rec = 2 }
        [phases.left_out]
        epochs = 1
        train = { decoder = { rec = 1 } }
        """
    )
    plan = plan_of(path)
    assert [phase.name for phase in plan.phases] == ["second", "main"]
    assert [(phase.epochs, phase.batch_size) for phase in plan.phases] == [(3, 4), (2, 8)]
    assert [(step.name, step.repeat) for step in plan.phases[0].steps] == [("a", 2), ("b", 1)]
    assert plan.matrix()["second"] == {"a": {"encoder": {"kl": 1.0}}, "b": {"decoder": {"rec": 2.0}}}


def test_a_weight_of_zero_trains_nothing(toy: Toy) -> None:
    plan = plan_of(toy(), "phases.main.train.encoder.kl=0", "phases.main.train.decoder.rec=0")
    assert plan.matrix()["main"]["step"] == {"encoder": {"rec": 1.0}}
    assert plan.phases[0].trained == ("encoder",)


def test_references_read_the_specification(toy: Toy, register: Register) -> None:
    seen: dict[str, Any] = {}

    def loss(
        a: Tensor, *, names: list[str], order: str, marks: list[str], count: int, size: int, groups: Any
    ) -> Tensor:
        raise NotImplementedError

    register("loss", "toy_loss", loss)
    path = toy(
        """
        [losses.x]
        use = "toy_loss(z)"
        names = "@kind.names"
        order = "@kind.order"
        marks = "@marks.names"
        count = "@marks.count"
        size = "@point.size"
        groups = "@marks.exclusive"
        """
    )
    seen = dict(plan_of(path).losses["x"].options)
    assert seen == {
        "names": ["a", "b", "c"],
        "order": "line",
        "marks": ["round", "dark"],
        "count": 2,
        "size": 3,
        "groups": [["round", "dark"]],
    }
    assert plan_of(path).modules["decoder"].part.options["size"] == 4


def test_optimizers_merge_from_recipe_phase_and_module(toy: Toy) -> None:
    path = toy(
        """
        [optimizer]
        lr = 0.1
        weight_decay = 0.2
        clip = 1.0
        [phases.main.optimizer]
        lr = 0.01
        [modules.encoder.optimizer]
        use = "sgd"
        momentum = 0.9
        lr = 0.5
        """
    )
    optimizers = plan_of(path).phases[0].optimizers
    assert optimizers["decoder"].part.component.name == "adam"
    assert optimizers["decoder"].part.options == {"lr": 0.01, "weight_decay": 0.2}
    assert optimizers["encoder"].part.component.name == "sgd"
    assert optimizers["encoder"].part.options == {"momentum": 0.9, "lr": 0.5}
    assert optimizers["decoder"].clip == optimizers["encoder"].clip == 1.0


def test_a_module_comes_before_a_component_of_its_name(toy: Toy) -> None:
    path = toy('[modules.sigmoid]\nuse = "mlp_encoder"\noutputs = 3\n[tensors]\nsquashed = "sigmoid(z)"')
    plan = plan_of(path)
    assert "sigmoid" not in plan.callables
    assert list(map(str, plan.calls_of("sigmoid"))) == ["sigmoid(z)"]


def test_a_tensor_may_have_the_name_of_the_component_that_it_calls(toy: Toy) -> None:
    path = toy('[tensors]\nsample = "sample(posterior)"\n[losses.s]\nuse = "l2(sample, z)"')
    plan = plan_of(path)
    assert set(plan.reads(plan.losses["s"].expression)) == {"sample", "z", "posterior", "encoder", "image"} | {
        "l2",
        "diagonal_gaussian",
    }
    assert plan.fields_of([plan.losses["s"].expression]) == {"image"}


def test_tensors_read_twice_over_many_levels_are_looked_at_once(toy: Toy) -> None:
    levels = "\n".join(f't{k} = "multiply(t{k - 1}, t{k - 1})"' for k in range(1, 60))
    text = f'[tensors]\nt0 = "detach(z)"\n{levels}\n[losses.s]\nuse = "l2(t59, z)"\n[phases.main.train]\nencoder.s = 1'
    plan = plan_of(toy(text))
    assert plan.fields_of([plan.losses["s"].expression]) == {"image"}
    assert "encoder" in plan.reads(plan.losses["s"].expression)


def test_tensors_may_call_losses_and_interpolators_and_read_modules(toy: Toy) -> None:
    path = toy(
        '[tensors]\nerror = "l2(reconstruction, image)"\nmixed = "linear(z, z, error)"\nnoise = "draw_like(prior, z)"'
    )
    assert set(plan_of(path).tensors) >= {"error", "mixed", "noise"}


def test_a_tensor_may_be_another_name_for_one(toy: Toy) -> None:
    assert plan_of(toy('[tensors]\ncode = "z"')).tensors["code"].component == "z"


def test_detach_and_precompute_cut_what_a_loss_reaches(toy: Toy) -> None:
    text = """
        [tensors]
        fixed = "detach(z)"
        again = "decoder(fixed)"
        [losses.outer]
        use = "l2(again, image)"
        [phases.later]
        epochs = 1
        train = { decoder = { outer = 1 }, encoder = { outer = 1 } }
        """
    found = mistakes(toy(text))
    assert found == {
        "phases.later.train.encoder.outer": "the gradient of 'outer' does not reach 'encoder'; it reaches decoder"
    }
    found = mistakes(
        toy(
            """
            [losses.outer]
            use = "l2(encoder(image), encoder(image))"
            [tensors]
            features = "encoder(image)"
            [losses.inner]
            use = "l2(decoder(features), image)"
            [phases.later]
            epochs = 1
            precompute = ["features"]
            train = { decoder = { inner = 1 }, prior = { inner = 1 } }
            """
        )
    )
    assert found == {
        "phases.later.train.prior.inner": "the gradient of 'inner' does not reach 'prior'; it reaches decoder"
    }


# --- mistakes ---


def test_unknown_names_are_told_with_the_closest(toy: Toy) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "decoder(zz)"
            b = "decodr(z)"
            c = "sampel(posterior)"
            [losses.d]
            use = "l22(z, z)"
            [modules.e]
            use = "conv_encodr"
            """
        )
    )
    assert found.keys() == {"tensors.a", "tensors.b", "tensors.c", "losses.d", "modules.e"}
    assert "nothing is called 'zz'; did you mean 'z'?" in found["tensors.a"]
    assert "of the modules; did you mean 'decoder'" in found["tensors.b"]
    assert "did you mean 'sample'?" in found["tensors.c"]
    assert "did you mean 'l2'" in found["losses.d"]
    assert "'conv_encoder'" in found["modules.e"]


def test_a_component_of_another_kind_is_told_as_such(toy: Toy) -> None:
    found = mistakes(toy('[modules.e]\nuse = "l2"\n[tensors]\na = "mlp_encoder(image)"'))
    assert "it is a loss of semreg" in found["modules.e"]
    assert "it is an encoder of semreg" in found["tensors.a"]


def test_unknown_keys_are_told_with_the_closest(toy: Toy) -> None:
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


def test_unknown_option_missing_option_wrong_type_and_range_come_together(toy: Toy) -> None:
    found = mistakes(
        toy(
            """
            [losses.rec]
            reduction = "max"
            margin = 3
            [modules.decoder]
            channels = "three"
            size = 0
            [modules.other]
            use = "conv_encoder"
            [tensors.s]
            use = "sigmoid(z)"
            temperature = -1.0
            """
        )
    )
    assert found.keys() == {
        "losses.rec.reduction", "losses.rec.margin", "modules.decoder.channels", "modules.decoder.size",
        "modules.other", "tensors.s.temperature",
    }  # fmt: skip
    assert "'max': input should be 'mean' or 'sum'" in found["losses.rec.reduction"]
    assert "l2 (semreg 0.1.0) has no option 'margin'" in found["losses.rec.margin"]
    assert "valid integer" in found["modules.decoder.channels"]
    assert "needs the option 'outputs'" in found["modules.other"]
    assert "-1.0: input should be greater than 0" in found["tensors.s.temperature"]


@pytest.mark.parametrize(
    ("override", "where", "part"),
    [
        ("data.batch_size=0", "data.batch_size", "0: input should be greater than 0"),
        ("data.batch_size='8'", "data.batch_size", "'8': input should be a valid integer"),
        ("data.range=[1, 0]", "data", "does not ascend"),
        ("data.range=[1]", "data.range", "at least 2 items"),
        ("data.split.test=0.5", "data.split.test", "'test': input should be 'train' or 'validation'"),
        ("seed=-1", "seed", "greater than or equal to 0"),
        ("phases.main.epochs=0", "phases.main.epochs", "greater than 0"),
        ("phases.main.epochs=1.5", "phases.main.epochs", "valid integer"),
        ("phases.main.train.encoder.kl='x'", "phases.main.train.encoder.kl", "valid number"),
        ("phases.main.train.encoder.kl=inf", "phases.main.train.encoder.kl", "finite number"),
        ("without=['phases.main.train']", "phases.main.steps", "'train' or 'steps' is needed"),
        ("without=['phases.main']", "phases", "at least 1 item"),
        ("modules.encoder.ema=1.0", "modules.encoder.ema", "less than 1"),
        ("model.code=[]", "model.code", "at least 1 item"),
        ("losses.rec='l2(z, z)'", "losses.rec", "l2(z, z)"),
        ("tensors.z=3", "tensors.z", "3"),
        ("optimizer.clip=0", "optimizer.clip", "greater than 0"),
        ("optimizer=3", "optimizer", "valid dictionary"),
        ("data=3", "data", "3"),
    ],
)
def test_types_and_ranges_of_the_language(toy: Toy, override: str, where: str, part: str) -> None:
    path = toy()
    with pytest.raises(UserError) as refused:
        plan_of(path, override)
    assert refused.value.source == str(path)
    first = refused.value.problems[0]
    assert first.where == where
    assert part in first.message


def test_missing_tables(toy: Toy, tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    found = mistakes(empty)
    assert set(found) == {"data", "modules", "losses", "phases"}
    assert found["data"] == "missing: 'data' is needed here"


@pytest.mark.parametrize(
    "use", ["1 + z", "decoder(z, k=3)", "decoder(*z)", "z.mean()", "lambda: z", "decoder(0.5)", ""]
)
def test_anything_but_names_and_calls(toy: Toy, use: str) -> None:
    assert set(mistakes(toy(), f"tensors.odd={use}")) == {"tensors.odd"}


def test_a_loss_must_call_something(toy: Toy) -> None:
    assert "'z' calls nothing" in mistakes(toy(), "losses.kl.use=z")["losses.kl"]
    found = mistakes(toy('[tensors.t]\nuse = "z"\nscale = 2'))
    assert "'z' calls nothing" in found["tensors.t"]


def test_options_of_a_module_belong_to_the_module(toy: Toy) -> None:
    found = mistakes(toy('[tensors.again]\nuse = "decoder(z)"\nhidden = [3]'))
    assert "its options belong under modules.decoder" in found["tensors.again"]


def test_numbers_of_inputs(toy: Toy) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "sigmoid(z, z)"
            b = "take(sigmoid(), z)"
            c = "encoder2(image, z)"
            [modules.encoder2]
            use = "conv_encoder"
            outputs = 1
            [losses.d]
            use = "l2(z, z, z)"
            """
        )
    )
    assert "sigmoid (semreg 0.1.0) takes (x); 2 given" in found["tensors.a"]
    assert "sigmoid (semreg 0.1.0) takes (x); 0 given, x missing" in found["tensors.b"]
    assert "encoder2 takes (images); 2 given" in found["tensors.c"]
    assert "takes (a, b); 3 given" in found["losses.d"]


def test_names_are_shared_by_tensors_modules_and_fields(toy: Toy) -> None:
    tensors = '[tensors]\nencoder = "detach(image)"\nimage = "detach(z)"'
    found = mistakes(toy(f'[modules.kind]\nuse = "mlp_encoder"\noutputs = 1\n{tensors}'))
    assert "'kind' is a field of the data already" in found["modules.kind"]
    assert "'encoder' is a module already" in found["tensors.encoder"]
    assert "'image' is a field of the data already" in found["tensors.image"]


def test_names_must_be_readable(toy: Toy) -> None:
    found = mistakes(toy('[tensors]\n"a-b" = "detach(z)"\n[modules."1x"]\nuse = "mlp_encoder"\noutputs = 1'))
    assert "use letters, digits and '_'" in found["tensors.a-b"]
    assert "use letters, digits and '_'" in found["modules.1x"]


def test_cycles_are_told_once_each(toy: Toy) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "detach(b)"
            b = "multiply(z, c)"
            c = "detach(a)"
            d = "detach(d)"
            e = "detach(a)"
            """
        )
    )
    assert found == {"tensors.a": "reads itself: a -> b -> c -> a", "tensors.d": "reads itself: d -> d"}


def test_a_loss_that_cannot_reach_its_module(toy: Toy) -> None:
    found = mistakes(toy(), "phases.main.train.decoder.kl=1", "phases.main.train.prior={rec=1}")
    assert found == {
        "phases.main.train.decoder.kl": "the gradient of 'kl' does not reach 'decoder'; it reaches encoder, prior",
        "phases.main.train.prior.rec": "the gradient of 'rec' does not reach 'prior'; it reaches decoder, encoder",
    }
    path = toy('[losses.nothing]\nuse = "l2(image, image)"\n[phases.main.train]\nencoder.nothing = 1')
    assert "it reaches no module at all" in mistakes(path)["phases.main.train.encoder.nothing"]


def test_unknown_names_in_the_train_tables(toy: Toy) -> None:
    found = mistakes(toy(), "phases.main.train.encodr={rec=1}", "phases.main.train.decoder.rek=1")
    assert set(found) == {"phases.main.train.encodr", "phases.main.train.decoder.rek"}
    assert "there is no module 'encodr'; did you mean 'encoder'" in found["phases.main.train.encodr"]
    assert "there is no loss 'rek'; did you mean 'rec'?" in found["phases.main.train.decoder.rek"]


def test_one_unknown_loss_does_not_make_its_phase_train_nothing(toy: Toy) -> None:
    path = toy("[phases.later]\nepochs = 1\ntrain = { encoder = { rek = 1 } }")
    assert set(mistakes(path)) == {"phases.later.train.encoder.rek"}


def test_a_phase_that_trains_nothing(toy: Toy) -> None:
    found = mistakes(toy("[phases.later]\nepochs = 1\ntrain = { encoder = { rec = 0 } }"))
    assert set(found) == {"phases.later"}
    assert "trains nothing" in found["phases.later"]


def test_order_of_unknown_and_repeated_phases(toy: Toy) -> None:
    assert "there is no phase 'mian'; did you mean 'main'?" in mistakes(toy(), "order=['mian']")["order"]
    assert "twice" in mistakes(toy(), "order=['main', 'main']")["order"]


def test_references_that_lead_nowhere(toy: Toy) -> None:
    found = mistakes(
        toy(),
        "modules.encoder.outputs=@kid.classes",
        "modules.decoder.channels=@image.chanels",
        "modules.decoder.size=@image",
        "losses.rec.reduction=@point.names",
    )
    assert "the data have no field 'kid'; did you mean 'kind'?" in found["modules.encoder.outputs"]
    assert "image has no 'chanels'; did you mean 'channels'?" in found["modules.decoder.channels"]
    assert "'@image': image has no ''" in found["modules.decoder.size"]
    assert "point has no 'names'" in found["losses.rec.reduction"]


def test_requirements_that_are_not_installed(toy: Toy) -> None:
    found = mistakes(toy(), "requires=['semreg', 'semreg-no-such-plugin']")
    assert found == {"requires": "semreg-no-such-plugin is not installed; pip install semreg-no-such-plugin"}


def test_mistakes_of_optimizers_and_schedules_are_told_once_where_they_stand(toy: Toy) -> None:
    assert "did you mean 'adam'" in mistakes(toy(), "optimizer.use=adm")["optimizer"]
    assert set(mistakes(toy(), "optimizer.lrr=3")) == {"optimizer.lrr"}
    assert set(mistakes(toy(), "phases.main.optimizer.lrr=3")) == {"phases.main.optimizer.lrr"}
    found = mistakes(toy(), "modules.encoder.optimizer.lr=fast", "optimizer.schedule={use='step', evry=3}")
    assert set(found) == {"modules.encoder.optimizer.lr", "optimizer.schedule.evry", "optimizer.schedule"}
    assert "needs the option 'every'" in found["optimizer.schedule"]
    assert set(mistakes(toy(), "optimizer.clip=0")) == {"optimizer.clip"}
    found = mistakes(toy(), "modules.encoder.optimizer.groups=[{parameters='*bias', lrr=1}]")
    assert "'lrr'" in found["modules.encoder.optimizer.groups.0.lrr"]


def test_precompute_wants_frozen_modules_and_nothing_random(toy: Toy) -> None:
    text = """
        [tensors]
        features = "encoder(image)"
        fixed = "detach(reconstruction)"
        [phases.later]
        epochs = 1
        train = { decoder = { rec = 1 } }
        precompute = PLACEHOLDER
        """
    plan = plan_of(toy(text.replace("PLACEHOLDER", '["features"]')))
    assert plan.phases[1].precompute == ("features",)
    with pytest.raises(UserError) as refused:
        plan_of(toy(text.replace("PLACEHOLDER", '["fixed", "z", "posteriour"]')))
    messages = [problem.message for problem in refused.value.problems]
    assert "'fixed' reads 'decoder', which this phase trains" in messages
    assert "'fixed' is random (it calls sample); each batch needs a draw of its own" in messages
    assert "'z' is random (it calls sample); each batch needs a draw of its own" in messages
    assert any("there is no tensor 'posteriour'; did you mean 'posterior'?" in message for message in messages)


def test_validation_of_an_unknown_loss(toy: Toy) -> None:
    found = mistakes(toy(), "phases.main.validate={loss='rek'}")
    assert "did you mean 'rec'?" in found["phases.main.validate.loss"]


def test_samplers_read_fields(toy: Toy, register: Register) -> None:
    def balanced(label: Tensor, *, count: int, batch_size: int, classes: int = 2, generator: Any = None) -> Tensor:
        raise NotImplementedError

    register("sampler", "balanced", balanced)
    plan = plan_of(toy(), "data.sampler={use='balanced(kind)', classes=3}")
    assert str(plan.phases[0].sampler.expression) == "balanced(kind)"  # type: ignore[union-attr]
    assert plan.phases[0].sampler.options == {"classes": 3}  # type: ignore[union-attr]
    assert plan_of(toy(), "data.sampler={use='shuffled'}").phases[0].sampler is not None
    assert "'z' is none" in mistakes(toy(), "data.sampler={use='balanced(z)'}")["data.sampler"]
    assert (
        "did you mean 'classes'?"
        in mistakes(toy(), "data.sampler={use='balanced(kind)', clases=3}")["data.sampler.clases"]
    )
    found = mistakes(toy(), "phases.main.data.sampler={use='balancd(kind)'}")
    assert "did you mean 'balanced'?" in found["phases.main.data.sampler"]
    assert "label" in mistakes(toy(), "data.sampler={use='balanced'}")["data.sampler"]


def judged(code: Any, *, strength: float = 1.0, judge: Any) -> Result:
    raise NotImplementedError


def unjudged(code: Any, *, strength: float = 1.0, generator: torch.Generator | None = None) -> Result:
    raise NotImplementedError


def test_evaluations_and_their_judges(toy: Toy, register: Register) -> None:
    register("evaluation", "judged", judged)
    register("evaluation", "unjudged", unjudged)
    toy("", "judge.toml")
    plan = plan_of(toy(), "evaluate.a={use='judged(z)', judge='judge.toml', strength=2.0}")
    assert plan.evaluations["a"].judge is not None
    assert plan.evaluations["a"].judge.name == "judge.toml"
    found = mistakes(
        toy(
            """
            [evaluate.a]
            use = "judged(z)"
            [evaluate.b]
            use = "unjudged(z)"
            judge = "judge.toml"
            [evaluate.c]
            use = "judged(zz)"
            judge = "juge.toml"
            [evaluate.d]
            use = "unjudged(detach(z))"
            [evaluate.e]
            use = "unjudgd(z)"
            [evaluate.f]
            use = "unjudged(z, z)"
            strenth = 3.0
            """
        )
    )
    assert "needs 'judge', the recipe of an independent classifier" in found["evaluate.a"]
    assert "asks no judge" in found["evaluate.b.judge"]
    assert "nothing is called 'zz'; did you mean 'z'?" in found["evaluate.c"]
    assert "there is no recipe" in found["evaluate.c.judge"]
    assert "'unjudged(detach(z))' is not an evaluation called with names" in found["evaluate.d"]
    assert "did you mean 'unjudged'" in found["evaluate.e"]
    assert "takes (code); 2 given" in found["evaluate.f"]
    assert "did you mean 'strength'?" in found["evaluate.f.strenth"]


def test_the_model_names_a_field_and_tensors(toy: Toy) -> None:
    found = mistakes(toy(), "model.input=imge", "model.code=['zz']", "model.output=reconstructon")
    assert "did you mean 'image'?" in found["model.input"]
    assert "did you mean 'z'?" in found["model.code"]
    assert "did you mean 'reconstruction'?" in found["model.output"]
    assert "model.input" in mistakes(toy(), "model.input=z")


def test_data_that_are_wrong_or_missing(toy: Toy, register: Register, tmp_path: Path) -> None:
    assert "did you mean 'toy'?" in mistakes(toy(), "data.use=tooy")["data"]
    assert "has no option 'cont'; did you mean 'count'?" in mistakes(toy(), "data.cont=3")["data.cont"]
    plan = plan_of(toy(), "data.missing=true", data_root=tmp_path)
    assert plan.missing is not None
    assert "looked for toy.bin" in plan.missing.text()

    class Refusing:
        def __init__(self, *, size: int = 3) -> None:
            raise ValueError(f"no pictures of {size} pixels")

    register("dataset", "refusing", Refusing)
    assert mistakes(toy(), "data={use='refusing'}")["data"] == "no pictures of 3 pixels"


def test_the_recipe_and_its_fallback_are_both_checked(toy: Toy) -> None:
    path = toy('[data]\nmissing = true\n[fallback.data]\nmissing = false\n[fallback.losses.rec]\nreduction = "mx"')
    path.write_text(f'extends = "base.toml"\n{path.read_text()}')
    assert plan_of(path).missing is not None
    with pytest.raises(UserError, match="'mx'"):
        check_all(load_recipe(path))
    good = load_recipe(path, ["fallback.losses.rec.reduction=sum"])
    assert check_all(good).losses["rec"].options == {}
    assert check(good, fallback=True).losses["rec"].options == {"reduction": "sum"}


def test_where_even_the_fields_are_unknown_the_fallback_is_the_plan(toy: Toy, register: Register) -> None:
    class Absent:
        def specification(self) -> Any:
            raise DataMissing("", "Absent not found under ./data (looked for it)")

    register("dataset", "absent", Absent)
    path = toy()
    path.write_text('extends = "base.toml"\ndata.use = "absent"\nfallback.data.use = "toy"')
    assert check_all(load_recipe(path)).fallback
    path.write_text('extends = "base.toml"\ndata.use = "absent"')
    with pytest.raises(DataMissing):
        check_all(load_recipe(path))


def test_modules_that_nothing_uses_are_warned_of(toy: Toy, register: Register) -> None:
    def looking(module: nn.Module) -> Result:
        raise NotImplementedError

    register("evaluation", "looking", looking)
    text = '[modules.spare]\nuse = "mlp_encoder"\noutputs = 1\n'
    assert plan_of(toy(text)).warnings == ["modules.spare is never used"]
    assert plan_of(toy(text + '[evaluate.look]\nuse = "looking(spare)"')).warnings == []


def test_a_broken_plugin_is_named(toy: Toy, install: Callable[..., Path]) -> None:
    install("semreg-broken", {"semreg.losses": {"broken": "broken_module:loss"}}, broken_module="import nowhere_at_all")
    found = mistakes(toy(), "losses.rec.use=broken(z, z)")
    assert "semreg-broken 1.2" in found["losses.rec"]
    assert "pip uninstall semreg-broken" in found["losses.rec"]
