"""`semreg doctor`: the facts about this machine that a bug report needs; if one part fails, the others still appear."""

from __future__ import annotations

import inspect
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from semreg.cli.options import AsJson, DataRoot, Out
from semreg.cli.output import echo, echo_json
from semreg.core import DataMissing, UserError
from semreg.core.errors import cause_of
from semreg.core.kinds import INTERFACE
from semreg.core.registry import import_target
from semreg.core.version import __version__

PACKAGES = (
    "torch", "torchvision", "numpy", "scipy", "scikit-learn", "timm", "torchmetrics", "matplotlib", "pillow",
    "pydantic", "safetensors", "typer",
)  # fmt: skip
"""Libraries whose version a bug may depend on."""
FOUND, MISSING = "found", "missing"

_FURTHER = re.compile(r"\. | \(")
"""The end of the first statement of a message; the rest explains where to find the data."""

Part = dict[str, Any]


def doctor(data_root: DataRoot = Path("data"), out: Out = Path("runs"), as_json: AsJson = False) -> None:
    """Print what a bug report needs: versions, devices, data."""
    parts: dict[str, Callable[[], Part]] = {
        "versions": _versions,
        "devices": _devices,
        "plugins": _plugins,
        "places": lambda: _places(data_root, out),
        "data": lambda: _data(data_root),
    }
    told = {name: _told(part) for name, part in parts.items()}
    if as_json:
        echo_json(told)
        return
    for name, part in told.items():
        echo(name)
        width = max(map(len, part), default=0)
        for key, value in part.items():
            echo(f"  {key:<{width}}  {_text(value)}".rstrip())


def _told(part: Callable[[], Part]) -> Part:
    """Return a part, or the error that prevents it: people run this command when something is broken."""
    try:
        return part()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a broken library may raise anything
        return {"failed": cause_of(error)}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    return " ".join(str(value).split())


def _versions() -> Part:
    found: Part = {
        "semreg": f"{__version__} (interface {INTERFACE})",
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        "platform": platform.platform(),
    }
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _devices() -> Part:
    import torch

    found: Part = {
        "cpu": f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        **faster(),
    }
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(count):
        free, total = torch.cuda.mem_get_info(index)
        memory = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        found[f"cuda:{index}"] = f"{torch.cuda.get_device_name(index)}, {memory}, CUDA {torch.version.cuda}"
    if not count:
        found["cuda"] = (
            f"none; PyTorch is built {f'with CUDA {torch.version.cuda}' if torch.version.cuda else 'without'}"
        )
    if torch.backends.mps.is_available():
        found["mps"] = "found; semreg does not compute on it, since it has no float64"
    return found


def faster() -> dict[str, str]:
    """Return whether this machine supports `--precision bf16` on its processor, and `--compile`."""
    from semreg.running.compiler import require_compiler
    from semreg.trained.opening import device_of

    told = {"bf16": "instructions of its own" if has_bf16() else "no instructions of its own: slower than fp32"}
    try:
        require_compiler(device_of("auto"))
    except UserError as error:
        return told | {"compile": error.problems[0].message}
    return told | {"compile": "a compiler"}


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def has_bf16() -> bool:
    """Whether this processor has instructions that multiply bfloat16; PyTorch has no public function for it."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "bf16" in flags  # avx512_bf16, amx_bf16, or ARM's own


def _plugins() -> Part:
    from semreg.cli.packages import installed_plugins, not_installed

    found: Part = {f"{plugin.distribution} {plugin.version}".strip(): plugin.state for plugin in installed_plugins()}
    found |= dict.fromkeys(not_installed(), "named by SEMREG_PLUGINS, not installed")
    return found or {"none": ""}


def _places(data_root: Path, out: Path) -> Part:
    from semreg.data.cache_collection import LIMIT, cache_folder, cache_limit, kept_caches
    from semreg.store.numbers import size
    from semreg.store.record import run_folders

    def caches() -> str:
        kept, limit = kept_caches(cache_folder()), cache_limit()
        bounded = "" if limit is None else f", {LIMIT} of {size(limit)} each"
        return f"{len(kept)} data sets, {size(sum(one.size for one in kept))}{bounded}"

    return {
        "caches": _place(cache_folder(), caches),
        "runs": _place(out, lambda: f"{len(run_folders(out))} runs"),
        "data root": _place(data_root, lambda: "" if data_root.is_dir() else "missing"),
    }


def _place(folder: Path, holds: Callable[[], str]) -> str:
    """Describe a folder: contents, free space, and whether it can be written (a missing one: as its parent)."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = f"{shutil.disk_usage(there).free / 1e9:.1f} GB free"
    may = "can be written" if os.access(there, os.W_OK | os.X_OK) else "CANNOT be written"
    try:
        held = holds()
    except UserError as error:
        held = error.problems[0].message
    return ", ".join(filter(None, [str(folder), held, free, may]))


def _data(data_root: Path) -> Part:
    """Return for each installed data set whether the data root holds it, or which options it needs."""
    from semreg.core.registry import components

    return {one.name: _found(one.kind, one.name, one.target, one.origin, data_root) for one in components("dataset")}


def _found(kind: str, name: str, target: str, origin: str, data_root: Path) -> str:
    try:
        made = import_target(f"{kind} {name!r}", target, origin)
        parameters = inspect.signature(made).parameters
        needed = [one.name for one in parameters.values() if one.default is one.empty and one.name != "root"]
        if needed:
            return f"needs options: {', '.join(needed)}"
        made(**({"root": data_root} if "root" in parameters else {})).locate()
        return FOUND
    except DataMissing as missing:
        return f"{MISSING}: {_FURTHER.split(missing.problems[0].message)[0]}"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin's data set may raise anything
        return f"failed: {cause_of(error, UserError)}"
