"""An evaluation says which way its figures are good, and in what units."""

from __future__ import annotations

from semreg.trained import better


def test_a_direction_for_each_glob_is_the_functions_own() -> None:
    def evaluation() -> None: ...

    assert better(higher=["a*", "b"], lower=["c"], units={"a*": "dB"})(evaluation) is evaluation
    assert vars(evaluation) == {
        "better": {"a*": "higher", "b": "higher", "c": "lower"},
        "units": {"a*": "dB"},
    }
