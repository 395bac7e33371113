"""Ray: runs on the machines of a cluster, which queues them and assigns CPUs and GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from semreg.core import Needs, UserError
from semreg_ray import tasks
from semreg_ray.cluster import connect, imported
from semreg_ray.copying import sent, unpack

__all__ = ["Ray", "RayJob"]

COPY = "copy"
"""The word after the address that requests copies of folders."""
SECONDS_TO_READ = 60.0
"""How long a node may take to read a file."""


class Ray:
    """Runs on a Ray cluster, `--on ray:ADDRESS`: as many at once as it has CPUs, or shares of GPUs.

    Without an address it is the cluster of RAY_ADDRESS or of the last `ray start` on this machine, else a new one on
    this machine (`ray:local`). Nodes must see the data and the folder of the runs; with `ray:ADDRESS,copy`, or
    `ray:copy`, a run's folder is copied to its node, and back at each checkpoint. If this process is killed, Ray ends
    its runs, at a checkpoint.

    Raises ValueError if no cluster answers at the address, and for GPUs that the cluster lacks.
    """

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        address, _, last = words.rpartition(",")
        self._copies = last == COPY
        connect(address if self._copies else words)
        self._ray = imported()
        self._seen = {self._ray.get_runtime_context().get_node_id()}
        share = 1.0 if gpu is None else gpu
        if share and not any(_has(node, "GPU") for node in self._nodes()):
            raise ValueError("no node of the cluster has a GPU; --device cpu computes without")
        self.needs = Needs(threads=self._threads(share), gpu=share)
        self.slots = self._room()

    def submit(self, arguments: Sequence[str], needs: Needs) -> RayJob:
        """Make a node run `semreg ARGUMENTS` when it has the CPUs and the share of a GPU.

        Raises UserError if no node has so many CPUs, if one doesn't see the folder of the log, and for copies if the
        log is not in a run's folder.
        """
        nodes = self._nodes()
        most = max((_has(node, "CPU") for node in nodes), default=0)
        if needs.threads > most:
            raise UserError("", f"no node of the cluster has {needs.threads} CPUs; expected at most --threads {most:g}")
        self.slots = self._room()
        make = self._ray.remote(num_cpus=needs.threads, num_gpus=needs.gpu, max_retries=0)
        log = needs.log.absolute()
        given = list(arguments), needs.gpu, dict(os.environ), dict(needs.environment), str(log), os.getcwd()
        if self._copies:
            folder = _folder_of(log, arguments)
            return RayJob(self._ray, make(tasks.make_copied).remote(*given, sent(folder)), log, folder)
        self._require_shared(log.parent, [node for node in nodes if node["NodeID"] not in self._seen])
        return RayJob(self._ray, make(tasks.make).remote(*given), log)

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _room(self) -> int:
        """Return how many trials fit on the nodes, at least one: a cluster without nodes may start some."""
        name, each = ("GPU", self.needs.gpu) if self.needs.gpu else ("CPU", self.needs.threads)
        return max(1, sum(int(_has(node, name) / each + 1e-9) for node in self._nodes()))

    def _threads(self, share: float) -> int:
        """Return the CPUs of a trial: one, or for a share of a GPU as many as each node has for it."""
        if not share:
            return 1
        having = [node for node in self._nodes() if _has(node, "GPU")]
        return max(1, int(min(_has(node, "CPU") * share / _has(node, "GPU") for node in having)))

    def _require_shared(self, folder: Path, nodes: Sequence[dict[str, Any]]) -> None:
        """Raise UserError if new nodes don't see files that are written into a folder."""
        if not nodes:
            return
        token, written = folder / f".shared-{uuid4().hex}", uuid4().hex
        token.write_text(written)
        try:
            asked = {_on(self._ray, node["NodeID"], tasks.read).remote(str(token)): node for node in nodes}
            answered, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=SECONDS_TO_READ)
            for answer in answered:
                node = asked[answer]
                try:
                    read = self._ray.get(answer)
                except self._ray.exceptions.RayError as error:
                    if self._is_gone(node):
                        continue
                    raise UserError("", f"node {_name(node)} can't begin a task: {_said(error)}") from None
                if read != written:
                    said = f"node {_name(node)} doesn't see the folder {folder}"
                    raise UserError(
                        "", f"{said}; choose one by --out that all nodes share, or copy it: --on ray:ADDRESS,copy"
                    )
                self._seen.add(node["NodeID"])
        finally:
            token.unlink(missing_ok=True)

    def _is_gone(self, node: dict[str, Any]) -> bool:
        return node["NodeID"] not in {one["NodeID"] for one in self._nodes()}


class RayJob:
    """A trial on a cluster; `told` are Ray's messages about it, `log` gets the reason if Ray ended it, and `folder`, if
    it is given, receives the returned files of a copy."""

    def __init__(self, ray: Any, told: Any, log: Path, folder: Path | None = None) -> None:
        self._ray, self._told, self._log, self._folder = ray, told, log, folder
        self._process: tuple[str, int] | None = None
        self._ended = False

    def state(self) -> Literal["waiting", "running", "ended"]:
        """Return its state, from the messages of its task."""
        while not self._ended and self._ray.wait([self._told], timeout=0)[0]:
            try:
                given = self._ray.get(next(self._told))
            except StopIteration:
                self._ended = True
            except self._ray.exceptions.TaskCancelledError:
                self._ended = True
            except self._ray.exceptions.RayError as error:
                self._ended = True
                with self._log.open("a", encoding="utf-8", errors="replace") as log:
                    log.write(f"Ray: {_said(error)}\n")
            else:
                if self._folder is not None and isinstance(given, bytes):
                    unpack(given, self._folder)
                else:
                    self._process = given
        if self._ended:
            return "ended"
        return "running" if self._process else "waiting"

    def cancel(self) -> None:
        """Make its node send it SIGTERM; if it waits, make Ray never start it."""
        state = self.state()
        if state == "running" and self._process is not None:
            node, process = self._process
            _on(self._ray, node, tasks.terminate).remote(process)
        elif state == "waiting":
            self._ray.cancel(self._told)


def _on(ray: Any, node: str, task: Any) -> Any:
    """Return a task for a node, which needs none of its resources."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(task)


def _folder_of(log: Path, arguments: Sequence[str]) -> Path:
    """Return the folder of the run with this log. Raises UserError if there is none."""
    out = Path(arguments[arguments.index("--out") + 1]).absolute() if "--out" in arguments else Path("runs").absolute()
    if out not in log.parent.parents:
        raise UserError("", f"what is copied is the folder of a run in {out}, and {log} is in none")
    return out / log.relative_to(out).parts[0]


def _has(node: dict[str, Any], resource: str) -> float:
    return float(node["Resources"].get(resource, 0))


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _said(error: BaseException) -> str:
    """Return the cause of an error of Ray in a line; it is at the end of the error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
