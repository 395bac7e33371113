"""Judges: trained once on the data of the runs that they judge, and on nothing else of them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

import pytest
import torch

import semreg
from semreg.core import ClassField, Reads, Result, UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.report.judges import judged_by
from semreg.running import judges
from semreg.running.choices import Choices
from semreg.running.judges import of_a_judge
from semreg.store.folder import RunFolder
from semreg.store.recipes import judges_in, kept_as
from semreg.store.record import runs_in
from semreg.store.uses import users_of_runs
from semreg.trained.run import Run
from tests.conftest import ToyData
from tests.running.conftest import FALLBACK, read, result_of
from tests.running.faults import JUDGE

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_a_judge_is_trained_once_on_the_runs_data_and_shared(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path
) -> None:
    toy(JUDGE, "judge.toml")
    text = '[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    first = trained(toy(text), "data.count=30")
    second = trained(toy(text), "data.count=30", "optimizer.lr=0.1", "data.batch_size=4", seed=9)
    third = trained(toy(text), "data.count=45")
    assert len({first.folder, second.folder, third.folder}) == 3
    judges = [judge.folder for judge in evaluations]
    assert judges[0] == judges[1] != judges[2]
    record = read(judges[0], "run.json")
    assert record["data"]["fingerprint"] == read(first.folder, "run.json")["data"]["fingerprint"]
    assert record["seed"] == 0
    assert record["phases"][0]["batch_size"] == 24, "how it is trained is its own affair"
    assert read(judges[0], "status.json")["state"] == "finished"
    assert 0 < result_of(first, "verdict")["figures"]["seen"] < 1
    found = users_of_runs(runs_in(tmp_path / "runs"))
    assert {use.user for use in found[record["hash"]]} == {first.folder.name, second.folder.name}
    assert {(use.what, use.where) for used in found.values() for use in used} == {("judge", "verdict")}


@pytest.mark.parametrize(
    ("cut", "judges_own"),
    [
        ("data.split.validation=0.25", ""),
        ("data.split.validation={amount=0.3, by='kind'}", ""),
        ("phases.main.validate={loss='rec'}", ""),
        ("phases.main.validate={loss='rec'}", 'validate = { loss = "label" }'),
    ],
)
def test_a_judge_never_saw_the_validation_images_that_it_judges(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], cut: str, judges_own: str
) -> None:
    toy(JUDGE + judges_own, "judge.toml")
    text = '[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    run = trained(toy(text), cut, judge_on="validation")
    [judge] = evaluations
    for split in ("train", "test"):
        assert torch.equal(judge.data.rows(split), run.data.rows(split))
    assert judge.judge_on == "validation"


def test_a_judges_accuracy_is_that_on_the_images_that_it_judges(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE + '[evaluate.right]\nuse = "accuracy(told, kind)"', "judge.toml")
    text = '[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    for judge_on in ("validation", "test"):
        run = trained(toy(text), "data.split.validation=0.25", judge_on=judge_on)
        right = evaluations[-1].results["right"].figures["accuracy"]
        said = judged_by(run.folder, kept_as("recipe", judge_on))["verdict"]
        assert f"classifies {right:.2%} of the {judge_on} images" in said
    assert evaluations[0].folder == evaluations[1].folder


def test_a_judge_is_computed_as_its_run(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"device": "cpu", "precision": "bf16", "tf32": False, "capture": "off", "out": tmp_path}
    assert of_a_judge(Choices(seed=3, continue_from=tmp_path, **given)) == Choices(**given)
    toy(JUDGE, "judge.toml")
    run = trained(toy('[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'), tf32=False)
    assert read(evaluations[0].folder, "run.json")["choices"]["tf32"] is False
    semreg.evaluate(run.folder, device="cpu")
    assert evaluations[1].folder == evaluations[0].folder, "as the record says, not by default"


def test_an_evaluation_that_is_new_tells_its_judge(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    run = trained(toy())
    assert judges_in(run.folder) == []
    overrides = ['evaluate.v.use="judged(image)"', f'evaluate.v.judge="{run.plan.recipe.path.parent / "judge.toml"}"']
    semreg.evaluate(run.folder, overrides=overrides)
    assert judges_in(run.folder) == [("v", read(evaluations[0].folder, "run.json")["hash"])]


def test_a_judge_that_another_process_trains_is_waited_for(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.judged]\nuse = "judged(image)"\njudge = "judge.toml"')
    trained(path, out=tmp_path / "there")
    [judge] = (tmp_path / "there").glob("judge-*")
    busy = tmp_path / "here" / judge.name
    busy.mkdir(parents=True)
    lock = (busy / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    def finish() -> None:
        shutil.copytree(judge, busy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
        lock.close()

    wait = RunFolder.wait

    def waiting(self: RunFolder) -> None:
        if self.folder == busy:
            Timer(1.0, finish).start()
        wait(self)

    monkeypatch.setattr(RunFolder, "wait", waiting)
    written = (judge / "status.json").read_text()
    trained(path, out=tmp_path / "here")
    assert f"{busy}: waiting for another process" in capsys.readouterr().err
    assert (busy / "status.json").read_text() == written, "the other process's judge is used as it is"


def test_neither_a_run_nor_its_judge_is_trained_on_more_of_a_class_than_its_shots(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    text = '[data.split.shots.kind]\na = 2\n[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    path = toy(f'extends = "base.toml"\n{text}')
    runs = [trained(path, "data.batch_size=6"), evaluations[0]]
    for run in [*runs, semreg.open_run(runs[0].folder, device="cpu")]:
        assert run.tensor("kind").read("train").bincount().tolist() == [2, 16, 16]
        assert run.tensor("kind").read("test").bincount().tolist() == [4, 4, 4]
    assert len({run.data.fingerprint for run in runs}) == 1


def test_a_judge_may_be_trained_on_other_data_than_the_runs(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    run = trained(
        toy('[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"\njudge_data = { count = 36, batch_size = 7 }')
    )
    [judge] = evaluations
    data = [read(folder, "recipe.json")["data"] for folder in (run.folder, judge.folder)]
    assert data[1] == data[0] | {"count": 36, "batch_size": 7} != data[0]


def test_a_judge_that_learns_from_images_it_judges_says_so(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    toy(JUDGE, "judge.toml")
    verdict = 'use = "judged(image)"\njudge = "judge.toml"'
    cut = "data.split.validation=0.25"
    run = trained(toy(f"[evaluate.v]\n{verdict}"), cut, judge_on="validation")
    assert "its own data" not in capsys.readouterr().err
    assert judged_by(run.folder, "recipe@validation") == {}
    changed = f"{verdict}\njudge_data = {{ split = {{ train = 0.8 }} }}"
    run = trained(toy(f"[evaluate.v]\n{changed}\n[evaluate.w]\n{changed}"), cut, judge_on="validation")
    judge = evaluations[-1]
    assert set(judge.data.rows("train").tolist()) & set(run.data.rows("test").tolist()), "else the warning is idle"
    said = "This judge was trained on its own data (split.train = 0.8), which may contain images that it judges here."
    assert capsys.readouterr().err.count(f"judged by judge. {said}") == 1
    assert judged_by(run.folder, "recipe@validation") == {"v": said, "w": said}


def test_a_judge_of_its_own_data_knows_the_classes_that_a_validation_cut_goes_by(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    verdict = 'use = "judged(image)"\njudge = "judge.toml"\njudge_data'
    cut = "data.split.validation={amount=0.3, by='kind'}"
    run = trained(toy(f"[evaluate.v]\n{verdict} = {{ count = 60 }}"), cut)
    assert len(run.tensor("kind").read("train").unique()) < 3
    assert len(evaluations[0].tensor("kind").read("train").unique()) == 3
    trained(toy(f"[evaluate.v]\n{verdict} = {{ batch_size = 7 }}"), cut)
    assert torch.equal(evaluations[1].data.rows("train"), run.data.rows("train")), "which judges the images left out"


def test_data_of_a_judge_that_is_not_there_are_refused(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.m]\nuse = "measured(z)"\njudge_data = { count = 36 }')
    with pytest.raises(UserError, match="this key needs 'judge', which is missing"):
        trained(path)


def test_a_judge_sees_the_fallback_of_the_run_it_judges(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    path = toy()
    path.write_text(f'extends = "base.toml"\n{FALLBACK}\n[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"')
    run = trained(path)
    [judge] = evaluations
    fingerprints = [read(folder, "run.json")["data"]["fingerprint"] for folder in (run.folder, judge.folder)]
    assert fingerprints[0] == fingerprints[1]


# --- what is said before training ---


def unfit(path: Path, trained: Callable[..., Run], *overrides: str) -> dict[str, str]:
    """What is said of a recipe's judges, by the places; nothing is trained."""
    with pytest.raises(UserError) as refused:
        trained(path, *overrides)
    assert not list(path.parent.glob("runs/recipe-*"))
    return {problem.where: problem.message for problem in refused.value.problems}


def test_what_is_wrong_in_a_judges_recipe_is_said_at_its_key(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"')
    toy(JUDGE.replace("image), kind)", "image), knd)"), "judge.toml")
    [(where, message)] = unfit(path, trained).items()
    assert where == "evaluate.v.judge"
    assert "judge.toml: " in message
    assert "did you mean 'kind'" in message
    toy(f"{JUDGE}\n[modules.encoder]\nuse = 'mlp_encoder'\noutputs = 5\n", "judge.toml")
    with pytest.raises(UserError, match=r"judge\.toml"):  # found by the dry run of the judge
        trained(path)
    assert not list(path.parent.glob("runs/recipe-*"))


def test_a_run_does_not_judge_itself(toy: Toy, trained: Callable[..., Run], evaluations: list[Any]) -> None:
    path = toy('[evaluate.v]\nuse = "judged(image)"\njudge = "recipe.toml"')
    assert unfit(path, trained) == {
        "evaluate.v.judge": "a run can't judge itself (recipe -> recipe); name another recipe"
    }
    toy(f"{JUDGE}\n[evaluate.w]\nuse = 'judged(image)'\njudge = 'recipe.toml'", "judge.toml")
    path = toy('[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"')
    assert "(recipe -> judge -> recipe)" in unfit(path, trained)["evaluate.w.judge"]


def test_a_judge_has_what_the_evaluation_reads_and_knows_the_same_classes(
    toy: Toy, trained: Callable[..., Run], register: Callable[[str, str, Any], None]
) -> None:
    def asking(image: Any, kind: Any, *, judge: Annotated[Run, Reads("told_{label}")]) -> Result:
        return Result()

    register("evaluation", "asking", asking)
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.v]\nuse = "asking(image, kind)"\njudge = "judge.toml"')
    said = "judge has no tensor 'told_kind', which asking reads; did you mean 'told'?"
    assert unfit(path, trained) == {"evaluate.v.judge": said}
    toy(JUDGE.replace("told =", "told_kind ="), "judge.toml")
    trained(path)


def test_a_judge_that_many_runs_share_is_tried_once(
    toy: Toy, evaluations: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names: list[str] = []
    monkeypatch.setattr(judges, "check_by_dry_run", lambda plan: names.append(plan.name))
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"')
    tried: set[str] = set()
    for rate in (0.01, 0.02):
        plan = check(load_recipe(path, [f"optimizer.lr={rate}"]))
        judges.check_judges(plan, Choices(out=tmp_path / "runs"), tried=tried)
    assert names == ["judge"]


def test_a_judge_that_knows_other_classes_is_refused(
    toy: Toy, trained: Callable[..., Run], register: Callable[[str, str, Any], None], tmp_path: Path
) -> None:
    class Named(ToyData):
        """Toy data whose classes have names of one's own."""

        def __init__(self, *, names: list[str], root: Path | None = None) -> None:
            super().__init__(root=root)
            self.names = names

        def specification(self) -> Any:
            return super().specification() | {"kind": ClassField(tuple(self.names))}

    register("evaluation", "asking", lambda image, kind, *, judge: Result())
    register("dataset", "named", Named)
    base = (tmp_path / "base.toml").read_text()
    (tmp_path / "base.toml").write_text(base.replace('use = "toy"', 'use = "named"\nnames = ["a", "b", "c"]'))
    toy(JUDGE, "judge.toml")
    other = 'judge_data = { names = ["a", "x", "c"] }'
    path = toy(f'[evaluate.v]\nuse = "asking(image, kind)"\njudge = "judge.toml"\n{other}')
    said = "judge knows other classes of kind: a, x, c, and the run's data have a, b, c"
    assert unfit(path, trained) == {"evaluate.v.judge": said}
