"""The contents of a picture, and the labels that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

HAIR_COLORS = {
    "black": "#1D1514",
    "brown": "#79452B",
    "blond": "#EBC75F",
    "gray": "#B9B9BE",
    "red": "#D0430B",
}
PALE = "#FDE4D9"
SKIN_COLORS = (PALE, "#EDB98A", "#D99A66", "#B46A3C", "#855239")

STRAIGHT_HAIR = ("BOB", "STRAIGHT_1", "STRAIGHT_2", "LONG_NOT_TOO_LONG")
WAVY_HAIR = ("BIG_HAIR", "CURLY", "FRO", "SHORT_DREADS_2")
SHORT_HAIR = ("QUIFF", "POMPADOUR", "SHORT_FLAT", "SHORT_WAVED", "SHORT_ROUND", "BUZZCUT", "BUN")
RECEDING_HAIR = ("SIDES",)
BALD = ("NONE",)
HATS = ("HAT", "TURBAN", "WINTER_HAT_1", "WINTER_HAT_2", "WINTER_HAT_3", "WINTER_HAT_4")
# Only reds: a label's embedding encodes a hat, not its colour, and the mean of many colours looks like no hat.
HAT_COLORS = ("#E5394A", "#C92A3A")

GLASSES = ("ROUND", "PRESCRIPTION_1")
SUIT_WITH_TIE = "SHIRT_WICK"
CLOTHES = ("SHIRT_CREW_NECK", "SHIRT_V_NECK", "HOODIE", "COLLAR_SWEATER", "BLAZER_SHIRT", "OVERALL")
CLOTHES_COLORS = ("#65C9FF", "#5199E4", "#25557C", "#929598", "#3C4F5C", "#A7FFC4", "#FFFFB1", "#FF488E", "#FF5C5C")
TIE_COLORS = ("#E02020", "#1F6FE0", "#12A150", "#F0A000")
BACKGROUNDS = ("#DCEBF7", "#F3E9DA", "#DDF0E0", "#E9E3F3")

EXPRESSIONS = ("neutral", "smiling", "surprised", "sad", "angry")
ILLUMINATIONS = ("left", "half_left", "frontal", "half_right", "right")
POSES = ("-90", "-60", "-30", "0", "30", "60", "90")
GAZES = ("left", "ahead", "right")
NEUTRAL, FRONTAL, FACING, AHEAD = (
    EXPRESSIONS.index("neutral"),
    ILLUMINATIONS.index("frontal"),
    POSES.index("0"),
    GAZES.index("ahead"),
)


@dataclass(frozen=True)
class Person:
    """All parts of a face that do not change in a day."""

    skin: str
    width: float
    hair: str
    hair_color: str
    bangs: bool
    arched_brows: bool
    bushy_brows: bool
    narrow_eyes: bool
    big_nose: bool
    big_lips: bool
    stubble: bool
    mustache: bool
    goatee: bool
    sideburns: bool


@dataclass(frozen=True)
class Appearance:
    """One picture: a person, what the person wears, and the moment. The last four are indices into the class names
    above."""

    person: Person
    hat: str | None
    hat_color: str
    glasses: str | None
    lipstick: bool
    makeup: bool
    rosy_cheeks: bool
    earrings: bool
    clothes: str
    clothes_color: str
    background: str
    mouth_open: bool
    expression: int
    illumination: int
    pose: int
    gaze: int

    @property
    def arched_brows(self) -> bool:
        """Whether the brows are arched: raised ones on anyone, sad or angry ones on no one."""
        expression = EXPRESSIONS[self.expression]
        return expression == "surprised" or (expression in {"neutral", "smiling"} and self.person.arched_brows)

    @property
    def narrow_eyes(self) -> bool:
        """Whether the eyes are narrow; surprise opens them."""
        return self.person.narrow_eyes and EXPRESSIONS[self.expression] != "surprised"

    def attributes(self) -> dict[str, bool]:
        """Return the binary attributes by CelebA's names, true if the part is drawn; nothing under a hat is present."""
        person = self.person
        hair = None if self.hat else person.hair
        color = person.hair_color if hair is not None and hair not in BALD else None
        return {
            "5_o_Clock_Shadow": person.stubble,
            "Arched_Eyebrows": self.arched_brows,
            "Bald": hair in BALD,
            "Bangs": hair is not None and person.bangs,
            "Big_Lips": person.big_lips,
            "Big_Nose": person.big_nose,
            "Black_Hair": color == "black",
            "Blond_Hair": color == "blond",
            "Brown_Hair": color == "brown",
            "Bushy_Eyebrows": person.bushy_brows,
            "Eyeglasses": self.glasses is not None,
            "Goatee": person.goatee,
            "Gray_Hair": color == "gray",
            "Heavy_Makeup": self.makeup,
            "Mouth_Slightly_Open": self.mouth_open,
            "Mustache": person.mustache,
            "Narrow_Eyes": self.narrow_eyes,
            "No_Beard": not (person.stubble or person.mustache or person.goatee or person.sideburns),
            "Pale_Skin": person.skin == PALE,
            "Receding_Hairline": hair in RECEDING_HAIR,
            "Rosy_Cheeks": self.rosy_cheeks,
            "Sideburns": person.sideburns,
            "Smiling": EXPRESSIONS[self.expression] == "smiling",
            "Straight_Hair": hair in STRAIGHT_HAIR,
            "Wavy_Hair": hair in WAVY_HAIR,
            "Wearing_Earrings": self.earrings,
            "Wearing_Hat": self.hat is not None,
            "Wearing_Lipstick": self.lipstick,
            "Wearing_Necktie": self.clothes == SUIT_WITH_TIE,
        }


ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Pale_Skin",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necktie",
)
EXCLUSIVE = (
    ("Bald", "Wearing_Hat", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"),
    ("Bald", "Wearing_Hat", "Receding_Hairline", "Straight_Hair", "Wavy_Hair"),
    ("Bald", "Wearing_Hat", "Receding_Hairline", "Bangs"),
    ("No_Beard", "5_o_Clock_Shadow", "Mustache"),
    ("No_Beard", "5_o_Clock_Shadow", "Goatee"),
    ("No_Beard", "5_o_Clock_Shadow", "Sideburns"),
)
