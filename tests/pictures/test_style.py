"""What all pictures share: the same bytes from the same figure, sizes of texts, counts that are told."""

from __future__ import annotations

import pytest
import torch

from semreg.pictures import bar_plot, line_plot, point_plot, share_plot
from semreg.pictures.style import as_array, fit_in_a_row, legend, plot_figure, require_count, text_size


def test_the_same_picture_is_the_same_bytes() -> None:
    first, second = (line_plot("loss", {"a": ([1, 2], [3, 4])}, x_label="x", y_label="y") for _ in range(2))
    assert first == second
    assert first.png.startswith(b"\x89PNG")
    assert b"Software" not in first.png, "which names matplotlib's version"


def test_dollars_in_names_are_no_mathematics() -> None:
    assert share_plot("s", ["$\\odd$"], {"$\\frac$": [1]}).png
    assert bar_plot("s", ["$\\odd$"], {"$\\frac$": [1]}, y_label="$_$").png
    assert point_plot("s", {"$\\odd$": ((1, None), (1, None))}, x_label="$\\frac$", y_label="$_$").png


def test_the_size_of_texts_is_that_of_the_largest_and_turns_with_them() -> None:
    width, height = text_size(["a", "a much longer name", "b\nb\nb"], 0)
    assert (width, height) == (text_size(["a much longer name"], 0)[0], text_size(["b\nb\nb"], 0)[1])
    assert width > 5 * text_size(["a"], 0)[0]
    assert text_size(["a much longer name"], 90) == pytest.approx(text_size(["a much longer name"], 0)[::-1], abs=2)


def test_labels_stand_in_a_row_while_there_is_room() -> None:
    assert fit_in_a_row(["0123456789"] * 4)
    assert not fit_in_a_row(["0123456789"] * 5)


def test_tensors_with_gradients_are_numbers_too() -> None:
    values = as_array(torch.tensor([1.0, 2.5], requires_grad=True))
    assert values.dtype == "float64"
    assert values.tolist() == [1, 2.5] == as_array([1, 2.5]).tolist()


def test_labels_that_do_not_match_in_number_are_told() -> None:
    require_count("labels", None, 3)
    require_count("labels", ["a", "b"], 2)
    with pytest.raises(ValueError, match="3 labels are needed, got 2"):
        require_count("labels", ["a", "b"], 3)


def test_a_legend_is_drawn_for_more_than_one() -> None:
    for count in (1, 2):
        figure, axes = plot_figure(3, 2)
        for number in range(count):
            axes.plot([0, 1], label=str(number))
        legend(figure, axes, count)
        assert [text.get_text() for drawn in figure.legends for text in drawn.get_texts()] == ["0", "1"][
            : 2 * count - 2
        ]
