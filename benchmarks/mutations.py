"""Mutations of recipes: of bytes, keys, types, numbers and references, drawn by a seed."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from semreg.core.registry import components

Random = random.Random
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def mutated(path: Path, seed: str, sentinel: Path) -> bytes:
    """The content of a recipe after one to three mutations, the same for a seed; code in it would make `sentinel`."""
    chance = Random(seed)
    content = path.read_bytes()
    count = chance.choice([1, 1, 1, 1, 2, 3])
    if chance.random() < 0.2:
        for _ in range(count):
            content = chance.choice(BYTES)(content, chance)
        return content
    tree = Tree(tomllib.loads(content.decode()), chance, path.name, str(sentinel))
    for _ in range(count):
        chance.choice(KINDS)(tree)
    return written(tree.table).encode("utf-8", "surrogatepass")


def _position(content: bytes, chance: Random) -> int:
    return chance.randrange(len(content) + 1)


def _flip(content: bytes, chance: Random) -> bytes:
    at = chance.randrange(max(len(content), 1))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _delete(content: bytes, chance: Random) -> bytes:
    at = _position(content, chance)
    return content[:at] + content[at + chance.choice([1, 1, 2, 5, 50, 500]) :]


def _insert(content: bytes, chance: Random) -> bytes:
    at = _position(content, chance)
    pieces = [
        b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\x1b[2J", "\u202e\u00e9\ufb01".encode(),
        b'"', b"'", b'"""', b"[", b"]", b"{", b"}", b"[[", b"=", b"\n=\n", b".", b"#", b"\\", b"\\u0000",
        b"\\x00", b"-", b"nan", b"\n[data]\n", b"\n[[modules]]\n", b'\nextends = "pipe.toml"\n',
        b"\nseed = " + b"9" * 5000 + b"\n", b"\nx = " + b"[" * 3000 + b"\n",
        b"\nx = " + b"{a = " * 500 + b"1" + b"}" * 500 + b"\n", b"\n" + b"a." * 4000 + b"a = 1\n",
        b"\n[" + b"b." * 4000 + b"c]\n", b"\nx = 0x" + b"f" * 4000 + b"\n", b"#" * 300_000, b"\n" * 300_000,
        b"\nx = [" + b"1," * 4000 + b"]\n", b"\nx = '" + b"q" * 9000 + b"'\n",
        b"\nx = " + b"'''" + b"r\n" * 30_000 + b"'''\n",
        bytes(chance.randrange(256) for _ in range(chance.choice([1, 3, 20]))),
    ]  # fmt: skip
    return content[:at] + chance.choice(pieces) + content[at:]


def _truncate(content: bytes, chance: Random) -> bytes:
    return content[: _position(content, chance)]


def _lines(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines.insert(b, lines[a])
        case 1:
            lines[a], lines[b] = lines[b], lines[a]
        case _:
            del lines[a]
    return b"\n".join(lines)


BYTES: list[Callable[[bytes, Random], bytes]] = [_flip, _delete, _insert, _truncate, _lines]


class Tree:
    """A recipe's table, and places in it drawn by chance. `name` is the recipe's own file."""

    def __init__(self, table: dict[str, Any], chance: Random, name: str, sentinel: str) -> None:
        self.table, self.chance, self.name = table, chance, name
        self.keys = sorted({key for key, _, _ in self.places()})
        self.words = sorted({w for _, _, v in self.places() if isinstance(v, str) for w in IDENTIFIER.findall(v)})
        self.names = self.keys + self.words + [c.name for c in components()]
        self.code = [
            f"__import__('os').system('touch {sentinel}')", f"open('{sentinel}', 'w')",
            f"(lambda: open('{sentinel}', 'w'))()", f"{{open('{sentinel}', 'w')}}",
            f"f\"{{open('{sentinel}', 'w')}}\"", f"[open('{sentinel}', 'w') for _ in '1'][0]",
            f"exec(\"open('{sentinel}', 'w')\")", f"cos\nsystem\n(S'touch {sentinel}'\ntR.",
            f"$(touch {sentinel})", f"`touch {sentinel}`",
            f"!!python/object/apply:os.system ['touch {sentinel}']",
            f"{{{{ cycler.__init__.__globals__.os.popen('touch {sentinel}') }}}}",
        ]  # fmt: skip

    def places(self) -> list[tuple[str, Any, Any]]:
        """Every (key, what holds it, value), lists' items too, with the key of their list."""
        found: list[tuple[str, Any, Any]] = []
        pending: list[Any] = [self.table]
        while pending:
            value = pending.pop()
            inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
            found += [(str(key), value, inner) for key, inner in inside]
            pending += [inner for _, inner in inside if isinstance(inner, dict | list)]
        return found

    def place(self, kind: type | tuple[type, ...] = object) -> tuple[Any, Any]:
        """What holds a value of a kind, and its key or index there."""
        fitting = [(holder, key) for key, holder, value in self.places() if isinstance(value, kind)]
        fitting = fitting or [(holder, key) for key, holder, _ in self.places()] or [(self.table, "seed")]
        holder, key = self.chance.choice(fitting)
        return holder, int(key) if isinstance(holder, list) else key

    def inner_table(self) -> dict[str, Any]:
        """A table, drawn by chance."""
        return self.chance.choice([self.table, *(v for _, _, v in self.places() if isinstance(v, dict))])


def _keys(tree: Tree) -> None:
    chance, table = tree.chance, tree.inner_table()
    keys = list(table) or ["seed"]
    key = chance.choice(keys)
    hostile = [
        "", " ", "__class__", "__init__", "a.b", "{m}", "{m.__class__}", "{0}", "{", "*", "é", "\u202e", "\0",
        "\n", "x" * 99, "x" * 5000, "../../up", "a/b", "/etc/passwd", ".", "..", "use", "extends", "without",
        "each", "fallback", "optimizer", "weights", "judge", "None", "lambda", "self", "image", *tree.code[:2],
    ]  # fmt: skip
    other = chance.choice([*hostile, chance.choice(tree.names), key[:-1], key + "s", key.upper()])
    match chance.randrange(6):
        case 0 | 1 if key in table:
            table[other] = table.pop(key)
        case 2 if key in table:
            del table[key]
        case 3 if key in table:
            second = chance.choice(keys)
            table[key], table[second] = table[second], table[key]
        case 4 if key in table:
            target = tree.inner_table()
            if target is not table[key]:
                target[key] = json_copy(table.pop(key))
        case _:
            table[other] = chance.choice([1, "image", True, [], {}, 0.5, *tree.code[:1]])


def _types(tree: Tree) -> None:
    holder, key = tree.place()
    old = holder[key] if key in holder or isinstance(holder, list) else 1
    deep: Any = old
    for _ in range(tree.chance.choice([3, 12, 20, 60])):
        deep = [deep] if tree.chance.random() < 0.5 else {"use": deep}
    values = [
        3, -2.5, "text", "", True, False, [], {}, [1], ["a"], {"use": "l2(image, image)"}, date(2020, 1, 2), [old],
        {"use": old}, [[old]], str(old), [old] * 40, {"a": {"b": {"c": old}}}, deep, [1, "a", True],
        json_copy(tree.table), "@image.size",
    ]  # fmt: skip
    holder[key] = tree.chance.choice(values)


def _numbers(tree: Tree) -> None:
    holder, key = tree.place((int, float))
    numbers = [
        0, -1, 1, 2, 3, 7, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"), 2**31, 2**63 - 1, 2**63,
        -(2**63), 10**12, 10**9, 10**7, 10**5, 4096, 1024, 10**30, 0.5, 1.0, -0.0, 1e12, True, [10**7, 10**7],
        [1] * 50, [0], [-1],
    ]  # fmt: skip
    holder[key] = tree.chance.choice(numbers)


SIZES = {
    "data": "size batch_size count pictures_per_person seed",
    "modules": "outputs hidden widths size channels classes embedding_size labels width backbone model kernel",
    "phases": "epochs repeat",
    "optimizer": "lr clip betas eps momentum fused foreach amsgrad",
    "evaluate": "count scale pictures",
    "tensors": "pixels low high temperature window",
}


def _sizes(tree: Tree) -> None:
    """The options that make nets and images large, whether the recipe has them or not."""
    chance = tree.chance
    name = chance.choice([key for key in SIZES if isinstance(tree.table.get(key), dict)] or ["data"])
    table = tree.table.setdefault(name, {})
    if not isinstance(table, dict):  # after another mutation
        return
    entries = (
        [table] if name in {"data", "optimizer"} else [inner for inner in table.values() if isinstance(inner, dict)]
    )
    sizes = [
        10**9, 10**7, 10**5, 4096, 1024, 513, 48, 2**62, [10**7, 10**7], [10**5] * 3, [1] * 60, [3] * 20, 10**12, 1e30,
        0.01, "vit_giant_patch14_224", "resnet152", "vit_tiny_patch16_224", "hf-hub:timm/resnet18", "local-dir:/tmp",
        "conv", 0, 1, True,
    ]  # fmt: skip
    chance.choice(entries or [table])[chance.choice(SIZES[name].split())] = chance.choice(sizes)


def _references(tree: Tree) -> None:
    chance = tree.chance
    holder, key = tree.place(str)
    old = str(holder[key]) if key in holder or isinstance(holder, list) else "image"
    name, other = chance.choice(tree.names), chance.choice(tree.names)
    found = IDENTIFIER.findall(old) or ["image"]
    depth = chance.choice([3, 30, 49, 500])
    texts = [
        "@unknown", "@image", "@a.b.c", "@image.size", "@attributes.names", "@identity.names", "@", "@.",
        "@image.__class__", "*", "*z", "*{m}", "{m}", "{m.__class__}", "{0}", "{}", "{{m}}", "%s", "image()",
        "image.data", "image[0]", "image + 1", "f(**x)", "f(x=1)", "lambda: 0", "", " ", "\0", "(" * 5000, "-" * 9000,
        "a" * 9000, "f(" * 900 + ")" * 900, "image if 1 else 2", "é", "ﬁ", "image, image", "../../etc/passwd",
        "detach(" + "image, " * 500 + "image)", "/dev/zero", "~", "x" * 400, "\u202eimage", "a\nb",
    ]  # fmt: skip
    match chance.randrange(8):
        case 0 | 1 | 2:  # a name for another
            old_name = re.escape(chance.choice(found))
            holder[key] = re.sub(rf"\b{old_name}\b", name, old, count=chance.choice([0, 1]))
        case 3:
            holder[key] = f"{name}({old})"
        case 4:
            holder[key] = chance.choice([f"{old[:-1]}, {name})", f"{name}({name}, {other})", "(".join(found)])
        case 5:
            holder[key] = f"{name}(" * depth + "image" + ")" * depth
        case 6:
            holder[key] = chance.choice(tree.code)
        case _:
            holder[key] = chance.choice(texts)


def _cycles(tree: Tree) -> None:
    tensors, chance = tree.table.setdefault("tensors", {}), tree.chance
    if not isinstance(tensors, dict):
        return
    names = list(tensors) or ["z"]
    match chance.randrange(4):
        case 0:
            tensors[chance.choice(names)] = f"detach({chance.choice(names)})"
        case 1:
            count = chance.choice([3, 60, 150, 2000])
            chain = {f"t{n}": f"detach(t{n + 1})" for n in range(count)} | {f"t{count}": "image"}
            tensors |= dict(reversed(chain.items())) if chance.random() < 0.5 else chain
        case 2:
            tensors |= {f"t{n}": f"t{n - 1}" for n in range(1, chance.choice([5, 400]))} | {"t0": "image"}
        case _:
            doubled = {f"t{n}": f"concatenate(t{n - 1}, t{n - 1})" for n in range(1, chance.choice([5, 40]))}
            tensors |= doubled | {"t0": "image"}


def _each(tree: Tree) -> None:
    chance = tree.chance
    many = [f"v{n}" for n in range(chance.choice([1, 3, 40, 900]))]
    variables = [
        {"m": many}, {"m": many, "o": "m"}, {"m": many, "n": many, "k": many, "l": many}, {"m": []}, {"m": "m"},
        {"m": "o", "o": "m"}, 3, {"m": ["a", "a"]}, {"m": ["a b"]}, {"": many}, {"m": [1]}, {"m": {"m": many}},
        {"m": many, "o": "m", "p": "o"},
    ]  # fmt: skip
    tree.table["each"] = chance.choice(variables)
    for _ in range(chance.randint(0, 3)):
        table = tree.inner_table()
        if table:
            key = chance.choice(list(table))
            pattern = chance.choice(["{m}", "{m}_{o}", "{m}_{n}_{k}_{l}", "*x_{m}", "*{m}_{o}", "{q}", "{m}{m}"])
            if chance.random() < 0.6:
                table[f"{key}_{pattern}"] = table.pop(key)
            elif isinstance(table[key], str):
                table[key] += pattern


def _inheritance(tree: Tree) -> None:
    chance = tree.chance
    parents = [
        tree.name, "missing.toml", "folder.toml", "/dev/zero", "/dev/stdin", "pipe.toml", "loop.toml", "chain0.toml",
        "many0.toml", "chain20.toml", "", ".", "..", "/", "x" * 3000, "a\0b", "semreg:recipe", "__main__:x", "os:x",
        "a.b:c", "semreg:../x", ":", ["chain25.toml"] * 90, [], [[]], 3, {"a": 1}, "/etc/passwd", "/proc/self/mem",
        ["vae_digits.toml", "olr_celeba.toml"], "https://example.org/x.toml", "~/x.toml",
    ]  # fmt: skip
    keys = [".".join(chance.choices(tree.keys, k=chance.randint(1, 4))) for _ in range(chance.choice([1, 3, 300]))]
    dropped = [keys, keys[0], [""], ["."], ["a." * 900], [3], {"a": 1}, ["modules"], ["losses", "data"]]
    alternatives = [
        {}, 3, [], {"extends": tree.name}, {"without": ["data"]}, {"data": {"use": "digits"}}, json_copy(tree.table),
        {"fallback": {"fallback": {}}}, {"data": {"use": "avatars", "count": 10**12}},
    ]  # fmt: skip
    fallback = tree.table.get("fallback")
    match chance.randrange(4):
        case 0:
            tree.table["extends"] = chance.choice(parents)
        case 1 if isinstance(fallback, dict):
            fallback["extends"] = chance.choice(parents)
        case 2:
            tree.table["without"] = chance.choice(dropped)
        case _:
            tree.table["fallback"] = chance.choice(alternatives)


KINDS: list[Callable[[Tree], None]] = [
    _keys, _keys, _types, _types, _numbers, _numbers, _sizes, _sizes, _sizes, _references, _references, _references,
    _cycles, _each, _inheritance,
]  # fmt: skip


def json_copy(value: Any) -> Any:
    """A copy of a table, down to the bottom."""
    if isinstance(value, dict):
        return {key: json_copy(inner) for key, inner in value.items()}
    return [json_copy(inner) for inner in value] if isinstance(value, list) else value


def written(table: dict[str, Any]) -> str:
    """A table as TOML, one top-level table a paragraph."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{_text(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [
                "",
                f"[{_text(key)}]",
                *(f"{_text(inner)} = {_value(content)}" for inner, content in value.items()),
            ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return "{" + ", ".join(f"{_text(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    return value.isoformat() if isinstance(value, date) else repr(value)
