"""The sliders of `semreg explore` by Gradio, for benchmarks/explore.py: `python -m benchmarks.explore_gradio RUN DATA`.

The same panel of the same run, decoded by the same code; Gradio makes the page, carries the values and sends pictures.
"""

from __future__ import annotations

import itertools
import os
import sys
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def main(folder: str, data_root: str) -> None:
    """Serve, and print the address."""
    import gradio  # type: ignore[import-not-found, unused-ignore]

    import semreg
    from semreg.exploring.view import Explorer, View
    from semreg.pictures import pixels
    from semreg.trained.panels import Slider

    explorer = Explorer(semreg.open_run(folder, data_root=data_root))
    panel = explorer.panels["rows"]

    count = itertools.count()

    def drawn(*values: float) -> Any:
        names = [control.name for control in panel.controls]
        [strip] = explorer.show(View("rows", ["test:0"], dict(zip(names, values, strict=True)))).strips
        assert strip.images is not None
        made = pixels(strip.images[0], explorer.run.value_range).copy()
        made[0, 0] = next(count) % 256  # an equal picture would have an equal address, and nothing would be seen
        return made

    with gradio.Blocks() as page:
        image = gradio.Image(drawn(*[1.0] * len(panel.controls)), format="png")
        sliders = [gradio.Slider(one.low, one.high, 1.0) for one in panel.controls if isinstance(one, Slider)]
        for slider in sliders:
            slider.input(drawn, sliders, image, trigger_mode="always_last", show_progress="hidden")
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    print(f"page: {address}", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main(*sys.argv[1:])
