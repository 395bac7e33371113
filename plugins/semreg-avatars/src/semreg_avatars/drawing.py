"""One SVG per picture, put together from python-avatars' parts, and its pixels by resvg."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import python_avatars as parts
import resvg_py
from PIL import Image

from semreg_avatars.appearance import EXPRESSIONS, GAZES, HAIR_COLORS, RECEDING_HAIR, Appearance, Person

# The square of python-avatars' 264 x 280 canvas that is shown: the head, from above the hair to the knot of a tie.
LEFT, TOP, SIDE = 39.0, 27.0, 186.0
CENTER = 132.0  # of the head
CLOTHES_RAISED = 22.0  # the canvas has a long neck; a tie would be cut off
FEATURES = "translate(132 124) scale(1.2) translate(-132 -124)"  # eyes, brows, nose, mouth: larger, to be seen at 48 pixels

FOREHEAD = '<path d="M75,92 A57,57 0 0 1 189,92 L189,72 L75,72 Z"/>'

# Some hair and hats come down over the brows; they are worn this much higher.
RAISED = {
    "BOB": 12,
    "STRAIGHT_1": 8,
    "STRAIGHT_2": 12,
    "LONG_NOT_TOO_LONG": 16,
    "BIG_HAIR": 16,
    "QUIFF": 6,
    "TURBAN": 6,
    "WINTER_HAT_1": 15,
    "WINTER_HAT_2": 6,
    "WINTER_HAT_3": 15,
    "WINTER_HAT_4": 15,
}

NATURAL_LIPS, LIPSTICK = "#A8544A", "#D1002F"
INSIDE = "#2E0F12"
EYE_SHADOW = "#8A3FC4"
EARRINGS = "#11D6C8"

# by (expression, mouth open); the open neutral mouth is the closed one, opened
MOUTHS = {
    ("neutral", False): "SERIOUS",
    ("neutral", True): "SERIOUS",
    ("smiling", False): "TWINKLE",
    ("smiling", True): "SMILE",
    ("surprised", True): "DISBELIEF",
    ("sad", False): "SAD",
    ("sad", True): "CONCERNED",
    ("angry", False): "SAD",
    ("angry", True): "SCREAM_OPEN",
}
EYE_OPENING = {"neutral": 0.75, "smiling": 0.7, "surprised": 1.0, "sad": 0.7, "angry": 0.7}
GAZE_SHIFT = {"left": -7.0, "ahead": 0.0, "right": 7.0}


@cache
def part(slot: str, **options: Any) -> str:
    """The SVG text in the named slot of python-avatars' drawing, its own `id`s kept apart by the part's name."""
    given = {
        "top": parts.HairType.NONE,
        "eyebrows": parts.EyebrowType.NONE,
        "clothing": parts.ClothingType.NONE,
        "facial_hair": parts.FacialHairType.NONE,
        "accessory": parts.AccessoryType.NONE,
        "background_color": "none",
    } | options
    drawn = ElementTree.fromstring(parts.Avatar(style=parts.AvatarStyle.TRANSPARENT, **given).render())
    found = next(element for element in drawn.iter() if (element.get("id") or "").endswith(f"_{slot}"))
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in found)


@cache
def _shapes() -> str:
    """The shapes the body is cut out with."""
    drawn = ElementTree.fromstring(parts.Avatar(clothing=parts.ClothingType.NONE).render())
    return "".join(ElementTree.tostring(e, encoding="unicode") for e in drawn if e.tag.endswith("}defs"))


def group(transform: str, content: str, more: str = "") -> str:
    return f'<g transform="{transform}" {more}>{content}</g>'


def clipped(name: str, rectangles: str, content: str) -> str:
    return f'<clipPath id="{name}">{rectangles}</clipPath><g clip-path="url(#{name})">{content}</g>'


def rectangle(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'


def stretched(x: float, y: float, content: str, *, horizontal: float = 1.0, vertical: float = 1.0, more: str = "") -> str:
    """Content scaled about a point."""
    return group(f"translate({x} {y}) scale({horizontal} {vertical}) translate({-x} {-y})", content, more)


def _hair(person: Person) -> str:
    color = HAIR_COLORS[person.hair_color]
    hair = part("Top", top=parts.HairType[person.hair], hair_color=color)
    hair = hair.replace("#A55728", color)  # STRAIGHT_2 comes with a colour of its own
    if person.hair in RECEDING_HAIR:
        hair = stretched(CENTER, 100, hair, horizontal=1.08, vertical=1.7)
    hair = group(f"translate(0 {-RAISED.get(person.hair, 0)})", hair)
    if person.bangs:  # the fringe of one part, laid over any other
        fringe = part("Top", top=parts.HairType.MIA_WALLACE, hair_color=color)
        hair += clipped("fringe", FOREHEAD, fringe)
    return hair


def _stubble(person: Person) -> str:
    beard = part("Facial-Hair", facial_hair=parts.FacialHairType.BEARD_MEDIUM, facial_hair_color="#1C2430")
    return group("translate(49 72)", beard, 'opacity="0.4"') if person.stubble else ""


def _beard(person: Person) -> str:
    """Goatee and sideburns are pieces cut from one beard."""
    color = HAIR_COLORS[person.hair_color]
    beard = part("Facial-Hair", facial_hair=parts.FacialHairType.BEARD_MEDIUM, facial_hair_color=color)
    drawn = ""
    if person.goatee:
        drawn += clipped("chin", rectangle(60, 86, 48, 60), beard)
    if person.sideburns:
        drawn += clipped("sides", rectangle(0, 30, 48, 62) + rectangle(120, 30, 48, 62), beard)
    if person.mustache:
        mustache = part("Facial-Hair", facial_hair=parts.FacialHairType.MOUSTACHE_MAGNUM, facial_hair_color=color)
        drawn += stretched(84, 70, mustache, horizontal=1.25, vertical=1.35)
    return group("translate(49 72)", drawn)


def _brows(picture: Appearance) -> str:
    expression = EXPRESSIONS[picture.expression]
    kind, thickness = parts.EyebrowType.FLAT_NATURAL, 0.5
    if picture.arched_brows:
        kind, thickness = parts.EyebrowType.RAISED_EXCITED, 1.0
    elif expression in {"sad", "angry"}:
        kind = parts.EyebrowType.SAD_CONCERNED if expression == "sad" else parts.EyebrowType.ANGRY
        thickness = 1.0
    brows = part("Eyebrow", eyebrows=kind).replace('fill-opacity="0.599999964"', 'fill-opacity="0.9"')
    if picture.person.bushy_brows:
        brows = brows.replace('stroke="none" stroke-width="1"', 'stroke="#1A1A1A" stroke-width="5"')
        thickness = 1.0
    return group("translate(0 -5)", stretched(56, 14, brows, vertical=thickness))


def _eyes(picture: Appearance) -> str:
    opening = 0.36 if picture.narrow_eyes else EYE_OPENING[EXPRESSIONS[picture.expression]]
    shift = GAZE_SHIFT[GAZES[picture.gaze]]
    white, pupil = 'fill="#FFFFFF"', 'fill-opacity="0.699999988"'
    eyes = part("Eyes", eyes=parts.EyeType.SURPRISED)
    looking = re.sub(rf'({pupil}[^>]*cx=")(\d+)', lambda found: f"{found[1]}{float(found[2]) + shift}", eyes)
    drawn = stretched(56, 22, looking.replace(pupil, 'fill-opacity="0.9"'), vertical=opening)
    if picture.makeup:
        shadow = eyes.replace(white, f'fill="{EYE_SHADOW}"').replace(pupil, 'fill-opacity="0"')
        lids = (
            stretched(x, 22, clipped(f"lid{x}", rectangle(x - 26, 0, 52, 44), shadow), horizontal=1.4) for x in (30, 82)
        )
        drawn = "".join(lids) + drawn
    return group("translate(0 8)", drawn)


def _mouth(picture: Appearance) -> str:
    mouth = part("Mouth", mouth=parts.MouthType[MOUTHS[EXPRESSIONS[picture.expression], picture.mouth_open]])
    if EXPRESSIONS[picture.expression] == "neutral" and picture.mouth_open:
        mouth = mouth.replace('y="18" width="24" height="6" rx="3"', 'y="12" width="24" height="17" rx="8"')
    color, width = LIPSTICK if picture.lipstick else NATURAL_LIPS, 14 if picture.person.big_lips else 5
    lips = f'stroke="{color}" stroke-width="{width}" paint-order="stroke"'
    mouth = re.sub(r'(id="\w+_(?:Mouth|Why-so-serious\?)")', rf"\1 {lips}", mouth)
    mouth = re.sub(r'fill-opacity="0\.[67]9*\d*"', 'fill-opacity="1"', mouth).replace('fill="#000000"', f'fill="{INSIDE}"')
    drawn = mouth
    if picture.rosy_cheeks:
        cheeks = "".join(re.findall(r"<[^>]*Redish[^>]*>", part("Mouth", mouth=parts.MouthType.EATING)))
        drawn = cheeks.replace('r="9"', 'r="12"').replace('fill-opacity="0.2"', 'fill-opacity="0.6"') + mouth
    return group("translate(2 52)", drawn)


def _nose(person: Person) -> str:
    if person.big_nose:
        nose = stretched(28, 8, part("Nose", nose=parts.NoseType.WIDE), horizontal=1.25, vertical=1.7)
    else:
        nose = part("Nose", nose=parts.NoseType.SMALL)
    return group("translate(28 40)", nose.replace('fill-opacity=".16"', 'fill-opacity="0.38"'))


def _earrings() -> str:
    """A pair of round eyes, hung from the ears."""
    rings = part("Eyes", eyes=parts.EyeType.DEFAULT).replace("#000000", EARRINGS)
    for old, new in (('cx="30"', 'cx="70"'), ('cx="82"', 'cx="194"'), ('cy="22"', 'cy="138"'), ('r="6"', 'r="8"')):
        rings = rings.replace(old, new)
    return rings.replace("0.599999964", "1")


def svg(picture: Appearance) -> str:
    """The picture as SVG text, on a transparent background, facing the viewer, evenly lit."""
    person = picture.person
    body = part("Body", skin_color=person.skin)
    clothes = part("Clothing", clothing=parts.ClothingType[picture.clothes], clothing_color=picture.clothes_color)
    face = _mouth(picture) + _nose(person) + _eyes(picture) + _brows(picture)
    top = _hair(person)
    if picture.hat:
        top = part("Top", top=parts.HatType[picture.hat], hat_color=picture.hat_color)
        top = group(f"translate(0 {-RAISED.get(picture.hat, 0)})", top)
    layers = [
        group("translate(32 36)", body),
        group(f"translate(0 {170 - CLOTHES_RAISED})", clothes),
        _stubble(person),
        top,
        _beard(person),
        group(FEATURES, group("translate(76 82)", face)),
    ]
    if picture.glasses:
        worn = part("Accessory", accessory=parts.AccessoryType[picture.glasses])
        layers.append(stretched(132, 110, group("translate(62 83)", worn), horizontal=1.2, vertical=1.05))
    if picture.earrings:
        layers.append(_earrings())
    content = stretched(CENTER, 0, "".join(layers), horizontal=person.width)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{LEFT} {TOP} {SIDE} {SIDE}">{_shapes()}<g fill="none" fill-rule="evenodd">{content}</g></svg>'
    )


def rasterise(text: str, size: int) -> npt.NDArray[np.uint8]:
    """RGBA pixels `(size, size, 4)` of an SVG."""
    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
