"""Phases: who trains whom, in what order, by which optimisers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from semreg.core import UserError
from semreg.recipe.plan import Plan
from semreg.recipe.schema import ClipTable

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_the_matrix_is_the_train_tables(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy())
    assert plan.matrix() == {"main": {"step": {"encoder": {"rec": 1.0, "kl": 0.5}, "decoder": {"rec": 1.0}}}}
    assert [len(step.backwards) for phase in plan.phases for step in phase.steps] == [1]
    assert plan.phases[0].trained == ("encoder", "decoder")
    assert plan.missing is None
    assert plan.warnings == []


def test_steps_phases_and_their_order(toy: Toy, plan_of: PlanOf) -> None:
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


def test_a_weight_of_zero_trains_nothing(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy(), "phases.main.train.encoder.kl=0", "phases.main.train.decoder.rec=0")
    assert plan.matrix()["main"]["step"] == {"encoder": {"rec": 1.0}}
    assert plan.phases[0].trained == ("encoder",)


def test_optimizers_merge_from_recipe_phase_and_module(toy: Toy, plan_of: PlanOf) -> None:
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
    assert optimizers["decoder"].node.name == "adam"
    assert optimizers["decoder"].node.options == {"lr": 0.01, "weight_decay": 0.2}
    assert optimizers["encoder"].node.name == "sgd"
    assert optimizers["encoder"].node.options == {"momentum": 0.9, "lr": 0.5}
    assert optimizers["decoder"].clip == optimizers["encoder"].clip == ClipTable(norm=1.0)


def test_detach_and_precompute_cut_what_a_loss_reaches(toy: Toy, mistakes: Mistakes) -> None:
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


def test_a_loss_that_cannot_reach_its_module(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "phases.main.train.decoder.kl=1", "phases.main.train.prior={rec=1}")
    assert found == {
        "phases.main.train.decoder.kl": "the gradient of 'kl' does not reach 'decoder'; it reaches encoder, prior",
        "phases.main.train.prior.rec": "the gradient of 'rec' does not reach 'prior'; it reaches decoder, encoder",
    }
    path = toy('[losses.nothing]\nuse = "l2(image, image)"\n[phases.main.train]\nencoder.nothing = 1')
    assert "it reaches no module at all" in mistakes(path)["phases.main.train.encoder.nothing"]


def test_unknown_names_in_the_train_tables(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "phases.main.train.encodr={rec=1}", "phases.main.train.decoder.rek=1")
    assert set(found) == {"phases.main.train.encodr", "phases.main.train.decoder.rek"}
    assert "there is no module 'encodr'; did you mean 'encoder'" in found["phases.main.train.encodr"]
    assert "there is no loss 'rek'; did you mean 'rec'?" in found["phases.main.train.decoder.rek"]


def test_one_unknown_loss_does_not_make_its_phase_train_nothing(toy: Toy, mistakes: Mistakes) -> None:
    path = toy("[phases.later]\nepochs = 1\ntrain = { encoder = { rek = 1 } }")
    assert set(mistakes(path)) == {"phases.later.train.encoder.rek"}


def test_a_phase_that_trains_nothing(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy("[phases.later]\nepochs = 1\ntrain = { encoder = { rec = 0 } }"))
    assert set(found) == {"phases.later"}
    assert "trains nothing" in found["phases.later"]


def test_order_of_unknown_and_repeated_phases(toy: Toy, mistakes: Mistakes) -> None:
    assert "there is no phase 'mian'; did you mean 'main'?" in mistakes(toy(), "order=['mian']")["order"]
    assert "twice" in mistakes(toy(), "order=['main', 'main']")["order"]


def test_mistakes_of_optimizers_and_schedules_are_told_once_where_they_stand(toy: Toy, mistakes: Mistakes) -> None:
    assert "did you mean 'adam'" in mistakes(toy(), "optimizer.use=adm")["optimizer"]
    assert set(mistakes(toy(), "optimizer.lrr=3")) == {"optimizer.lrr"}
    assert set(mistakes(toy(), "phases.main.optimizer.lrr=3")) == {"phases.main.optimizer.lrr"}
    found = mistakes(toy(), "modules.encoder.optimizer.lr=fast", "optimizer.schedule={use='step', evry=3}")
    assert set(found) == {"modules.encoder.optimizer.lr", "optimizer.schedule.evry", "optimizer.schedule"}
    assert "needs the option 'every'" in found["optimizer.schedule"]
    assert set(mistakes(toy(), "optimizer.clip=0")) == {"optimizer.clip"}
    found = mistakes(toy(), "modules.encoder.optimizer.groups=[{parameters='*bias', lrr=1}]")
    assert "'lrr'" in found["modules.encoder.optimizer.groups.0.lrr"]


def test_precompute_wants_frozen_modules_and_nothing_random(toy: Toy, plan_of: PlanOf) -> None:
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


def test_validation_of_an_unknown_loss(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "phases.main.validate={loss='rek'}")
    assert "did you mean 'rec'?" in found["phases.main.validate.loss"]
    found = mistakes(toy(), "phases.main.validate={loss=['kl', 'rek']}")
    assert "did you mean 'rec'?" in found["phases.main.validate.loss"]


def test_samplers_read_fields(toy: Toy, register: Register, mistakes: Mistakes, plan_of: PlanOf) -> None:
    def alternating(label: Tensor, *, count: int, batch_size: int, classes: int = 2, generator: Any = None) -> Tensor:
        raise NotImplementedError

    register("sampler", "alternating", alternating)
    plan = plan_of(toy(), "data.sampler={use='alternating(kind)', classes=3}")
    assert str(plan.phases[0].sampler) == "alternating(kind)"  # type: ignore[union-attr]
    assert plan.phases[0].sampler.options == {"classes": 3}  # type: ignore[union-attr]
    for sampler in ("{use='shuffled'}", "'shuffled'", "'shuffled()'"):
        assert plan_of(toy(), f"data.sampler={sampler}").phases[0].sampler is not None
    plan = plan_of(toy(), "phases.main.data.sampler='alternating(kind)'")
    assert str(plan.phases[0].sampler) == "alternating(kind)"  # type: ignore[union-attr]
    assert "'z' is none" in mistakes(toy(), "data.sampler={use='alternating(z)'}")["data.sampler"]
    assert (
        "did you mean 'classes'?"
        in mistakes(toy(), "data.sampler={use='alternating(kind)', clases=3}")["data.sampler.clases"]
    )
    found = mistakes(toy(), "phases.main.data.sampler={use='alternatng(kind)'}")
    assert "did you mean 'alternating'?" in found["phases.main.data.sampler"]
    assert "label" in mistakes(toy(), "data.sampler={use='alternating'}")["data.sampler"]


UNLABELLED = """
    [data.split.unlabelled]
    kind = ["b"]
    [modules.guess]
    use = "mlp_encoder"
    outputs = "@kind.classes"
    [tensors]
    guess_z = "guess(z)"
    [losses.told]
    use = "cross_entropy(guess_z, kind)"
    [phases.alone]
    epochs = 1
    data.unlabelled = true
    train = { encoder = { kl = 1 } }
"""


def test_a_phase_on_unlabelled_images(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy(UNLABELLED))
    assert [phase.split for phase in plan.phases] == ["train", "unlabelled"]
    assert plan.modules["guess"].node.options["outputs"] == 2


def test_a_loss_that_reads_a_label_is_refused_on_unlabelled_images(toy: Toy, mistakes: Mistakes) -> None:
    assert mistakes(toy(UNLABELLED), "phases.alone.train.encoder.told=1") == {
        "phases.alone": "the loss 'told' reads 'kind', and the unlabelled images of this phase have none"
    }
    assert mistakes(toy(UNLABELLED), "data.split.unlabelled=0.5", "phases.alone.train.encoder.told=1") == {
        "phases.alone": "the loss 'told' reads 'kind', and the unlabelled images of this phase have none"
    }


def test_unlabelled_images_must_exist(toy: Toy, mistakes: Mistakes) -> None:
    assert mistakes(toy("[phases.main.data]\nunlabelled = true")) == {
        "phases.main.data.unlabelled": "no image is without labels: data.split.unlabelled is not set"
    }
    found = mistakes(toy(UNLABELLED), 'data.split.unlabelled.kind=["eight"]')
    assert found == {"data.split.unlabelled.kind": "there is no class 'eight'; expected one of: a, b, c"}
