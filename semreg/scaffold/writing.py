"""Writes a new plugin's distribution, completely or not at all."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import keyword
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jinja2

from semreg.core import UserError, closest
from semreg.core.kinds import INTERFACE, KINDS, at_place
from semreg.core.registry import components, installed_entry_points, with_article
from semreg.core.version import __version__
from semreg.store.disk import whole_folder, write_synced, writing

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST_NAME = 40
USED_BY_RECIPES = {"image", "digit", "angle", "z", "posterior", "reconstruction", "reconstruction_error", "kl", "main",
                   "encoder", "decoder", "prior", "critic", "classifier", "reconstructions", "samples", "strip",
                   "probe", "seen", "real", "score", "critic_error", "fooling", "logits", "labels", "centres",
                   "near"}  # fmt: skip


@dataclass(frozen=True)
class Template:
    """The parts of a kind's template: what its example does, the component's module, and its dependencies."""

    sentence: str
    module: str = "functional"
    dependencies: tuple[str, ...] = ("annotated-types>=0.6",)

    @property
    def is_class(self) -> bool:
        return self.module in ("network", "criterion", "prior", "dataset", "hook")


TEMPLATE_OF = {
    "loss": Template("Scatter of codes around their class's mean"),
    "prior": Template("Laplace distributions of sparse codes", "prior"),
    "encoder": Template("Convolutions that see coordinates", "network"),
    "decoder": Template("Images from codes broadcast over their pixels", "network"),
    "interpolator": Template("Straight lines between codes, lengthened to the codes' own lengths"),
    "dataset": Template("Drawn bars at angles in a ring", "dataset", ("annotated-types>=0.6", "numpy>=1.26")),
    "evaluation": Template("Scatter between and within the classes of a code", "evaluation", ()),
    "comparison": Template("How alike the distances between codes are in several runs", "comparison", ()),
    "critic": Template("Scores from codes and their squares", "network", ()),
    "classifier": Template("Cosines between codes and the directions of classes", "network"),
    "criterion": Template("Distances of codes from a learned centre of their class", "criterion"),
    "operation": Template("Images with random elements set to zero"),
    "sampler": Template("Batches that hold rare classes more often than the data"),
    "hook": Template("A section of the report: when each loss settled", "hook", ()),
    "command": Template("The peak signal-to-noise ratio of a run's reconstruction", "command", ("typer>=0.12",)),
}


def write_plugin(name: str, kind: str, out: Path, *, commands: Collection[str] = ()) -> Path:
    """Write the distribution of a new component, hook or command into a new folder of `out`, and return that folder.

    Args:
        name: of the component, or of its distribution with "semreg-" before it.
        kind: one that has a template.
        out: the folder to write it in.
        commands: the names of semreg's own commands, which a plugin can't define.

    Raises UserError for a kind without a template, a name that does not fit or is taken, or a folder that exists;
    CannotWrite if it can't be written. Nothing incomplete stays.
    """
    if kind not in TEMPLATE_OF:
        raise UserError("--kind", f"there is no template for {kind!r}{closest(kind, TEMPLATE_OF)}")
    bare = re.sub(r"^semreg[-_]", "", name)
    component = bare.replace("-", "_")
    distribution = f"semreg-{component.replace('_', '-')}"
    package = f"semreg_{component}"
    _check_form(name, bare)
    context = _context(component, distribution, package, kind)
    _check_meaning(component, str(context["attribute"]), kind)
    _check_free(component, distribution, package, kind, commands)
    folder = out / distribution
    if folder.exists() or folder.is_symlink():
        raise UserError(str(folder), "exists already; choose another name, or another folder by --out")
    files = {path: _filled(path, context) for path in _templates(kind)}
    with writing(folder), whole_folder(folder) as part:
        for path, text in files.items():
            target = part / _target(path.name.removesuffix(".jinja"), component, package)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_synced(target, text.encode())
        write_synced(part / "src" / package / "py.typed", b"")
    return folder


def _context(component: str, distribution: str, package: str, kind: str) -> dict[str, object]:
    """Return the values that fill the templates."""
    template = TEMPLATE_OF[kind]
    class_name = "".join(word.capitalize() for word in component.split("_"))
    return {
        "component": component,
        "distribution": distribution,
        "package": package,
        "kind": kind,
        "group": _group(kind),
        "class_name": class_name,
        "attribute": class_name if template.is_class else component,
        "module": template.module,
        "sentence": template.sentence,
        "dependencies": template.dependencies,
        "interface": INTERFACE,
        "series": ".".join(__version__.split(".")[:2]),
    }


def _group(kind: str) -> str:
    """Return the group of its entry points; hooks and commands are not kinds of components, and have a group each."""
    return KINDS[kind].group if kind in KINDS else f"semreg.{kind}s"


def _check_form(name: str, bare: str) -> None:
    if not NAME.fullmatch(bare) or len(bare) > LONGEST_NAME:
        fits = f"up to {LONGEST_NAME} small letters, digits, - and _, such as 'contrastive' or 'semreg-contrastive'"
        raise UserError("", f"{name!r} is not a name for a plugin; expected {fits}")


def _check_meaning(component: str, attribute: str, kind: str) -> None:
    reserved = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *sys.stdlib_module_names, *_names_in_code(kind)}
    if component in reserved | USED_BY_RECIPES or attribute in reserved:
        raise UserError("", f"{component!r} means something else in Python or in the recipe; choose another name")


def _names_in_code(kind: str) -> set[str]:
    """Return the names in a kind's templates that are not the component's."""
    context = _context("a_component", "semreg-a-component", "semreg_a_component", kind)
    found: set[str] = set()
    for path in _templates(kind):
        if path.name.endswith(".py.jinja"):
            for node in ast.walk(ast.parse(_filled(path, context))):
                names = (getattr(node, key, None) for key in ("id", "arg", "name", "asname"))
                found.update(name for name in names if isinstance(name, str))
    return found - {"a_component", context["attribute"]}


def _check_free(component: str, distribution: str, package: str, kind: str, commands: Collection[str]) -> None:
    for name, taken, origin in _taken(kind, commands):
        if name == component:
            raise UserError("", f"{component!r} is {with_article(taken)} of {origin} already; choose another name")
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        if importlib.util.find_spec(package) is None:
            return
        raise UserError("", f"a package {package} is installed already; choose another name") from None
    raise UserError("", f"{distribution} {version} is installed already; choose another name")


def _taken(kind: str, commands: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the names that are taken at the place of a kind, with their kind and distribution."""
    if kind in KINDS:
        found = (component for component in components() if component.kind in at_place(KINDS[kind].place))
        yield from ((component.name, component.kind, component.origin) for component in found)
        return
    yield from ((point.name, kind, point.origin) for point in installed_entry_points(_group(kind)))
    if kind == "command":
        yield from ((name, kind, f"semreg {__version__}") for name in commands)


def _templates(kind: str) -> list[Path]:
    return sorted(path for folder in ("common", kind) for path in (TEMPLATES / folder).glob("*.jinja"))


def _target(name: str, component: str, package: str) -> Path:
    """Return the path of a file in the distribution."""
    match name:
        case "pyproject.toml" | "README.md":
            return Path(name)
        case "test.py":
            return Path("tests", f"test_{component}.py")
        case "recipe.toml":
            return Path("src", package, f"{component}.toml")
    return Path("src", package, name)


def _filled(path: Path, context: dict[str, object]) -> str:
    environment = jinja2.Environment(  # the text is Python and TOML, in which nothing must be escaped
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, autoescape=False,
    )  # fmt: skip
    return environment.get_template(path.relative_to(TEMPLATES).as_posix()).render(context)
