"""Ray: runs on the machines of a cluster, which queues them and shares out CPUs and GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from semreg.core import Needs, UserError
from semreg_ray import tasks
from semreg_ray.cluster import connect, imported

__all__ = ["Ray", "RayJob"]

SECONDS_TO_READ = 60.0
"""How long a node may take to read a file."""


class Ray:
    """Runs on a Ray cluster, `--on ray:ADDRESS`: as many at once as it has CPUs, or shares of GPUs.

    Without an address it is the cluster that RAY_ADDRESS or the last `ray start` of this machine names, else one of
    this machine's own (`ray:local`). Nodes must see the folder of the runs and the data. If this process is killed,
    Ray ends its runs, at a checkpoint.

    Raises ValueError for an address at which no cluster answers, and for GPUs that the cluster hasn't.
    """

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        connect(words)
        self._ray = imported()
        self._seen = {self._ray.get_runtime_context().get_node_id()}
        share = 1.0 if gpu is None else gpu
        if share and not any(_has(node, "GPU") for node in self._nodes()):
            raise ValueError("no node of the cluster has a GPU; --device cpu computes without")
        self.needs = Needs(threads=self._threads(share), gpu=share)
        self.slots = self._room()

    def submit(self, arguments: Sequence[str], needs: Needs) -> RayJob:
        """Have a node run `semreg ARGUMENTS` when it has the CPUs and the share of a GPU.

        Raises UserError if no node has so many CPUs, or one doesn't see the folder of the log.
        """
        nodes = self._nodes()
        most = max((_has(node, "CPU") for node in nodes), default=0)
        if needs.threads > most:
            raise UserError("", f"no node of the cluster has {needs.threads} CPUs; --threads {most:g} fits")
        self._require_shared(needs.log.parent, [node for node in nodes if node["NodeID"] not in self._seen])
        self.slots = self._room()
        made = self._ray.remote(num_cpus=needs.threads, num_gpus=needs.gpu, max_retries=0)(tasks.make)
        folder, log = os.getcwd(), str(needs.log.absolute())
        told = made.remote(list(arguments), needs.gpu, dict(os.environ), dict(needs.environment), log, folder)
        return RayJob(self._ray, told, needs.log)

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _room(self) -> int:
        """How many trials the nodes have room for, at least one: where there are none, a cluster may start some."""
        name, each = ("GPU", self.needs.gpu) if self.needs.gpu else ("CPU", self.needs.threads)
        return max(1, sum(int(_has(node, name) / each + 1e-9) for node in self._nodes()))

    def _threads(self, share: float) -> int:
        """The CPUs that a trial has: one, and with a share of a GPU as many as come with that on each node."""
        if not share:
            return 1
        having = [node for node in self._nodes() if _has(node, "GPU")]
        return max(1, int(min(_has(node, "CPU") * share / _has(node, "GPU") for node in having)))

    def _require_shared(self, folder: Path, nodes: Sequence[dict[str, Any]]) -> None:
        """Raises UserError if nodes that are new don't see what is written into a folder."""
        if not nodes:
            return
        token, written = folder.absolute() / f".shared-{uuid4().hex}", uuid4().hex
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
                    raise UserError("", f"{said}; choose one by --out that all nodes share")
                self._seen.add(node["NodeID"])
        finally:
            token.unlink(missing_ok=True)

    def _is_gone(self, node: dict[str, Any]) -> bool:
        return node["NodeID"] not in {one["NodeID"] for one in self._nodes()}


class RayJob:
    """A trial that a cluster has; `told` is what Ray gives of it, and `log` has its last words if Ray ended it."""

    def __init__(self, ray: Any, told: Any, log: Path) -> None:
        self._ray, self._told, self._log = ray, told, log
        self._process: tuple[str, int] | None = None
        self._ended = self._cancelled = False

    def state(self) -> Literal["waiting", "running", "ended"]:
        """Where it stands, by what its task has given."""
        while not self._ended and self._ray.wait([self._told], timeout=0)[0]:
            try:
                self._process = self._ray.get(next(self._told))
            except StopIteration:
                self._ended = True
            except self._ray.exceptions.TaskCancelledError:
                self._ended = True
            except self._ray.exceptions.RayError as error:
                self._ended = True
                with self._log.open("a", encoding="utf-8", errors="replace") as log:
                    log.write(f"Ray: {_said(error)}\n")
        if self._ended:
            return "ended"
        return "running" if self._process else "waiting"

    def cancel(self) -> None:
        """Have its node send it SIGTERM; if it waits, have Ray begin it never."""
        state = self.state()
        if state == "running" and self._process is not None:
            node, process = self._process
            _on(self._ray, node, tasks.terminate).remote(process)
        elif state == "waiting":
            self._ray.cancel(self._told)


def _on(ray: Any, node: str, task: Any) -> Any:
    """A task of a node, beside all that it has to do."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(task)


def _has(node: dict[str, Any], resource: str) -> float:
    return float(node["Resources"].get(resource, 0))


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _said(error: BaseException) -> str:
    """What an error of Ray says, in a line: its cause, which stands at the end."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
