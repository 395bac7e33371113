"""One SVG per picture, combined from python-avatars' parts, and its pixels by resvg."""

from __future__ import annotations

import io
import re
from functools import cache
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import python_avatars as parts
import resvg_py
from einops import rearrange
from PIL import Image

from semreg_avatars.appearance import EXPRESSIONS, GAZES, HAIR_COLORS, RECEDING_HAIR, SKIN_COLORS, Appearance, Person

# The visible square of python-avatars' 264 x 280 canvas: the head, from above the hair to the knot of a tie.
LEFT, TOP, SIDE = 39.0, 27.0, 186.0
CENTER = 132.0  # of the head
CLOTHES_RAISED = 22.0  # the canvas has a long neck; a tie would be cut off
# Eyes, brows, nose and mouth are drawn larger, to be visible at 48 pixels.
FEATURES = "translate(132 124) scale(1.2) translate(-132 -124)"
FOREHEAD = '<path d="M75,92 A57,57 0 0 1 189,92 L189,72 L75,72 Z"/>'

# Some hair and hats would cover the brows; they are moved up by this much.
RAISED = {
    "BOB": 14,
    "STRAIGHT_1": 12,
    "STRAIGHT_2": 12,
    "LONG_NOT_TOO_LONG": 18,
    "BIG_HAIR": 18,
    "CURLY": 14,
    "FRO": 14,
    "SHORT_DREADS_2": 8,
    "QUIFF": 16,
    "SHORT_ROUND": 6,
    "TURBAN": 6,
    "WINTER_HAT_1": 15,
    "WINTER_HAT_2": 6,
    "WINTER_HAT_3": 15,
    "WINTER_HAT_4": 15,
}

NATURAL_LIPS = dict(zip(SKIN_COLORS, ("#B5645C", "#A8544A", "#93423A", "#6E241E", "#CF8F86"), strict=True))
LIPSTICK = "#D1002F"
INSIDE = "#2E0F12"
EYE_SHADOW = "#8A3FC4"
BLUE_FRAME = "#1E5BC6"
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
    """Return the SVG text in the named slot of an avatar with only the given parts and colours. python-avatars keeps
    the `id`s of different parts apart."""
    given = {
        "top": parts.HairType.NONE,
        "eyebrows": parts.EyebrowType.NONE,
        "clothing": parts.ClothingType.NONE,
        "facial_hair": parts.FacialHairType.NONE,
        "accessory": parts.AccessoryType.NONE,
    } | options
    drawn = ElementTree.fromstring(parts.Avatar(**given).render())
    found = next(element for element in drawn.iter() if (element.get("id") or "").endswith(f"_{slot}"))
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in found)


@cache
def _shapes() -> str:
    """Return the shapes that cut out the body."""
    drawn = ElementTree.fromstring(parts.Avatar(clothing=parts.ClothingType.NONE).render())
    return "".join(ElementTree.tostring(e, encoding="unicode") for e in drawn if e.tag.endswith("}defs"))


def edited(text: str, *changes: tuple[str, str]) -> str:
    """Return the text of a part with each first string replaced by its second. Raises RuntimeError if one is missing: a
    label would then be invisible in the picture."""
    for old, new in changes:
        if old not in text:
            raise RuntimeError(f"python-avatars {version('python-avatars')} draws a part without {old!r}; 1.4 has it")
        text = text.replace(old, new)
    return text


def group(transform: str, content: str) -> str:
    """Move content by an SVG transform."""
    return f'<g transform="{transform}">{content}</g>'


def clipped(name: str, shapes: str, content: str) -> str:
    """Limit content to the inside of the shapes."""
    return f'<clipPath id="{name}">{shapes}</clipPath><g clip-path="url(#{name})">{content}</g>'


def rectangle(x: float, y: float, width: float, height: float) -> str:
    """Return a shape to clip with."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'


def stretched(x: float, y: float, content: str, *, horizontal: float = 1.0, vertical: float = 1.0) -> str:
    """Scale content about a point."""
    return group(f"translate({x} {y}) scale({horizontal} {vertical}) translate({-x} {-y})", content)


def _hair_part(person: Person) -> str:
    color = HAIR_COLORS[person.hair_color]
    hair = part("Top", top=parts.HairType[person.hair], hair_color=color)
    return edited(hair, ("#A55728", color)) if person.hair == "STRAIGHT_2" else hair  # it has its own colour


def _hair(person: Person) -> str:
    hair = group(f"translate(0 {-RAISED.get(person.hair, 0)})", _hair_part(person))
    if person.hair in RECEDING_HAIR:
        hair = stretched(CENTER, 100, hair, horizontal=1.13, vertical=1.9)
    if person.bangs:  # the fringe of one part, laid over any other
        fringe = part("Top", top=parts.HairType.MIA_WALLACE, hair_color=HAIR_COLORS[person.hair_color])
        hair += clipped("fringe", FOREHEAD, fringe)
    return hair


def _stubble(person: Person) -> str:
    if not person.stubble:
        return ""
    beard = part("Facial-Hair", facial_hair=parts.FacialHairType.BEARD_MEDIUM, facial_hair_color="#1C2430")
    return f'<g opacity="0.4">{group("translate(49 72)", beard)}</g>'


def _beard(person: Person) -> str:
    """Draw goatee and sideburns as pieces of one beard."""
    color = HAIR_COLORS[person.hair_color]
    beard = part("Facial-Hair", facial_hair=parts.FacialHairType.BEARD_MEDIUM, facial_hair_color=color)
    drawn = ""
    if person.goatee:
        drawn += clipped("chin", rectangle(60, 86, 48, 60), beard)
    if person.sideburns:
        drawn += clipped("sides", rectangle(0, 30, 54, 62) + rectangle(114, 30, 54, 62), beard)
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
    brows = edited(part("Eyebrow", eyebrows=kind), ('fill-opacity="0.599999964"', 'fill-opacity="0.9"'))
    if picture.person.bushy_brows:
        brows = edited(brows, ('stroke="none" stroke-width="1"', 'stroke="#1A1A1A" stroke-width="5"'))
        thickness = 1.0
    return group("translate(0 -5)", stretched(56, 14, brows, vertical=thickness))


def _eyes(picture: Appearance) -> str:
    """Draw wide eyes, partly closed for their owner, so that all have pupils for the gaze."""
    opening = 0.36 if picture.narrow_eyes else EYE_OPENING[EXPRESSIONS[picture.expression]]
    shift = GAZE_SHIFT[GAZES[picture.gaze]]
    white, pupil = 'fill="#FFFFFF"', 'fill-opacity="0.699999988" fill="#000000" cx='
    wide = part("Eyes", eyes=parts.EyeType.SURPRISED)
    eyes = edited(
        wide,
        (white, f'{white} stroke="#5A4036" stroke-width="2"'),
        (f'{pupil}"30"', f'fill="#191919" cx="{30 + shift}"'),
        (f'{pupil}"82"', f'fill="#191919" cx="{82 + shift}"'),
    )
    drawn = stretched(56, 22, eyes, vertical=opening)
    if picture.makeup:  # the whites once more, larger and coloured
        lids = edited(wide, (white, f'fill="{EYE_SHADOW}"'), ('fill-opacity="0.699999988"', 'fill-opacity="0"'))
        for x in (30, 82):
            one = clipped(f"lid{x}", rectangle(x - 26, 0, 52, 44), lids)
            drawn = stretched(x, 22, one, horizontal=1.4) + drawn
    return group("translate(0 8)", drawn)


def _mouth(picture: Appearance) -> str:
    kind = MOUTHS[EXPRESSIONS[picture.expression], picture.mouth_open]
    mouth = part("Mouth", mouth=parts.MouthType[kind])
    if kind == "SERIOUS" and picture.mouth_open:
        mouth = edited(mouth, ('y="18" width="24" height="6" rx="3"', 'y="12" width="24" height="17" rx="8"'))
    color = LIPSTICK if picture.lipstick else NATURAL_LIPS[picture.person.skin]
    lips = f'stroke="{color}" stroke-width="{14 if picture.person.big_lips else 6}" paint-order="stroke"'
    mouth, outlined = re.subn(r'(id="\w+_(?:Mouth|Why-so-serious\?)")', rf"\1 {lips}", mouth)
    if not outlined:
        raise RuntimeError(f"python-avatars {version('python-avatars')} draws {kind} without a mouth; 1.4 has it")
    mouth = re.sub(r'fill-opacity="0\.\d+"', 'fill-opacity="1"', edited(mouth, ('fill="#000000"', f'fill="{INSIDE}"')))
    if kind == "TWINKLE":
        mouth = stretched(54, 18, mouth, horizontal=1.3, vertical=1.3)
    if picture.rosy_cheeks:
        cheeks = "".join(re.findall(r"<[^>]*Redish[^>]*>", part("Mouth", mouth=parts.MouthType.EATING)))
        mouth = edited(cheeks, ('r="9"', 'r="12"'), ('fill-opacity="0.2"', 'fill-opacity="0.6"')) + mouth
    return group("translate(2 52)", mouth)


def _nose(person: Person) -> str:
    nose = part("Nose", nose=parts.NoseType.WIDE if person.big_nose else parts.NoseType.SMALL)
    nose = edited(nose, ('fill-opacity=".16"', 'fill-opacity="0.38"'))
    return group("translate(28 40)", stretched(28, 11, nose, horizontal=1.3, vertical=1.9) if person.big_nose else nose)


def _worn(picture: Appearance) -> str:
    """Draw glasses, and earrings: a pair of round eyes at the ears."""
    drawn = ""
    if picture.glasses:
        glasses = part("Accessory", accessory=parts.AccessoryType[picture.glasses])
        if picture.glasses == "PRESCRIPTION_1":
            glasses = edited(glasses, ("#D6EAF2", BLUE_FRAME))  # too pale to be visible on a pale face
        drawn = stretched(CENTER, 110, group("translate(62 83)", glasses), horizontal=1.2, vertical=1.05)
    if picture.earrings:
        moves = (('cx="30"', 'cx="70"'), ('cx="82"', 'cx="194"'), ('cy="22"', 'cy="138"'), ('r="6"', 'r="8"'))
        colors = (("#000000", EARRINGS), ('fill-opacity="0.599999964"', 'fill-opacity="1"'))
        drawn += edited(part("Eyes", eyes=parts.EyeType.DEFAULT), *moves, *colors)
    return drawn


def _head(picture: Appearance) -> str:
    """Draw all of the picture except the face: it does not move when the head turns."""
    person = picture.person
    behind = ""
    if picture.hat:
        top = part("Top", top=parts.HatType[picture.hat], hat_color=picture.hat_color)
        top = group(f"translate(0 {-RAISED.get(picture.hat, 0)})", top)
    else:
        top = _hair(person)
        if person.hair in RAISED:  # closes the gap that raising leaves beside the ears
            behind = _hair_part(person)
    return "".join(
        (
            behind,
            group("translate(32 36)", part("Body", skin_color=person.skin)),
            group(
                f"translate(0 {170 - CLOTHES_RAISED})",
                part("Clothing", clothing=parts.ClothingType[picture.clothes], clothing_color=picture.clothes_color),
            ),
            _stubble(person),
            top,
        )
    )


def _face(picture: Appearance) -> str:
    """Draw eyes, brows, nose, mouth and everything on the face."""
    face = _mouth(picture) + _nose(picture.person) + _eyes(picture) + _brows(picture)
    return _beard(picture.person) + group(FEATURES, group("translate(76 82)", face)) + _worn(picture)


def svg(picture: Appearance, *, head: bool = True, face: bool = True) -> str:
    """Return the picture as SVG text, on a transparent background, facing the viewer, evenly lit; or one half of it."""
    content = (_head(picture) if head else "") + (_face(picture) if face else "")
    content = stretched(CENTER, 0, content, horizontal=picture.person.width)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{LEFT} {TOP} {SIDE} {SIDE}">{_shapes()}<g fill="none" fill-rule="evenodd">{content}</g></svg>'
    )


def rasterise(text: str, size: int) -> npt.NDArray[np.float64]:
    """Return an SVG's pixels, `(4, size, size)`: red, green and blue multiplied by alpha, and alpha, in [0, 1]."""
    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), np.float64)
    pixels = rearrange(pixels, "height width channels -> channels height width") / 255
    return np.concatenate([pixels[:3] * pixels[3:], pixels[3:]])
