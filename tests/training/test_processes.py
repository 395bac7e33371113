"""Several processes on one run: what one process would train, one writer, and a way on when one of them dies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

import semreg
from semreg.core import UserError
from semreg.store.checkpoint import read_latest
from semreg.training import trainer
from semreg.training.phase import PhaseRunner
from semreg.training.processes import ALONE, GradientAverages, Processes, joined

Toy = Callable[..., Path]

pytestmark = [
    pytest.mark.usefixtures("no_hooks"),
    pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="PyTorch has no gloo here"),
]

# Losses per sample and one that couples them, draws among them, validation, averages and schedules.
TEXT = """
data.batch_size = 16
[losses.told]
use = "predictability(posterior_mean(posterior), kind)"
classes = "@kind.classes"
[phases.main.train.encoder]
told = 1
[modules.encoder]
ema = 0.9
[optimizer]
schedule = { use = "cosine" }
clip = 0.5
[phases.main]
epochs = 6
validate = { loss = "rec", keep = "best" }
"""


def in_processes(count: int, do: Callable[[int], None]) -> list[int]:
    """Call `do(rank)` in `count` forked processes that can find each other; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            os.environ |= {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }  # fmt: skip
            code = 1
            try:
                do(rank)
                code = 0
            except UserError as error:
                print(error.text(), file=sys.stderr, flush=True)
                code = 2
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def weights(folder: Path) -> dict[str, Tensor]:
    state, notes = read_latest(folder / "checkpoints")
    assert state is not None
    assert notes == []
    tables = {"modules": state["modules"], "averages": state["averages"]}
    return {
        f"{kind}/{module}/{key}": value
        for kind, table in tables.items()
        for module, values in table.items()
        for key, value in values.items()
    }


def only(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [value for line in lines for table in ("losses", "validation") for value in line.get(table, {}).values()]


@pytest.mark.parametrize(
    "changes", ["", "[phases.main]\naccumulate = 2\n[modules.decoder.optimizer]\nuse = 'lbfgs'\nlr = 0.1\nmax_iter = 3"]
)
def test_two_processes_train_what_one_does(toy: Toy, tmp_path: Path, changes: str) -> None:
    toy(TEXT, "plain.toml")
    path = toy(f'extends = "plain.toml"\n{changes}')
    one = semreg.run(path, out=tmp_path / "one", device="cpu").folder
    codes = in_processes(2, lambda rank: void(semreg.run(path, out=tmp_path / "two", device="cpu")))
    assert codes == [0, 0]
    two = only(tmp_path / "two")
    assert two.name == one.name
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    record = json.loads((two / "run.json").read_text())
    assert record["processes"] == 2
    assert json.loads((two / "status.json").read_text())["state"] == "finished"


def test_a_process_that_dies_ends_the_run_with_a_message_and_it_goes_on_to_the_same_bits(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = toy(TEXT)
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(trainer, "SHARE_OF_CHECKPOINTS", 1e9)
    iterate = PhaseRunner.iterate

    def run(rank: int, out: str, dies: bool) -> None:
        def dying(self: PhaseRunner, iteration: int) -> None:
            if iteration == 7:
                os._exit(9)
            iterate(self, iteration)

        if dies and rank == 1:
            monkeypatch.setattr(PhaseRunner, "iterate", dying)
        semreg.run(path, out=tmp_path / out, device="cpu")

    assert in_processes(2, lambda rank: run(rank, "whole", False)) == [0, 0]
    assert in_processes(2, lambda rank: run(rank, "killed", True)) == [2, 9]
    folder = only(tmp_path / "killed")
    said = capfd.readouterr().err
    assert f"{folder}: another process of this run has ended" in said
    assert "the same command resumes from the last checkpoint" in said
    assert json.loads((folder / "status.json").read_text())["state"] == "stopped"
    shutil.copytree(tmp_path / "killed", tmp_path / "alone")
    with pytest.raises(UserError, match=r"started with number of processes 2, now it is 1[^~]*--allow-other-processes"):
        semreg.run(path, out=tmp_path / "killed", device="cpu")
    assert in_processes(2, lambda rank: run(rank, "killed", False)) == [0, 0]
    first, second = weights(only(tmp_path / "whole")), weights(folder)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert losses(folder) == losses(only(tmp_path / "whole"))

    alone = semreg.run(path, out=tmp_path / "alone", device="cpu", allow_other_processes=True).folder
    record = json.loads((alone / "run.json").read_text())
    assert (record["processes"], record["processes_before"]) == (1, [2])
    assert "started with 2 processes, resumes with 1: its batches stay" in (alone / "warnings.jsonl").read_text()
    for name, value in weights(alone).items():
        torch.testing.assert_close(value, first[name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_batch_that_cannot_be_shared_is_told(toy: Toy, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = toy("data.batch_size = 9")
    assert 2 in in_processes(2, lambda rank: void(semreg.run(path, out=tmp_path / "runs", device="cpu")))
    assert "a batch of 9 can't be shared by 2 processes" in capfd.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    recipe = tmp_path / "digits.toml"
    source = Path(__file__).parents[2] / "recipes" / "vae_digits.toml"
    recipe.write_text(f'extends = "{source}"\nwithout = ["evaluate"]\nphases.main.epochs = 1\n')
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "semreg", "run"]
    done = subprocess.run(
        [*command, str(recipe), "--device", "cpu", "--out", str(tmp_path / "runs")],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == 1
    assert json.loads((only(tmp_path / "runs") / "status.json").read_text())["state"] == "finished"


def test_one_process_exchanges_nothing() -> None:
    values = [torch.tensor([1.0, 2.0])]
    ALONE.average(values)
    ALONE.take_from_first(values)
    assert values[0].tolist() == [1.0, 2.0]
    assert ALONE.first_goes_ahead(lambda: 3) == 3


def test_tensors_of_several_types_are_exchanged(tmp_path: Path) -> None:
    def exchange(rank: int) -> None:
        from datetime import timedelta

        dist.init_process_group("gloo", timeout=timedelta(minutes=1))
        processes = Processes(rank, 2)
        floats, whole = torch.full((2, 3), 1.0 + rank), torch.tensor([10 + rank])
        view = floats.t()  # not contiguous
        processes.average([view, floats[0].double()])
        processes.take_from_first([whole, floats])
        (tmp_path / str(rank)).write_text(json.dumps([floats.tolist(), whole.tolist()]))

    assert in_processes(2, exchange) == [0, 0]
    for rank in range(2):
        assert json.loads((tmp_path / str(rank)).read_text()) == [[[1.5] * 3] * 2, [10]]


def test_rows_of_all_processes_are_gathered_whatever_their_type(tmp_path: Path) -> None:
    def gather(rank: int) -> None:
        dist.init_process_group("gloo")
        given = [
            torch.arange(6).view(2, 3) + 10 * rank, torch.tensor([True, rank == 0]), torch.full((2, 1, 2), 0.5 + rank),
            torch.full((2,), 1.5 + rank, dtype=torch.bfloat16), torch.zeros(2, 0, dtype=torch.float64),
        ]  # fmt: skip
        found = Processes(rank, 2).gather(given)
        assert [tensor.dtype for tensor in found] == [tensor.dtype for tensor in given]
        assert [tuple(tensor.shape) for tensor in found] == [(4, 3), (4,), (4, 1, 2), (4,), (4, 0)]
        assert found[0].tolist() == [[0, 1, 2], [3, 4, 5], [10, 11, 12], [13, 14, 15]]
        assert found[1].tolist() == [True, True, True, False]
        assert found[2].flatten().tolist() == [0.5] * 4 + [1.5] * 4
        assert found[3].tolist() == [1.5, 1.5, 2.5, 2.5]

    assert in_processes(2, gather) == [0, 0]
    tensors = [torch.zeros(2)]
    assert ALONE.gather(tensors) == tensors


def test_gradients_that_leave_in_buckets_are_the_same_averages() -> None:
    def compare(rank: int) -> None:
        dist.init_process_group("gloo")
        processes, found, left = Processes(rank, 2), [], []
        for size in (1, 300, 10**9):
            torch.manual_seed(0)
            net = nn.Sequential(*(nn.Linear(5, 5) for _ in range(7)))
            parameters = [*net.parameters()]
            averages, loss = GradientAverages(processes, parameters, bytes_each=size), torch.tensor(float(rank))
            net(torch.full((2, 5), 1.0 + rank)).square().sum().backward()  # to which another is added
            with averages.while_going_back():
                torch.autograd.backward(net(torch.ones(2, 5) - rank).square().sum(), inputs=parameters)
            left.append(len(averages._begun))
            averages.end([loss])
            assert float(loss) == 0.5
            found.append([parameter.grad for parameter in parameters])
        assert left == [13, 2, 0]
        for other in found[1:]:
            assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))  # type: ignore[arg-type]

    assert in_processes(2, compare) == [0, 0]


def test_a_parameter_without_a_gradient_holds_no_bucket_back_for_ever() -> None:
    def compare(rank: int) -> None:
        dist.init_process_group("gloo")
        used, unused, also = (nn.Parameter(torch.tensor([1.0 + rank])) for _ in range(3))
        averages = GradientAverages(Processes(rank, 2), [also, unused, used], bytes_each=1)
        with averages.while_going_back():
            (used * used + also).sum().backward()
        averages.end()
        assert used.grad is not None
        assert also.grad is not None
        assert (float(used.grad), unused.grad, float(also.grad)) == (3.0, None, 1.0)

    assert in_processes(2, compare) == [0, 0]


def test_each_process_has_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(device.index))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[-1])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with joined(torch.device("cuda:1")) as processes:
        assert processes == ALONE
    assert current == [1]
    for key, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    with (
        pytest.raises(UserError, match="several processes can't share cuda:1; with --device cuda each has a card"),
        joined(torch.device("cuda:1")),
    ):
        pass

    asked: dict[str, object] = {}
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **options: asked.update(options, backend=backend))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with joined(torch.device("cuda:0")) as processes:
        assert processes == Processes(0, 2)
    assert (asked["backend"], asked["device_id"]) == ("nccl", torch.device("cuda:0"))


def void(value: object) -> None:
    """For a lambda that returns nothing."""
