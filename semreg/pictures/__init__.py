"""Pictures for results, reports and commands: grids of images, plots, files of images, and numbers as text."""

from semreg.pictures.files import gif, png, write_picture
from semreg.pictures.grids import image_grid, pixels
from semreg.pictures.plots import (
    bar_plot,
    class_colours,
    heat_map,
    line_plot,
    point_plot,
    scatter_plot,
    share_plot,
)
from semreg.store.numbers import number

__all__ = [
    "bar_plot",
    "class_colours",
    "gif",
    "heat_map",
    "image_grid",
    "line_plot",
    "number",
    "pixels",
    "png",
    "point_plot",
    "scatter_plot",
    "share_plot",
    "write_picture",
]
