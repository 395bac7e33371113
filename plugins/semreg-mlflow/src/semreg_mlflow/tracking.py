"""A run in MLflow: what its folder holds, each thing once, whatever was killed in between.

MLflow only adds: neither a metric's points nor a parameter can be taken back or changed. A run that goes on after a
kill may train a stretch again, to other losses. Where MLflow holds what the folder does not, its run is therefore
deleted (MLflow keeps deleted runs until `mlflow gc`) and made anew, with the tags that others have added. What MLflow
holds is asked of it each time, and remembered nowhere else.
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
"""That of all runs, unless MLflow's own variable says another."""
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # 7, of up to two minutes each, would hold a training up
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What MLflow's own variables say here unless the user's environment says it."""
STATES = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
POINTS_AT_ONCE, OTHERS_AT_ONCE = 1_000, 100
"""As MLflow takes them at most."""
DATABASES = ("sqlite", "mysql", "postgresql", "mssql")
UNANSWERED = (ConnectionError, TimeoutError, socket.gaierror)
"""What is at the root of whatever is raised of a server that isn't there."""
LONGEST_MESSAGE = 300
VARIABLE = "MLFLOW_TRACKING_URI"
"""MLflow's own, which names the store."""

Stored = Sequence[tuple[Place, float]]
"""The points that MLflow holds."""


def track(run: RecordedRun) -> str:
    """Bring the store that MLFLOW_TRACKING_URI names, by default MLflow's own, up to date with a run.

    The run is found by its hash in the experiment that MLFLOW_EXPERIMENT_NAME names, by default "semreg". Parameters
    are the recipe's values, metrics `training/PHASE/LOSS`, `validation/PHASE/LOSS` by the phase's iteration and
    `evaluation/NAME/FIGURE` at step 0; artifacts are the recipe, the report and the evaluations' pictures. Raises
    UserError, in a line, where MLflow can't be used or doesn't answer.
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
    """The store and the experiment's number; both are made if they are not there, by one process after another."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    with _alone(Path(tempfile.gettempdir())) if _is_database(uri) else contextlib.nullcontext():
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client, str(client.create_experiment(name))
            except Exception:
                found = client.get_experiment_by_name(name)  # if another machine has made it
                if found is None:
                    raise
    return client, str(found.experiment_id)


def _held(client: Any, experiment: str, digest: str) -> tuple[Any, Stored]:
    """The run of this hash that MLflow holds, or None, and its points."""
    found = client.search_runs([experiment], f"tags.`{HASH}` = '{digest}'", max_results=1)
    if not found:
        return None, []
    histories = [client.get_metric_history(found[0].info.run_id, key) for key in found[0].data.metrics]
    return found[0], [((point.key, point.step), point.value) for history in histories for point in history]


def _disagrees(data: Any, stored: Stored, wanted: Contents, *, running: bool) -> bool:
    """Whether MLflow holds what it should not, and can't take back.

    Of a run that trains, what was cut off its log may be there: it is likely to be trained again as it was.
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
    """The tags of a run that neither semreg nor MLflow made, and what people wrote of it."""
    made = ("semreg.", "mlflow.")
    return {key: value for key, value in tags.items() if not key.startswith(made) or key == "mlflow.note.content"}


def _add(client: Any, held: Any, stored: Stored, wanted: Contents) -> None:
    """Bring what is missing. Only what is there whole is marked as there."""
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
    """Tell whether the run trains, has ended, and when."""
    state, end = STATES.get(run.state, "KILLED"), milliseconds(run.updated)
    if run.state == "running":
        if held.status != state:
            client.update_run(held.run_id, state)
    elif (held.status, held.end_time) != (state, end):
        client.set_terminated(held.run_id, state, end)


# --- MLflow, as far as it can be relied on ---


def _imported() -> Any:
    """The library. Raises UserError that says what to install."""
    try:
        import mlflow.tracking
    except ImportError as error:
        raise UserError("mlflow", f"can't be imported ({error}); pip install mlflow-skinny") from None
    return mlflow


@contextlib.contextmanager
def _by_default(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment, as far as they are not set, for a while."""
    ours = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Raise whatever MLflow, and what it is built on, raises as a UserError of one line, without passwords."""
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
    """The exception from which all others came."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _is_database(uri: str) -> bool:
    return urlsplit(uri).scheme.partition("+")[0] in DATABASES


def _require_database(uri: str) -> None:
    """Raise what is wrong with a database at once: MLflow would try for two minutes."""
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
    """An address without the name and password that may stand in it."""
    secrets, _, _ = urlsplit(uri).netloc.rpartition("@")
    return uri.replace(f"{secrets}@", "", 1) if secrets else uri


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process of this machine is alone with a folder, and keep others waiting."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # of a file system that has no such locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
