"""Copies a run's folder to MLflow, each entry once, even after kills.

MLflow only adds: neither a metric's points nor a parameter can be removed or changed. A run that resumes after a kill
may train a part again, with other losses. If MLflow has entries that the folder lacks, its run is therefore deleted
(MLflow keeps deleted runs until `mlflow gc`) and made again, with the tags that others have added. semreg asks MLflow
for its entries each time, and stores them nowhere else.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import socket
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from semreg.core import RecordedRun, UserError
from semreg_mlflow.contents import HASH, PICTURES, Contents, Place, contents_of, digest_of, milliseconds

__all__ = ["track"]

EXPERIMENT = "semreg"
"""The experiment of all runs, unless MLflow's own variable names another."""
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's 7, of up to two minutes each, would block a training
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Values of MLflow's own variables, unless the user's environment sets them."""
STATES = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
POINTS_AT_ONCE, OTHERS_AT_ONCE = 1_000, 100
"""The most that MLflow accepts at once."""
DATABASES = ("sqlite", "mysql", "postgresql", "mssql")
UNANSWERED = (ConnectionError, TimeoutError, socket.gaierror)
"""The root causes of errors about a server that doesn't answer."""
LONGEST_MESSAGE = 300
VARIABLE = "MLFLOW_TRACKING_URI"
"""MLflow's own variable, which names the store."""

Stored = Sequence[tuple[Place, float]]
"""The points that MLflow has."""


def track(run: RecordedRun) -> str:
    """Update the store in MLFLOW_TRACKING_URI, by default MLflow's own, with a run.

    The run is found by its hash in the experiment of MLFLOW_EXPERIMENT_NAME, by default "semreg". Parameters are the
    recipe's values, metrics `training/PHASE/LOSS`, `validation/PHASE/LOSS` by the phase's iteration and
    `evaluation/NAME/FIGURE` at step 0; artifacts are the recipe, the report and the evaluations' pictures. Raises
    UserError, in a line, if MLflow can't be used or doesn't answer.
    """
    with _by_default(DEFAULTS):
        mlflow = _imported()
        named, uri = mlflow.is_tracking_uri_set(), str(mlflow.get_tracking_uri())
        with _told(uri), _alone(run.folder):
            client, experiment = _opened(mlflow, uri)
            wanted = contents_of(run)
            held, stored = _held(client, experiment, run.hash)
            others: dict[str, str] = {}
            if held is not None and _disagrees(held.data, stored, wanted, running=run.state == "running"):
                client.delete_run(held.info.run_id)
                others = _of_others(held.data.tags)
                held = None
            if held is None:
                name, tags = run.folder.resolve().name, others | {HASH: run.hash}
                held, stored = client.create_run(experiment, milliseconds(run.started), tags, name), []
            _add(client, held, stored, wanted)
            _tell_state(client, held.info, run)
    where = f"/#/experiments/{experiment}/runs/{held.info.run_id}"
    whose = "" if named else f", MLflow's own, since {VARIABLE} is not set"
    return f"{_shown(uri)}{where}" if uri.startswith("http") else f"run {held.info.run_id} in {_shown(uri)}{whose}"


def _opened(mlflow: Any, uri: str) -> tuple[Any, str]:
    """Return the store and the experiment's number; missing ones are made, by one process after another."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    with _alone(Path(tempfile.gettempdir())) if _is_database(uri) else contextlib.nullcontext():
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client, str(client.create_experiment(name))
            except Exception:
                found = client.get_experiment_by_name(name)  # another machine may have made it
                if found is None:
                    raise
    return client, str(found.experiment_id)


def _held(client: Any, experiment: str, digest: str) -> tuple[Any, Stored]:
    """Return MLflow's run of this hash, or None, and its points."""
    found = client.search_runs([experiment], f"tags.`{HASH}` = '{digest}'", max_results=1)
    if not found:
        return None, []
    histories = [client.get_metric_history(found[0].info.run_id, key) for key in found[0].data.metrics]
    return found[0], [((point.key, point.step), point.value) for history in histories for point in history]


def _disagrees(data: Any, stored: Stored, wanted: Contents, *, running: bool) -> bool:
    """Return whether MLflow has wrong entries, which it can't remove.

    For a run that trains, entries that were cut off its log may stay: they will probably be the same again.
    """
    counts = Counter(place for place, _ in stored)
    pictures = {tag: digest for tag, digest in data.tags.items() if tag.startswith(PICTURES)}
    return (
        any(count > 1 for count in counts.values())
        or any(not _same(value, wanted.points[place][0]) for place, value in stored if place in wanted.points)
        or (not running and not counts.keys() <= wanted.points.keys())
        or any(wanted.parameters.get(key) != value for key, value in data.params.items())
        or any(digest_of(wanted.files.get(tag, {})) != digest for tag, digest in pictures.items())
    )


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _of_others(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a run that neither semreg nor MLflow made, and its description by people."""
    made = ("semreg.", "mlflow.")
    return {key: value for key, value in tags.items() if not key.startswith(made) or key == "mlflow.note.content"}


def _add(client: Any, held: Any, stored: Stored, wanted: Contents) -> None:
    """Send the missing entries. A group is marked as sent only when it is complete."""
    from mlflow.entities import Metric, Param, RunTag

    run, there = held.info.run_id, {place for place, _ in stored}
    parameters = [Param(key, value) for key, value in wanted.parameters.items() if key not in held.data.params]
    tags = [RunTag(key, value) for key, value in wanted.tags.items() if held.data.tags.get(key) != value]
    points = [Metric(key, value, time, step) for (key, step), (value, time) in wanted.points.items()
              if (key, step) not in there]  # fmt: skip
    for start in range(0, len(parameters), OTHERS_AT_ONCE):
        client.log_batch(run, params=parameters[start : start + OTHERS_AT_ONCE])
    for start in range(0, len(tags), OTHERS_AT_ONCE):
        client.log_batch(run, tags=tags[start : start + OTHERS_AT_ONCE])
    for start in range(0, len(points), POINTS_AT_ONCE):
        client.log_batch(run, metrics=points[start : start + POINTS_AT_ONCE])
    digests = {tag: digest_of(files) for tag, files in wanted.files.items()}
    changed = [tag for tag, digest in digests.items() if held.data.tags.get(tag) != digest]
    if changed:
        with tempfile.TemporaryDirectory() as folder:
            for path, content in ((p, c) for tag in changed for p, c in wanted.files[tag].items()):
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, path).write_bytes(content)
            client.log_artifacts(run, folder)
        for tag in changed:
            client.set_tag(run, tag, digests[tag])


def _tell_state(client: Any, held: Any, run: RecordedRun) -> None:
    """Send whether the run trains or has ended, and when."""
    state, end = STATES.get(run.state, "KILLED"), milliseconds(run.updated)
    if run.state == "running":
        if held.status != state:
            client.update_run(held.run_id, state)
    elif (held.status, held.end_time) != (state, end):
        client.set_terminated(held.run_id, state, end)


# --- calls of MLflow, with its errors ---


def _imported() -> Any:
    """Return the library. Raises UserError that names the package to install."""
    try:
        import mlflow.tracking
    except ImportError as error:
        raise UserError("mlflow", f"can't be imported ({error}); pip install mlflow-skinny") from None
    return mlflow


@contextlib.contextmanager
def _by_default(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment that are not set, inside the block."""
    ours = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turn errors of MLflow, and of its libraries, into a UserError of one line without passwords."""
    try:
        if _is_database(uri):
            _require_database(uri)
        yield
    except UserError:
        raise
    except Exception as error:
        root = _root(error)
        if isinstance(root, UNANSWERED):
            what, said = "does not answer", root.strerror or str(root)
        else:
            text = str(error).replace(uri, _shown(uri))
            what, said = "does not take the run", f"{type(error).__name__}: {text}"
        said = textwrap.shorten(said, LONGEST_MESSAGE, placeholder=" …")
        raise UserError("mlflow", f"the store {_shown(uri)} {what} ({said}); set {VARIABLE} to use another") from error


def _root(error: BaseException) -> BaseException:
    """Return the exception that caused all others."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _is_database(uri: str) -> bool:
    return urlsplit(uri).scheme.partition("+")[0] in DATABASES


def _require_database(uri: str) -> None:
    """Raise the error of a database at once: MLflow would try for two minutes."""
    if not find_spec("sqlalchemy"):
        cure = f'pip install "semreg-mlflow[database]", or name a server by {VARIABLE}'
        raise UserError("mlflow", f"the store {_shown(uri)} is a database, for which SQLAlchemy is missing; {cure}")
    import sqlalchemy

    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)  # as MLflow does
    engine = sqlalchemy.create_engine(uri)
    engine.connect().close()
    engine.dispose()


def _shown(uri: str) -> str:
    """Return an address without its user name and password."""
    secrets, _, _ = urlsplit(uri).netloc.rpartition("@")
    return uri.replace(f"{secrets}@", "", 1) if secrets else uri


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for exclusive use of a folder on this machine, and keep other processes waiting."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # from a file system without such locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
