"""The kit of searches: what it takes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semreg.core import Suggestion
from semreg.testing import check_search
from tests.tables.turns import Turns


def test_one_that_does_what_is_asked_of_it_conforms() -> None:
    for words in ("", "pruning"):
        check_search(Turns, words)


class Forgetful(Turns):
    """Forgets what it was told, and begins again when it is made anew."""

    def __init__(self, words: str = "", **more: Any) -> None:
        super().__init__(words, **more)
        self.states: list[Any] = []

    def read(self) -> list[Any]:
        return list(self.states)

    def write(self, states: list[Any]) -> None:
        self.states = states


class Loose(Turns):
    """Suggests what is not in its space, and makes its folder at once."""

    def __init__(self, words: str = "", *, space: Any, higher: bool, folder: Path) -> None:
        folder.mkdir()
        super().__init__("", space=space, higher=higher, folder=folder)

    def values(self, k: int) -> dict[str, Any]:
        return {**super().values(k), "modules.encoder.size": 2.0}


class Patient(Turns):
    """Gives nothing up."""

    def gives_up(self, number: int, epoch: int, loss: float) -> bool:
        return False


class Silent(Turns):
    """Has no `tell`."""

    tell = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("search", "failures"),
    [
        (Forgetful, ["kept: of three suggestions, one told,", "goes on: made again after each suggestion, it"]),
        (Loose, [
            "interface: it makes its folder before it is asked", "words: words that mean nothing raise no ValueError",
            "space: modules.encoder.size = 2.0 is of type float, not int",
        ]),
        (Patient, ["pruning: losses far above all others' are not given up, where a low figure is good"]),
        (Silent, ["interface: Search has a method tell, and this has none"]),
    ],
)  # fmt: skip
def test_others_are_refused(search: type[Turns], failures: list[str]) -> None:
    words = "pruning" if search is Patient else ""
    with pytest.raises(AssertionError) as refused:
        check_search(search, words, exempt=["documentation"])
    for failure in failures:
        assert failure in str(refused.value)


def test_made_up_suggestions_are_as_they_were_asked(tmp_path: Path) -> None:
    made = Turns(space={"a": [1, 2]}, higher=True, folder=tmp_path / "search")
    asked = [made.ask() for _ in range(3)]
    assert [one.values for one in asked] == [{"a": 1}, {"a": 2}, {"a": 1}]
    assert made.suggestions()[0] == Suggestion(0, {"a": 1}, "asked")
