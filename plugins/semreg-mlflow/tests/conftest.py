"""Real stores of MLflow on this machine, and what they hold."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Store:
    """An experiment of a store of MLflow."""

    uri: str
    experiment: str

    @property
    def client(self) -> Any:
        return importlib.import_module("mlflow").MlflowClient(self.uri)

    def runs(self) -> list[Any]:
        """Its runs, but for deleted ones."""
        found = self.client.get_experiment_by_name(self.experiment)
        return [] if found is None else list(self.client.search_runs([found.experiment_id]))

    def points(self, run: Any) -> list[tuple[str, int, float]]:
        """All points of a run, as often as they are there."""
        keys = run.data.metrics
        found = [point for key in keys for point in self.client.get_metric_history(run.info.run_id, key)]
        return sorted((point.key, point.step, point.value) for point in found)

    def artifacts(self, run: Any, path: str | None = None) -> list[str]:
        """The paths of a run's files."""
        found = self.client.list_artifacts(run.info.run_id, path)
        below = (self.artifacts(run, one.path) if one.is_dir else [one.path] for one in found)
        return sorted(path for paths in below for path in paths)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that all tests share, for it takes a second to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def store(database: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An experiment of its own in a database, which semreg is told of; in a folder of files by parameter "files"."""
    files = getattr(request, "param", "database") == "files"
    experiment = f"{request.path.stem}: {request.node.name}"
    found = Store((tmp_path / "mlruns").as_uri() if files else database, experiment)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", found.experiment)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)  # a database has its files there
    return found


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the store is a server that isn't there."""
    return lambda: monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
