"""The course of a run's pictures: in order, thinned, and without those that are not there."""

from __future__ import annotations

import json
from pathlib import Path

from semreg.report.page import render
from semreg.report.watched import MOST_STRIPS, courses


def watch(folder: Path, *epochs: int, phase: str = "siamese") -> None:
    (folder / "watch").mkdir(exist_ok=True)
    with (folder / "watch.jsonl").open("a") as log:
        for epoch in epochs:
            name = f"{phase}-{epoch}.png"
            (folder / "watch" / name).write_bytes(b"\x89PNG" + str(epoch).encode())
            line = {"phase": phase, "epoch": epoch, "picture": name, "tensors": ["image", "x_f"]}
            log.write(json.dumps(line) + "\n")


def no_warning(message: str) -> None:
    raise AssertionError(message)


def test_each_phase_has_a_course_from_its_first_strip_to_its_last(tmp_path: Path) -> None:
    watch(tmp_path, 1, phase="classifier")
    watch(tmp_path, *range(1, 61))
    found = courses(tmp_path, no_warning)
    assert [epoch for epoch, _ in found["classifier"].strips] == [1]
    assert found["classifier"].caption == "From above in each strip: image, x_f; the images are always the same."
    epochs = [epoch for epoch, _ in found["siamese"].strips]
    assert (len(epochs), epochs[0], epochs[-1]) == (MOST_STRIPS, 1, 60)
    assert epochs == sorted(set(epochs))
    assert found["siamese"].caption.endswith("16 of 60 strips; all are in watch/.")
    assert found["siamese"].strips[-1][1].png == b"\x89PNG60"


def test_pictures_that_are_not_there_or_no_files_are_told(tmp_path: Path) -> None:
    watch(tmp_path, 1, 2, 3)
    (tmp_path / "watch" / "siamese-1.png").unlink()
    (tmp_path / "watch" / "siamese-2.png").unlink()
    (tmp_path / "watch" / "siamese-2.png").symlink_to("/etc/passwd")
    told: list[str] = []
    assert [epoch for epoch, _ in courses(tmp_path, told.append)["siamese"].strips] == [3]
    assert len(told) == 2
    assert "watch/siamese-1.png is no longer there" in told[0]
    assert "siamese-2.png is a link" in told[1]


def test_the_page_shows_the_course_within_its_phase(fake_run: Path) -> None:
    assert "Outputs by epoch" not in render(fake_run)
    watch(fake_run, 5, 10)
    page = render(fake_run)
    phases = page.split("</section>")
    [phase] = [part for part in phases if "Outputs by epoch" in part]
    assert "<h3>siamese</h3>" in phase
    assert phase.index("after epoch 5<") < phase.index("after epoch 10<")
    assert 'alt="image, x_f after epoch 10"' in phase
    assert phase.count("data:image/png;base64,iVBOR") == 2
