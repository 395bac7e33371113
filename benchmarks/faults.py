"""Faults of plugins: in what they bring, when, and how, drawn by Hypothesis. `benchmarks.crooked` writes them out."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

NAME, DISTRIBUTION = "crooked", "semreg-crooked"
OWN = "strange"
"""What a recipe calls a module of the plugin's."""


@dataclass(frozen=True)
class Fault:
    """A component, or a hook of an event, that goes wrong: at a moment, from a call on, by what it does or gives."""

    kind: str
    moment: str
    first: int
    deed: str = "pass"
    result: str = "value"
    signature: str = "plain"

    def __str__(self) -> str:
        wrong = [part for part in (self.deed, self.result) if part not in ("pass", "value")]
        wrong += [self.signature] if self.signature != "plain" else []
        return f"{self.kind}, {self.moment} {self.first}: {'; '.join(wrong)}"

    @property
    def raises(self) -> bool:
        """Whether it raises, at a moment that comes in every run."""
        always = self.moment != "sample" and not (self.kind == "dataset" and self.moment == "locate")
        return self.deed.startswith("raise ") and self.first == 1 and always

    @property
    def mute(self) -> bool:
        """Whether nothing can be said any more, or is to be."""
        return any(word in self.deed for word in ("stderr", "os.close(2)", "dup2"))


# --- how things go wrong ---

RAISES = [
    f"raise {error}"
    for error in (
        "ValueError('an odd value')", "ValueError()", "ValueError('of\\nmany\\nlines')", "RuntimeError('\\x1b[2J')",
        "RuntimeError('\\udcff')", "KeyError('k')", "IndexError()", "TypeError('3')", "AttributeError('a')", "Mute()",
        "StopIteration()", "GeneratorExit()", "MemoryError()", "RecursionError()", "SystemExit", "SystemExit(0)",
        "SystemExit(1)", "SystemExit('over')", "Base()", "Base('base')", "asyncio.CancelledError()",
        "OSError(28, 'full')", "FileNotFoundError(2, 'gone', 'x')", "BrokenPipeError()", "EOFError()",
        "ZeroDivisionError()", "Loud()", "torch.OutOfMemoryError('CUDA out of memory')", "NotImplementedError()",
        "AssertionError()", "Warning('w')", "ExceptionGroup('g', [ValueError('a')])",
        "BaseExceptionGroup('g', [SystemExit(3)])", "UserError('', 'refused')",
        "UserError('there', [Problem('key', 'is wrong')])", "DataMissing('', 'it is not there')", "typer.Exit(0)",
        "typer.Abort()", "ImportError('no module')", "UnicodeDecodeError('utf-8', b'', 0, 1, 'odd')",
        "TimeoutError()", "LookupError()", "NameError('n')", "PermissionError(13, 'no')", "jinja2.TemplateError('t')",
        "Untold",
    )
]  # fmt: skip
DEEDS = [
    "deep()", "torch.set_default_dtype(torch.float64)", "torch.set_grad_enabled(False)", "os.chdir('site')",
    "torch.use_deterministic_algorithms(True)", "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "signal.signal(signal.SIGTERM, lambda *_: None)", "os.environ.clear()", "warnings.warn('an odd warning')",
    "warnings.warn(Loud)", "warnings.simplefilter('error'); warnings.warn('an error')", "print('x' * 3_000_000)",
    "print('x' * 3_000_000, file=sys.stderr)", "sys.stdout.close()", "sys.stderr.close()", "os.close(1)",
    "os.close(2)", "sys.stdout = None", "sys.stderr = None", "sys.path.clear()", "torch.manual_seed(0)",
    "logging.disable()", "logging.basicConfig(level=0)", "sys.setrecursionlimit(200)", "values[0].zero_()",
    "values[0].data.zero_()", "values[0].sum().backward()", "gc.disable()", "torch.set_default_device('meta')",
    "locale.setlocale(0, 'C')", "torch.set_num_threads(2)", "torch.inference_mode().__enter__()", "sys.exit()",
    "sys.exit(0)", "exit()", "sys.stdin.close()", "numpy.seterr(all='raise')", "random.seed(0)", "time.sleep(0.5)",
    "values[0].resize_(0)", "warnings.showwarning = None", "sys.excepthook = None", "tempfile.tempdir = '/nowhere'",
    "sys.argv.clear()", "threading.Thread(target=time.sleep, args=(0.2,)).start()",
    "torch.autograd.set_detect_anomaly(True)",
]  # fmt: skip
TENSORS = [
    "None", "'text'", "3", "1j", "[]", "{}", "object()", "(value, value)", "value * math.nan", "value / 0",
    "value.to(torch.complex64)", "value.to_sparse()", "value[:0]", "value[..., None]", "value[None]",
    "value.double()", "value.half()", "value.long()", "value.detach()", "value.detach().numpy()",
    "torch.empty(10**15)", "torch.zeros(3, 5, 7)", "torch.zeros(())", "value > 0", "value.to('meta')",
    "value.to(torch.bfloat16)", "value.sum()", "torch.full_like(value, 1e38)", "float(value.sum())", "iter(())",
    "type", "torch.nn.Parameter(value.detach())", "torch.zeros(0)", "value.clone().requires_grad_(False)", "[value]",
    "value.reshape(-1)", "bytes(3)", "torch.autograd.functional.jacobian", "value.detach().clone().requires_grad_()",
    "[[[value]]]",
]  # fmt: skip
RESULTS = [
    "None", "{'x': 1}", "3", "Result({'x': 'y'})", "Result({1: 2.0})", "Result({'x': torch.ones(2)})", "Result(None)",
    "Result({'x': math.nan})", "Result({'x': 10**400})", "Result({'x': 1j})", "Result(tables=[3])",
    "Result(tables=3)", "Result({'\\udcff': 1.0})", "Result({'<b>\\x1b[2J': 1.0})", "Result(summary=None)",
    "Result(summary='\\udcff')", "Result(summary='x' * 10**6)", "Result(pictures=[Picture('p', b'no')])",
    "Result(paper={'z': 1.0})", "Result(pictures=[Picture('p', b'\\x89PNG\\r\\n\\x1a\\n')])",
    "Result(tables=[Table('t', ['a'], [[1, 2]])])", "Result(tables=[Table('t', ['a'], [[1], []])])",
    "Result(tables=[Table('t', [], [])])", "Result(outcomes={'a': [7]})",
    "Result(tables=[Table('t', ['a'], [[object()]])])", "Result(tables=[Table('t', ['a'], [[1]], digits=99)])",
    "Result(scatters=[Scatter('s', [[1, 2, 3]], [0], [])])", "Result(scatters=[Scatter('s', [[1, 2]], [0], ['a'])])",
    "Result(scatters=[Scatter('s', [], [], [])])", "Result(outcomes={'a': [True]})", "Result", "endless()",
    "Result(scatters=[Scatter('s', [[math.nan] * 3], [0], ['a'])])", "Result({'x': True})",
    "Result({'x': numpy.int8(3)})", "Result(tables=[Table('t', ['a'], [[10**400]])])",
    "Result(tables=[Table('t', ['a'], ['text'])])", "Result(tables=[Table('t', ['a'] * 500, [[1] * 500] * 50)])",
    "Result(tables=[Table(3, 'ab', [[1, 2]])])",
]  # fmt: skip
SECTIONS = [
    "3", "[3]", "[None]", "'text'", "Section('t')", "[Section(3)]", "[Section('t', 4)]", "[Section('t', tables=[3])]",
    "[Section('t', tables=3)]", "[Section('t', pictures=[Picture('p', b'')])]", "iter([Section('t')])", "endless()",
    "[Section('t', tables=[Table('t', ['a'], [[1], [2, 3]])])]", "[Section('\\udcff')]", "[Section('t', '\\x00')]",
    "[Section('t', tables=[Table('t', ['a'], [])])]", "[Section] * 3", "{}", "[Section('t', 'x' * 10**6)]",
]  # fmt: skip
STATISTICS = [
    "3", "{3: {}}", "{'a': 3}", "{'a': {'b': 3}}", "{'a': {3: torch.ones(1)}}", "{'a': {'b': torch.ones(1)}}",
    "{'a': {'b': torch.ones(2).to_sparse()}}", "{'a': {'b': torch.ones(2, device='meta')}}",
    "{'/': {'..': torch.ones(1)}}", "{'a': {'b': torch.ones(1, dtype=torch.complex64)}}", "{'': {'': torch.ones(0)}}",
    "{'\\udcff': {'b': torch.ones(1)}}", "endless()", "{'a' * 400: {'b': torch.ones(1)}}",
    "{'a': {'b': torch.ones(3, 4).T}}", "[]", "{'a.b': {'c': torch.ones(1)}}",
]  # fmt: skip
ORDERS = [
    "None", "3", "value.float()", "value[:0]", "value + 100", "-value - 1", "value.reshape(-1)", "value.tolist()",
    "value.to_sparse()", "value.to('meta')", "value.int()", "value.numpy()", "value.to(torch.complex64)",
    "value[None]",
]  # fmt: skip
NUMBERS = [
    "None",
    "'a'",
    "math.nan",
    "math.inf",
    "-1.0",
    "1j",
    "torch.ones(2)",
    "torch.ones(())",
    "10**400",
    "1e300",
    "[]",
]
FIELDS = [
    "None", "{}", "3", "{'image': 3}", "{'image': ImageField(0, 8, 8)}", "{'image': ImageField(1, -1, 8)}", "[]",
    "{'image': ImageField(1, 9, 9)}", "{'image': ImageField('a', 8, 8)}", "{**value, 3: ClassField(('a',))}",
    "{**value, 'kind': ClassField(())}", "{**value, 'kind': ClassField((1, 2, 3))}",
    "{**value, 'kind': ClassField(None)}", "{**value, 'kind': ClassField(('a', 'a', 'b'))}", "{**value, 'kind': 7}",
    "{**value, 'a b': VectorField(2)}", "{**value, 'v': VectorField(-1)}",
    "{**value, 'kind': ClassField(('a', 'b', 'c'), 'spiral')}", "{**value, 'w': AttributesField(())}",
    "{**value, 'v': VectorField('a')}", "{'image': ImageField(10**9, 10**9, 10**9)}",
    "{**value, 'class': VectorField(1)}",
]  # fmt: skip
SOURCES = [
    "None", "3", "replace(value, split=None)", "replace(value, split=value.split.tolist())",
    "replace(value, labels=None)", "replace(value, split=value.split[:3])", "replace(value, split=value.split + 9)",
    "replace(value, labels={})", "replace(value, split=value.split.astype(float))", "replace(value, images=None)",
    "replace(value, images=3)", "replace(value, images=lambda indices: None)", "replace(value, identity=None)",
    "replace(value, identity={'a': object()})", "replace(value, identity={3: {4}})", "replace(value, remarks=3)",
    "replace(value, told=None)", "replace(value, activity=3)",
    "replace(value, labels={'kind': value.labels['kind'].astype(object)})", "replace(value, split=value.split * 0)",
    "replace(value, labels={'kind': value.labels['kind'] - 5})", "replace(value, told={'split': object()})", "Source",
    "replace(value, labels={'kind': value.labels['kind'][:, None]})", "replace(value, split=value.split[:0])",
]  # fmt: skip
PIXELS = ["None", "value.astype(float)", "value[:, :, :3]", "value[:0]", "value.tolist()", "3", "value.astype(object)"]
SIGNATURES = [
    "wrong", "star", "required", "positional", "none", "keywords", "object", "constant", "type", "partial",
]  # fmt: skip

EVENTS = {
    "run_started": "run", "phase_started": "run, phase", "iteration_done": "run, progress", "run_finished": "run",
    "checkpoint_written": "run, path", "statistics": "run, trained", "evaluation_started": "run, name",
    "evaluation_done": "run, name, result", "report_written": "run", "report_sections": "run",
}  # fmt: skip
NETWORK = ["make", "call", "backward"]
MOMENTS = {
    "encoder": NETWORK, "decoder": NETWORK, "classifier": NETWORK,
    "critic": NETWORK, "prior": ["make", "call", "sample"], "operation": ["call", "backward"],
    "loss": ["call", "backward"], "interpolator": ["call"],
    "path": ["make", "call", "fit", "state"], "dataset": ["make", "specification", "locate", "call", "read"],
    "sampler": ["call"], "evaluation": ["call", "before"], "optimizer": ["make", "call"], "schedule": ["call"],
    **{event: ["make", "call"] for event in EVENTS},
}  # fmt: skip
"""When something can go wrong with a component, besides its import."""
GIVEN = {
    "sampler": ORDERS, "evaluation": RESULTS, "schedule": NUMBERS, "report_sections": SECTIONS,
    "statistics": STATISTICS, "dataset": SOURCES, "optimizer": NUMBERS,
}  # fmt: skip
AT = {"specification": FIELDS, "read": PIXELS, "make": ["3", "None", "'text'"], "state": STATISTICS}


def _of(kind: str) -> st.SearchStrategy[Fault]:
    moments = st.sampled_from(["import", *MOMENTS[kind]])
    firsts = st.sampled_from([1, 1, 1, 2, 3, 4, 5, 7, 9, 12])

    def at(moment: str) -> st.SearchStrategy[Fault]:
        given = AT.get(moment, GIVEN.get(kind, TENSORS))
        early = moment in ("import", "make")
        first = st.just(1) if early else firsts
        deeds = [deed for deed in DEEDS if early or not deed.startswith("os.close")]  # which is put right only there
        ways = [
            st.builds(Fault, st.just(kind), st.just(moment), first, st.sampled_from(RAISES)),
            st.builds(Fault, st.just(kind), st.just(moment), first, st.sampled_from(deeds)),
        ]
        if moment not in ("import", "make", "before", "backward"):
            ways.append(st.builds(Fault, st.just(kind), st.just(moment), first, result=st.sampled_from(given)))
        if kind not in EVENTS:
            signature = st.sampled_from(SIGNATURES)
            ways.append(st.builds(Fault, st.just(kind), st.just(moment), first, signature=signature))
        return st.one_of(ways)

    return moments.flatmap(at)


FAULTS: st.SearchStrategy[Fault] = st.sampled_from(list(MOMENTS)).flatmap(_of)
