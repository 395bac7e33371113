"""Plugins with one fault each, written out: a module, its metadata, and a recipe that uses what it brings."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from benchmarks.faults import EVENTS, NAME, OWN, Fault
from benchmarks.mutations import written
from semreg.core.kinds import KINDS
from semreg.core.plugin_manager import GROUP

# --- the plugins ---

HEAD = """
import asyncio, functools, gc, locale, logging, math, os, random, signal, sys, tempfile, threading, time, warnings
from dataclasses import replace
import jinja2, numpy, torch, typer
from torch import nn
from semreg.core import *
from semreg.core import Problem
from semreg.core.hookspecs import Section, hookimpl

class Base(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise ValueError("nothing to be said")

class Untold(Exception):
    def __str__(self):
        raise SystemExit(0)
    __repr__ = __str__

class Loud(Warning):
    def __str__(self):
        return "loud " * 2_000_000

def deep(number=0):
    return deep(number + 1)

def endless():
    rows = []
    rows.append(rows)
    return Result(tables=[Table("t", ["a"], [rows])])

class Passing(torch.autograd.Function):
    @staticmethod
    def forward(context, value):
        return value.view_as(value)

    @staticmethod
    def backward(context, gradient):
        at("backward", gradient)
        return gradient

counts = {}

def at(moment, *values):
    counts[moment] = counts.get(moment, 0) + 1
    if moment == MOMENT and counts[moment] >= FIRST:
        DEED

def given(moment, value):
    if moment == "call" and MOMENT == "backward":
        return Passing.apply(value)
    return RESULT if moment == MOMENT and counts[moment] >= FIRST else value

at("import")
"""
NETWORK = """
class crooked(nn.Module):
    def __init__(self, SIGNATURE):
        super().__init__()
        at("make")
        self.layers = nn.Sequential(LAYERS)

    def forward(self, *inputs):
        at("call", *inputs)
        return given("call", self.layers(inputs[0]))
"""
FUNCTION = """
def crooked(SIGNATURE):
    at("call", INPUT)
    return given("call", VALUE)
"""
PRIOR = """
class crooked(nn.Module):
    def __init__(self, SIGNATURE):
        super().__init__()
        at("make")
        self.mean = nn.Parameter(torch.zeros(2))

    def kl_divergence(self, posterior, *labels):
        at("call", posterior.mean)
        return given("call", (posterior.mean - self.mean).square() / 2)

    def log_probability(self, codes, *labels):
        return -(codes - self.mean).square().sum(1) / 2

    def sample(self, count, *labels, generator=None):
        at("sample", self.mean)
        return given("sample", torch.randn(count, 2, generator=generator))
"""
PATH = """
class crooked:
    def __init__(self, SIGNATURE):
        at("make")
        self.centre = torch.zeros(4)

    def fit(self, codes, labels, order):
        at("fit", codes)
        self.centre = given("fit", codes.mean(0))

    def state(self):
        at("state", self.centre)
        return given("state", {"centre": self.centre})

    def load_state(self, state):
        self.centre = state["centre"]

    def __call__(self, a, b, weight):
        at("call", a, b)
        return given("call", a + (b - a) * weight)
"""
DATASET = """
class Reader:
    def __call__(self, indices):
        at("read")
        return given("read", numpy.stack([numpy.full((1, 8, 8), 9 * index, numpy.uint8) for index in indices]))

class crooked:
    def __init__(self, SIGNATURE):
        at("make")

    def specification(self):
        at("specification")
        return given("specification", {"image": ImageField(1, 8, 8), "kind": ClassField(("a", "b", "c"))})

    def locate(self):
        at("locate")

    def source(self):
        at("call")
        kinds, split = numpy.arange(24, dtype=numpy.int64) % 3, numpy.repeat(numpy.uint8([0, 2]), [16, 8])
        return given("call", Source({"kind": kinds}, split, Reader(), {"version": 1}))
"""
OPTIMIZER = """
class crooked(torch.optim.SGD):
    def __init__(self, params, SIGNATURE):
        at("make")
        super().__init__(params, lr=0.01)

    def step(self, closure=None):
        at("call", *self.param_groups[0]["params"])
        return given("call", super().step())
"""
HOOK = """
class crooked:
    def __init__(self):
        at("make")

    @hookimpl
    def EVENT(self, ARGUMENTS):
        at("call", ARGUMENTS)
        return given("call", VALUE)
"""
BEFORE = """
crooked.before_training = lambda *inputs, **options: at("before")
"""
DRAWN = "torch.randperm(count, generator=generator)[: count // batch_size * batch_size].reshape(-1, batch_size)"
TEXTS = {
    "encoder": NETWORK.replace("LAYERS", "nn.Flatten(), nn.Linear(64, 4)"),
    "critic": NETWORK.replace("LAYERS", "nn.Flatten(), nn.Linear(64, 1)"),
    "classifier": NETWORK.replace("LAYERS", "nn.Linear(4, 3)"),
    "decoder": NETWORK.replace("LAYERS", "nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8))"),
    "prior": PRIOR,
    "operation": FUNCTION.replace("INPUT", "a").replace("VALUE", "a * 2"),
    "loss": FUNCTION.replace("INPUT", "a").replace("VALUE", "(a - b).square().mean()"),
    "interpolator": FUNCTION.replace("INPUT", "a").replace("VALUE", "a + (b - a) * weight"),
    "path": PATH,
    "dataset": DATASET,
    "sampler": FUNCTION.replace("INPUT", "labels").replace("VALUE", DRAWN),
    "evaluation": FUNCTION.replace("INPUT", "code.read('test')").replace("VALUE", "Result({'x': 1.0})"),
    "optimizer": OPTIMIZER,
    "schedule": FUNCTION.replace("INPUT", "epoch").replace("VALUE", "1 - epoch / epochs / 2"),
    **{
        event: HOOK.replace("EVENT", event)
        .replace("ARGUMENTS", arguments)
        .replace("VALUE", "[Section('a')]" if event == "report_sections" else "None")
        for event, arguments in EVENTS.items()
    },
}
INPUTS = {
    "operation": "a", "loss": "a, b", "interpolator": "a, b, weight", "evaluation": "code", "schedule": "epoch, epochs",
    "sampler": "labels, *, count, batch_size, generator",
}  # fmt: skip
OPTIONS = "*, scale=1.0"
LATER = {
    "object": "crooked = object()", "constant": "crooked = 3", "type": "crooked = type", "none": "crooked = None",
    "partial": "crooked = functools.partial(crooked)",
}  # fmt: skip


def source_of(fault: Fault) -> str:
    """The plugin's one module."""
    inputs = INPUTS.get(fault.kind, OPTIONS)
    names = [part for part in inputs.split(", ") if part != "*"]
    signature = {
        "wrong": ", ".join("*" if part == "*" else f"{part.split('=')[0]}: 'Nonsense'" for part in inputs.split(", ")),
        "star": "*inputs, **options",
        "required": f"{inputs}, needed" if "*" in inputs else f"{inputs}, *, needed",
        "positional": f"{', '.join(names)}, /",
        "keywords": f"*, {', '.join(names)}",
    }.get(fault.signature, inputs)
    text = TEXTS[fault.kind].replace("SIGNATURE", signature)
    tokens = {"MOMENT": repr(fault.moment), "FIRST": str(fault.first), "DEED": fault.deed, "RESULT": fault.result}
    head = HEAD
    for token, value in tokens.items():
        head = re.sub(rf"\b{token}\b", lambda _, value=value: value, head)
    before = BEFORE if fault.kind == "evaluation" else ""
    return "\n".join([head, text, before, LATER.get(fault.signature, "")])


def entry_point(fault: Fault) -> str:
    """The metadata that bring the plugin."""
    kind = {"path": "interpolator"}.get(fault.kind, fault.kind)
    group = GROUP if fault.kind in EVENTS else KINDS[kind].group
    return f"[{group}]\n{NAME} = crooked_plugin:crooked\n"


# --- the recipes that name them ---

RECIPE = """
[data]
use = "npz"
path = "shapes.npz"
classes = { kind = "kind" }
batch_size = 8

[model]
input = "image"
code = ["z"]
output = "reconstruction"
attributes = { kind = "z" }

[modules]
encoder = { use = "mlp_encoder", outputs = 4, hidden = [6] }
decoder = { use = "mlp_decoder", channels = 1, size = 8, hidden = [6] }

[tensors]
z = "encoder(image)"
reconstruction = "decoder(z)"

[losses.rec]
use = "l2(reconstruction, image)"

[optimizer]
use = "adam"
lr = 1e-2

[phases.main]
epochs = 2
train = { encoder = { rec = 1 }, decoder = { rec = 1 } }

[evaluate.first]
use = "reconstructions(image, reconstruction)"
[evaluate.own]
use = "reconstructions(image, reconstruction)"
[evaluate.last]
use = "reconstructions(image, reconstruction)"
"""
MODULE = f'modules.{OWN}.use = "crooked"\n'
STRIP = 'evaluate.own = { use = "interpolation_strip(z, kind, reconstruction)", interpolators = ["crooked"] }\n'
CHANGES = {
    "encoder": f'{MODULE}tensors.z = "{OWN}(image)"\nphases.main.train.{OWN}.rec = 1',
    "decoder": f'{MODULE}tensors.reconstruction = "{OWN}(z)"\nphases.main.train.{OWN}.rec = 1',
    "classifier": f'{MODULE}losses.own.use = "cross_entropy({OWN}(z), kind)"\nphases.main.train.{OWN}.own = 1',
    "critic": f"""{MODULE}losses.own.use = "adversarial_critic({OWN}(image), {OWN}(reconstruction))"
phases.main.train.{OWN}.own = 1""",
    "prior": f"""{MODULE}losses.own.use = "kl_divergence(posterior, {OWN})"
tensors = {{ posterior = "diagonal_gaussian(encoder(image))", z = "sample(posterior)" }}
phases.main.train = {{ {OWN} = {{ own = 1 }}, encoder = {{ rec = 1, own = 1 }}, decoder = {{ rec = 1 }} }}
evaluate.own.use = "prior_samples({OWN}, z, reconstruction)"
""",
    "operation": 'tensors.z = "crooked(encoder(image))"',
    "loss": 'losses.rec.use = "crooked(reconstruction, image)"',
    "interpolator": STRIP,
    "path": f'{STRIP}model.interpolator.use = "crooked"',
    "sampler": 'data.sampler.use = "crooked(kind)"',
    "evaluation": 'evaluate.own.use = "crooked(z)"',
    "schedule": 'optimizer.schedule.use = "crooked"',
}


def recipe_of(fault: Fault) -> str:
    """A recipe that uses what the plugin brings."""
    table = overlay(tomllib.loads(RECIPE), tomllib.loads(CHANGES.get(fault.kind, "")))
    if fault.kind in ("encoder", "decoder"):
        del table["modules"][fault.kind], table["phases"]["main"]["train"][fault.kind]
    if fault.kind == "dataset":
        table["data"] = {"use": NAME, "batch_size": 8}
    if fault.kind == "optimizer":
        table["optimizer"] = {"use": NAME}
    return written(table)


def overlay(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A table with changes laid over it, table by table."""
    for key, value in changes.items():
        inside = isinstance(value, dict) and isinstance(table.get(key), dict)
        table[key] = overlay(table[key], value) if inside else value
    return table
