"""What an export tells programs, and what of a run's record goes with it."""

from __future__ import annotations

import json

import pytest
import torch

from semreg.exporting import configuration
from semreg.exporting.configuration import ON_FALLBACK, configuration_of, recipe_of, record_of
from semreg.exporting.modules import decoder_of, encoder_of
from semreg.store.layout import RECORD
from semreg.trained.run import Run
from tests.trained.conftest import KINDS, PRIOR, Train


def test_shapes_labels_and_priors(train: Train) -> None:
    run = train(PRIOR + KINDS)
    images, codes = torch.zeros(3, 4, 4, 3, dtype=torch.uint8), torch.zeros(3, 2)
    parts = {"encoder.pt2": encoder_of(run), "decoder.pt2": decoder_of(run)}
    tensors = {"encoder.pt2": ([images], [codes]), "decoder.pt2": ([codes], [torch.zeros(3, 1, 4, 4)])}
    told = configuration_of(run, parts, tensors)
    assert json.loads(json.dumps(told)) == told
    z = {"name": "z", "shape": ["batch", 2], "type": "float32"}
    assert told["modules"] == {
        "encoder.pt2": {
            "inputs": [{"name": "image", "shape": ["batch", "height", "width", 3], "type": "uint8"}],
            "outputs": [z],
        },
        "decoder.pt2": {
            "inputs": [z],
            "outputs": [{"name": "reconstruction", "shape": ["batch", 1, 4, 4], "type": "float32"}],
        },
    }
    assert told["labels"] == {"kind": {"kind": "class", "names": ["a", "b", "c"], "order": "line", "code": "z"}}
    assert told["priors"] == {"z": {"module": "prior", "use": "standard_normal"}}
    assert told["range"] == [0, 1]


def test_nothing_of_the_machine_goes_with_it(run: Run) -> None:
    path = run.folder / RECORD
    record = json.loads(path.read_text())
    kept = json.loads(json.dumps(record_of(run)))
    assert kept["fallback"] is None
    assert kept["data"]["fields"] == record["data"]["fields"]
    assert record["recipe"].startswith("/")
    assert kept["recipe"] == "digits.toml"
    assert not {"hash", "command", "versions", "device", "threads", "started"} & kept.keys()
    assert str(run.folder.parents[1]) not in json.dumps(kept)


@pytest.mark.parametrize(
    "path", ["/home/someone/faces", "C:\\Users\\someone\\faces", "~/someone/faces", "/someone/faces/"]
)
def test_of_a_path_in_the_recipe_the_last_part_goes_with_it(run: Run, path: str) -> None:
    run.plan.table["data"]["path"] = path
    run.plan.table["modules"]["reader"]["weights"] = [path]
    recipe = recipe_of(run)
    assert recipe["data"]["path"] == "faces"
    assert recipe["modules"]["reader"]["weights"] == ["faces"]
    assert recipe["description"] == run.recipe["description"]
    run.plan.table["data"]["path"] = "sets/faces"
    assert recipe_of(run)["data"]["path"] == "sets/faces", "which is under the data root"


def test_where_data_were_looked_for_does_not_go_with_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.loads((run.folder / RECORD).read_text()) | {"fallback": "Digits not found under /home/me."}
    monkeypatch.setattr(configuration, "read_object", lambda path: record)
    assert record_of(run)["fallback"] == ON_FALLBACK
