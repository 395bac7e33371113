"""Writes a new plugin's distribution: whole, or not at all."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jinja2

from semreg.core import UserError, closest
from semreg.core.kinds import INTERFACE, KINDS, at_place
from semreg.core.registry import components, with_article
from semreg.core.version import __version__
from semreg.store.disk import whole_folder, write_synced, writing

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST_NAME = 40
USED_BY_RECIPES = {"image", "digit", "angle", "z", "posterior", "reconstruction", "reconstruction_error", "kl", "main",
                   "encoder", "decoder", "prior", "reconstructions", "samples", "strip", "probe"}  # fmt: skip
USED_BY_CODE = {"annotated_types", "bar", "batch", "broadcast", "codes", "functional", "hypothesis", "laplace_kl",
                "laplace_log_density", "nn", "np", "numpy", "pytest", "scatters", "seeds", "semreg", "settings",
                "shape_error", "st", "torch", "with_coordinates"}  # fmt: skip


@dataclass(frozen=True)
class Template:
    """What there is to write for a kind: what its example does, the module of the component, what it depends on."""

    sentence: str
    module: str = "functional"
    dependencies: tuple[str, ...] = ("annotated-types>=0.6",)

    @property
    def is_class(self) -> bool:
        return self.module in ("network", "prior", "dataset")


TEMPLATE_OF = {
    "loss": Template("Scatter of codes around their class's mean"),
    "prior": Template("Laplace distributions of sparse codes", "prior"),
    "encoder": Template("Convolutions that see coordinates", "network"),
    "decoder": Template("Images from codes broadcast over their pixels", "network"),
    "interpolator": Template("Straight lines between codes, lengthened to the codes' own lengths"),
    "dataset": Template("Drawn bars at angles in a ring", "dataset", ("annotated-types>=0.6", "numpy>=1.26")),
    "evaluation": Template("Scatter between and within the classes of a code", "evaluation", ()),
}


def write_plugin(name: str, kind: str, out: Path) -> Path:
    """Write the distribution of a new component into a new folder of `out`, which is returned.

    Args:
        name: of the component, or of its distribution with "semreg-" before it.
        kind: one that has a template.
        out: the folder to write it in.

    Raises UserError for a kind without a template, a name that does not fit or is taken, or a folder that is there;
    CannotWrite where it can't be written. Nothing is left half written.
    """
    if kind not in TEMPLATE_OF:
        raise UserError("--kind", f"there is no template for {kind!r}{closest(kind, TEMPLATE_OF)}")
    bare = re.sub(r"^semreg[-_]", "", name)
    component = bare.replace("-", "_")
    distribution = f"semreg-{component.replace('_', '-')}"
    package = f"semreg_{component}"
    _check_name(name, bare, component)
    _check_free(component, distribution, package, kind)
    folder = out / distribution
    if folder.exists() or folder.is_symlink():
        raise UserError(str(folder), "is there already; choose another name, or another folder by --out")
    template = TEMPLATE_OF[kind]
    class_name = "".join(word.capitalize() for word in component.split("_"))
    context = {
        "component": component,
        "distribution": distribution,
        "package": package,
        "kind": kind,
        "group": KINDS[kind].group,
        "class_name": class_name,
        "attribute": class_name if template.is_class else component,
        "module": template.module,
        "sentence": template.sentence,
        "dependencies": template.dependencies,
        "interface": INTERFACE,
        "series": ".".join(__version__.split(".")[:2]),
    }
    files = {path: _filled(path, context) for path in _templates(kind)}
    with writing(folder), whole_folder(folder) as part:
        for path, text in files.items():
            target = part / _target(path.name.removesuffix(".jinja"), component, package)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_synced(target, text.encode())
        write_synced(part / "src" / package / "py.typed", b"")
    return folder


def _check_name(name: str, bare: str, component: str) -> None:
    if not NAME.fullmatch(bare) or len(bare) > LONGEST_NAME:
        fits = f"up to {LONGEST_NAME} small letters, digits, - and _, such as 'contrastive' or 'semreg-contrastive'"
        raise UserError("", f"{name!r} is no name for a plugin; it takes {fits}")
    reserved = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    if component in {*reserved, *sys.stdlib_module_names, *USED_BY_CODE, *USED_BY_RECIPES}:
        raise UserError("", f"{component!r} means something else in Python or in the recipe; choose another name")


def _check_free(component: str, distribution: str, package: str, kind: str) -> None:
    for taken in components():
        if taken.name == component and taken.kind in at_place(KINDS[kind].place):
            message = f"{component!r} is {with_article(taken.kind)} of {taken.origin} already; choose another name"
            raise UserError("", message)
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        if importlib.util.find_spec(package) is None:
            return
        raise UserError("", f"a package {package} is installed already; choose another name") from None
    raise UserError("", f"{distribution} {version} is installed already; choose another name")


def _templates(kind: str) -> list[Path]:
    return sorted(path for folder in ("common", kind) for path in (TEMPLATES / folder).glob("*.jinja"))


def _target(name: str, component: str, package: str) -> Path:
    """Where a file goes in the distribution."""
    match name:
        case "pyproject.toml" | "README.md":
            return Path(name)
        case "test.py":
            return Path("tests", f"test_{component}.py")
        case "recipe.toml":
            return Path("src", package, f"{component}.toml")
    return Path("src", package, name)


def _filled(path: Path, context: dict[str, object]) -> str:
    environment = jinja2.Environment(  # of Python and TOML, in which nothing is to be escaped
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(path.read_text("utf-8")).render(context)
