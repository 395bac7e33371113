"""The registry lists without importing, refuses duplicates only where they matter, and isolates what is broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import catalogue
import pytest

from semreg.core import UserError, registry
from semreg.core.kinds import KINDS, at_place
from tests.projects import SEMREG

CALLS = at_place("call")


@pytest.fixture(autouse=True)
def forget_registered() -> Iterator[None]:
    yield
    for kind, registered in registry._registered.items():
        for name in registered.get_all():
            del catalogue.REGISTRY[(*KINDS[kind].group.split("."), name)]


def test_groups_and_names_of_kinds_are_unique() -> None:
    assert len({kind.group for kind in KINDS.values()}) == len(KINDS)
    assert all(name == kind.name and kind.group.startswith("semreg.") for name, kind in KINDS.items())
    assert at_place("module") == ("encoder", "decoder", "prior", "critic", "classifier", "criterion")


def test_own_components_are_listed_by_kind_and_name() -> None:
    losses = [loss.name for loss in registry.components("loss") if loss.distribution == "semreg"]
    assert losses == sorted(losses)
    assert {"binary_cross_entropy", "cross_entropy", "l1", "kl_divergence"} <= set(losses)
    assert {component.kind for component in registry.components()} >= {"encoder", "loss", "dataset", "operation"}
    assert registry.components() == [c for kind in KINDS for c in registry.components(kind)]


def test_listing_and_finding_import_nothing_of_a_plugin(install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.losses": {"toy": "toy_explodes:loss"}}, toy_explodes="raise SystemExit('imported')")
    component = registry.find("toy", CALLS)
    assert component == registry.Component("loss", "toy", "semreg-toy", "1.2", "toy_explodes:loss")
    assert component.origin == "semreg-toy 1.2"
    assert "toy_explodes" not in sys.modules


def test_listing_imports_neither_torch_nor_numpy_nor_catalogue() -> None:
    script = (
        "import sys; from semreg.core.registry import components; assert components();"
        "print([m for m in ('torch', 'numpy', 'catalogue', 'pydantic', 'typer') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_load_imports_just_the_one(install: Callable[..., Path]) -> None:
    groups = {"semreg.losses": {"good": "toy_good:loss", "bad": "toy_bad:loss"}}
    install("semreg-toy", groups, toy_good="def loss(a): return a + 1", toy_bad="import no_such_module")
    assert registry.load(registry.find("good", CALLS))(1) == 2
    assert "toy_bad" not in sys.modules


@pytest.mark.parametrize(
    ("target", "source", "cause"),
    [
        ("toy_broken:loss", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("toy_broken:missing", "", "AttributeError"),
        ("toy_broken:loss", "raise ValueError('first line\\nsecond line')", "(ValueError: first line second line)"),
        ("toy_broken:loss", "import sys; sys.exit(3)", "SystemExit: 3"),
        ("toy_broken:loss", "import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("not a target", "", "cannot be imported from not a target"),
    ],
)
def test_a_failing_import_names_the_distribution_and_the_cure(
    install: Callable[..., Path], target: str, source: str, cause: str
) -> None:
    install("semreg-broken", {"semreg.losses": {"toy": target}}, toy_broken=source)
    sys.modules.pop("toy_broken", None)
    with pytest.raises(UserError) as raised:
        registry.load(registry.find("toy", CALLS))
    text = raised.value.text()
    assert text.startswith("semreg-broken 1.2: its loss 'toy'")
    assert cause in text
    assert "pip uninstall semreg-broken" in text
    assert "\n" not in text


def test_unknown_name_gets_the_closest_of_its_kinds() -> None:
    with pytest.raises(
        LookupError, match=r"no operation, loss or interpolator is called 'cross_entropi'; did you mean"
    ):
        registry.find("cross_entropi", CALLS)
    with pytest.raises(LookupError, match=r"no prior is called 'zzz'; expected one of: .*standard_normal"):
        registry.find("zzz", ["prior"])


def test_a_name_of_another_kind_is_said_to_be_so() -> None:
    with pytest.raises(LookupError, match=rf"no loss is called 'conv_encoder': it is an encoder of {SEMREG}"):
        registry.find("conv_encoder", ["loss"])


def test_unknown_kind_gets_the_closest() -> None:
    with pytest.raises(LookupError, match="no kind of component is called 'losss'; did you mean 'loss'"):
        registry.components("losss")


@pytest.mark.parametrize("second_group", ["semreg.losses", "semreg.operations"])
def test_a_name_claimed_twice_is_refused_only_when_used(install: Callable[..., Path], second_group: str) -> None:
    install("semreg-one", {"semreg.losses": {"toy": "one:loss", "other": "one:other"}})
    install("semreg-two", {second_group: {"toy": "two:loss"}})
    assert registry.find("other", CALLS).distribution == "semreg-one"
    with pytest.raises(LookupError, match=r"claimed by semreg-(one|two) 1.2 .* and by semreg-(one|two) 1.2"):
        registry.find("toy", CALLS)


def test_one_name_at_two_places_is_no_clash(install: Callable[..., Path]) -> None:
    install("semreg-one", {"semreg.losses": {"toy": "one:loss"}, "semreg.encoders": {"toy": "one:Encoder"}})
    assert registry.find("toy", CALLS).kind == "loss"
    assert registry.find("toy", at_place("module")).kind == "encoder"


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(install: Callable[..., Path]) -> None:
    folder = install("semreg-toy", {"semreg.losses": {"toy": "toy:loss"}})
    newer = folder / "newer" / "Semreg_Toy-2.0.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: Semreg_Toy\nVersion: 2.0\n")
    (newer / "entry_points.txt").write_text("[semreg.losses]\ntoy = toy:loss\n")
    sys.path.insert(0, str(newer.parent))
    try:
        assert registry.find("toy", CALLS).version == "2.0"
    finally:
        sys.path.remove(str(newer.parent))


def test_damaged_metadata_of_one_plugin_leave_the_others_listed(install: Callable[..., Path]) -> None:
    install("semreg-good", {"semreg.losses": {"toy": "toy:loss"}})
    install("semreg-damaged", "[semreg.losses]\nthis line has no equals sign\n")
    with pytest.warns(UserWarning, match="semreg_damaged"):
        names = [component.name for component in registry.components("loss")]
    assert {"toy", "l1"} <= set(names)


def test_metadata_are_read_as_installers_write_them(install: Callable[..., Path], tmp_path: Path) -> None:
    written = "# a comment\n; another\n\n[console_scripts]\nx = y:z\n[semreg.losses]\n  toy=toy:loss\nother = toy:a.b\n"
    folder = install("semreg-toy", written)
    (metadata,) = folder.glob("*.dist-info/METADATA")
    metadata.write_text("Metadata-Version: 2.1\nName: semreg-toy\nVersion: 1.2\n\nName: not this\nVersion: 3\n")
    assert [(c.name, c.target, c.origin) for c in registry.components() if c.distribution == "semreg-toy"] == [
        ("other", "toy:a.b", "semreg-toy 1.2"),
        ("toy", "toy:loss", "semreg-toy 1.2"),
    ]
    egg = tmp_path / "egg" / "semreg_egg.egg-info"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Name: semreg-egg\nVersion: 7\n")
    (egg / "entry_points.txt").write_text("[semreg.losses]\negg = egg:loss\n")
    sys.path[:0] = [str(egg.parent), str(tmp_path / "no such folder"), str(egg / "PKG-INFO")]
    try:
        assert registry.find("egg", CALLS).origin == "semreg-egg 7"
    finally:
        del sys.path[:3]


def test_a_distribution_without_a_version_is_named_and_left_out(install: Callable[..., Path]) -> None:
    folder = install("semreg-nameless", {"semreg.losses": {"toy": "toy:loss"}})
    (metadata,) = folder.glob("*.dist-info/METADATA")
    metadata.write_text("Name: semreg-nameless\n")
    with pytest.warns(UserWarning, match=r"semreg_nameless.*lack a name or a version"):
        names = [component.name for component in registry.components("loss")]
    assert "toy" not in names
    assert "l1" in names


def test_plugins_can_be_switched_off_by_environment(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("semreg-one", {"semreg.losses": {"first": "one:loss"}})
    install("semreg-two", {"semreg.losses": {"second": "two:loss"}})
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg_ONE")
    names = [component.name for component in registry.components("loss")]
    assert "first" in names
    assert "second" not in names
    assert "l1" in names


def test_register_serves_this_process() -> None:
    def negative(a: float) -> float:
        return -a

    registry.register("loss", "negative", negative)
    component = registry.find("negative", CALLS)
    assert (component.distribution, component.origin) == ("this process", "this process")
    assert component.target.endswith(":test_register_serves_this_process.<locals>.negative")
    assert registry.load(component) is negative


@pytest.mark.parametrize("kind", ["loss", "operation"])
def test_register_refuses_a_name_taken_at_the_same_place(kind: str) -> None:
    registry.register("loss", "twice", abs)
    for name in ("twice", "l1"):
        with pytest.raises(ValueError, match=f"'{name}' is a loss of .* already"):
            registry.register(kind, name, forget_registered)
    assert registry.load(registry.find("twice", CALLS)) is abs


def test_a_module_registers_a_name_again_as_the_same_kind() -> None:
    def first(a: float) -> float:
        return a

    def second(a: float) -> float:
        return -a

    registry.register("loss", "twice", first)
    registry.register("loss", "twice", second)
    assert registry.load(registry.find("twice", CALLS)) is second
    assert [one.name for one in registry.components("loss")].count("twice") == 1
    with pytest.raises(ValueError, match="'twice' is a loss of this process already"):
        registry.register("operation", "twice", second)


def test_register_refuses_an_unknown_kind() -> None:
    with pytest.raises(LookupError, match="did you mean 'loss'"):
        registry.register("los", "anything", abs)
