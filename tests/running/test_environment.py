"""What a run is begun under is recorded, and under other circumstances it does not go on."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.running import environment, start
from semreg.running.choices import Choices
from semreg.trained.run import Run
from tests.running.conftest import LATER, read

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_the_record_holds_what_ran(toy: Toy, trained: Callable[..., Run]) -> None:
    folder = trained(toy()).folder
    record = read(folder, "run.json")
    assert record["name"] == "recipe"
    assert (record["seed"], record["precision"], record["device"]) == (0, "fp32", "cpu")
    assert record["data"]["counts"] == {"train": 48, "validation": 0, "test": 12}
    assert record["data"]["fields"]["kind"]["names"] == ["a", "b", "c"]
    assert record["versions"].keys() >= {"python", "torch", "semreg"}
    assert record["modules"]["prior"] == {"use": "standard_normal", "parameters": 0}
    [phase] = record["phases"]
    assert (phase["epochs"], phase["iterations"], phase["batch_size"]) == (2, 12, 8)
    assert phase["steps"] == {"step": {"encoder": {"rec": 1.0, "kl": 0.5}, "decoder": {"rec": 1.0}}}
    assert phase["backwards"] == {"step": 1}
    assert read(folder, "status.json")["state"] == "finished"


def test_going_on_under_other_circumstances_is_refused_by_name(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stopped: Callable[..., None]
) -> None:
    stopped(toy(LATER))
    [folder] = (tmp_path / "runs").iterdir()
    versions = environment.versions
    record = read(folder, "run.json")
    changes: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
        "threads": lambda patch: patch.setattr(torch, "get_num_threads", lambda: 77),
        "code.semreg": lambda patch: patch.setattr(environment, "code", lambda plan: {"semreg": "other"}),
        "hash": lambda patch: patch.setattr(start, "identity", lambda *_: record["hash"][:6] + "0" * 58),
        "versions.torch": lambda patch: patch.setattr(
            environment, "versions", lambda plan: versions(plan) | {"torch": "0.1"}
        ),
        "data": lambda patch: patch.setattr(start, "open_data", lambda plan, **_: replace(whole, content="other")),
    }
    whole = start.open_data(start.plan_for(semreg.load_recipe(toy(LATER)), Choices())[0])
    for where, change in changes.items():
        with monkeypatch.context() as patch:
            change(patch)
            with pytest.raises(UserError) as refused:
                trained(toy(LATER))
        assert refused.value.source == str(folder)
        assert [problem.where for problem in refused.value.problems] == [where, ""]
        assert "would not end with the same bits" in refused.value.text()
    trained(toy(LATER))
    assert read(folder, "status.json")["state"] == "finished"


def test_the_code_of_plugins_is_told_and_that_of_libraries_by_their_version(
    toy: Toy, install: Callable[..., Path]
) -> None:
    groups = {
        "semreg.optimizers": {"toy_nadam": "torch.optim:NAdam"},
        "semreg.operations": {"toy_same": "toy_one:same", "toy_back": "toy_two:same"},
    }
    site = install("semreg-toy", groups, toy_one="def same(x): return x", toy_two="def same(x): return x")
    path = toy(
        """
        [tensors]
        z = "toy_back(toy_same(sample(posterior)))"
        [modules.encoder.optimizer]
        use = "toy_nadam"
        """
    )
    plan, _ = start.plan_for(semreg.load_recipe(path), Choices())
    assert plan.distributions()["semreg-toy"] == "1.2"
    before = environment.code(plan)
    assert before["semreg-toy"] == hashlib.sha256(b"def same(x): return x").hexdigest()[:16] * 2, "and nothing of torch"
    (site / "toy_one.py").write_text("def same(x): return x + 1")
    assert environment.code(plan)["semreg-toy"] != before["semreg-toy"]
    library = toy('[modules.encoder.optimizer]\nuse = "toy_nadam"')
    assert set(environment.code(start.plan_for(semreg.load_recipe(library), Choices())[0])) == {"semreg"}


def test_the_digest_of_code_is_that_of_the_sources(
    toy: Toy, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def halved(a, b):\n    return (a - b).square().mean() / 2\n"
    folder = install("semreg-half", {"semreg.losses": {"halved": "halving.losses:halved"}}, halving="")
    (folder / "halving.py").unlink()
    (folder / "halving").mkdir()
    (folder / "halving" / "__init__.py").write_text("")
    (folder / "halving" / "losses.py").write_text(source)
    plan, _ = start.plan_for(semreg.load_recipe(toy('[losses.rec]\nuse = "halved(reconstruction, image)"')), Choices())
    first = environment.code(plan)
    assert first.keys() == {"semreg", "semreg-half"}
    (folder / "halving" / "losses.py").write_text(source.replace("2\n", "3\n"))
    second = environment.code(plan)
    assert first["semreg"] == second["semreg"]
    assert first["semreg-half"] != second["semreg-half"]


def test_what_the_digest_of_semreg_leaves_out_are_rooms_of_it() -> None:
    rooms = {path.parent.name for path in Path(semreg.__file__).parent.glob("*/__init__.py")}
    assert set(environment.NOT_IN_NUMBERS) < rooms


def test_the_digest_of_semreg_is_that_of_what_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [tmp_path / "toy_house" / room for room in ("training", "tables", "report")]
    for folder in (tmp_path / "toy_house", *rooms):
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(environment, "OWN_DISTRIBUTION", importlib.import_module("toy_house").__name__)
    digests = [environment._digest("toy_house")]
    for folder in (*rooms, tmp_path / "toy_house"):
        (folder / "new.py").write_text("x = 1")
        digests.append(environment._digest("toy_house"))
    first, training, tables, report, outside = digests
    assert len({first, training, outside}) == 3
    assert training == tables == report
