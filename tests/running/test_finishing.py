"""The end of a run: what is told when it ends early."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core import plugin_manager
from semreg.core.errors import ComponentError
from semreg.running import finishing
from semreg.store.folder import RunFolder
from tests.running.conftest import read

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_that_the_command_goes_on_is_said_once_where_a_judge_is_trained_within_a_run(tmp_path: Path) -> None:
    run, judge = (RunFolder(tmp_path / name, name) for name in ("run", "judge"))
    for folder in (run, judge):
        folder.folder.mkdir()
    with (
        pytest.raises(KeyboardInterrupt) as interrupted,
        finishing.telling(run, plugin_manager.no_hooks()),
        finishing.telling(judge, plugin_manager.no_hooks()),
    ):
        raise KeyboardInterrupt("terminated")
    said = str(interrupted.value)
    assert said == f"{run.folder}: {judge.folder}: terminated; {finishing.GO_ON}"
    assert read(judge.folder, "status.json")["message"] == f"terminated; {finishing.GO_ON}"


class BareError(BaseException):
    """Caught by nobody who catches exceptions."""


@pytest.mark.parametrize(
    ("error", "said"), [(SystemExit(0), "a component called sys.exit(0)"), (BareError("b"), "failed: BareError: b")]
)
def test_what_would_end_the_process_is_told_as_a_components(error: BaseException, said: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", "run")
    run.folder.mkdir()
    with pytest.raises(ComponentError) as told, finishing.telling(run, plugin_manager.no_hooks()):
        raise error
    assert said in str(told.value)
    assert read(run.folder, "status.json")["state"] == "failed"
