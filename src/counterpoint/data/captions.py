"""Captions of scenes, and captions that are false of them in one controlled way.

A caption says ``PHRASE [RELATION PHRASE] [and PHRASE ...]``. It is true of a scene when different objects can
be found for its phrases such that each fits its phrase and the first stands to the second as said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.data.scenes_layout import RELATIONS, Factors, stream
from counterpoint.data.scenes_random import uniform
from counterpoint.data.sprites import COLOURS, SHAPES, SIZES, TEXTURES

VISIBLE = 0.6
"""Share of an object that must be in sight for a caption to speak of it."""
_CLEAR = 0.16
_MENTIONED = 3
_COLOURS, _SHAPES = tuple(COLOURS), tuple(SHAPES)

_SYNONYMS = {
    "circle": ("circle", "disc"),
    "square": ("square", "box"),
    "ring": ("ring", "hoop"),
    "cross": ("cross", "plus sign"),
    "small": ("small", "little"),
    "large": ("large", "big"),
    "striped": ("striped", "stripy"),
    "checked": ("checked", "chequered"),
    "dotted": ("dotted", "spotted"),
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "below": ("below", "under"),
    "above": ("above", "over"),
}
_CONSONANT_SOUND = ("eu", "uni", "uk ", "us")
_OPENINGS = ("", "there is ", "a picture of ", "here we see ")
_PLAIN_WORD = {word: plain for plain, words in _SYNONYMS.items() for word in words}


class Phrase(NamedTuple):
    """What a caption says of one object; empty attributes are left open."""

    noun: str
    colour: str = ""
    texture: str = ""
    size: str = ""

    def text(self, wording: int = 0) -> str:
        """The phrase in English, with the synonyms that ``wording`` picks."""
        words = [_say(word, wording) for word in (self.size, self.texture, self.colour, self.noun) if word]
        vowel = words[0][0] in "aeiou" and not words[0].startswith(_CONSONANT_SOUND)
        return f"{'an' if vowel else 'a'} {' '.join(words)}"


class Thing(NamedTuple):
    """One object of a scene as the semantics sees it: its words and its centre in fractions of the side."""

    noun: str
    colour: str
    texture: str
    size: str
    x: float
    y: float


class Statement(NamedTuple):
    """A caption's meaning: ``relation`` (or ``""``) holds from the first phrase to the second."""

    phrases: tuple[Phrase, ...]
    relation: str = ""

    def text(self, wording: int = 0) -> str:
        """The statement in English; ``wording`` 0 is plain, others pick an opening and synonyms."""
        said = [phrase.text(wording) for phrase in self.phrases]
        if self.relation:
            said[:2] = [f"{said[0]} {_say(self.relation, wording)} {said[1]}"]
        return (_OPENINGS[wording % len(_OPENINGS)] if wording else "") + " and ".join(said)


def _say(word: str, wording: int) -> str:
    words = _SYNONYMS.get(word, (word,))
    return words[(wording >> 2) % len(words)] if wording else word


def holds(statement: Statement, things: Sequence[Thing], *, margin: float = 0.0) -> bool:
    """Whether different objects fit the phrases and the relation, the centres apart by more than ``margin``.

    Examples
    --------
    >>> things = [Thing("circle", "red", "plain", "small", 0.2, 0.5),
    ...           Thing("square", "blue", "plain", "large", 0.7, 0.5)]
    >>> holds(Statement((Phrase("circle", "red"), Phrase("square")), "left of"), things)
    True
    >>> holds(Statement((Phrase("circle", "blue"),)), things)
    False
    """
    relation = statement.relation
    fitting = [[i for i, thing in enumerate(things) if _fits(phrase, thing)] for phrase in statement.phrases]
    if not all(fitting):
        return False
    places = range(len(things))
    return any(
        all(i in allowed for i, allowed in zip(choice, fitting, strict=True))
        and (not relation or _related(relation, things[choice[0]], things[choice[1]], margin))
        for choice in permutations(places, len(fitting))
    )


def _fits(phrase: Phrase, thing: Thing) -> bool:
    return phrase.noun == thing.noun and all(
        not said or said == is_ for said, is_ in zip(phrase[1:], thing[1:4], strict=True)
    )


def _related(relation: str, first: Thing, second: Thing, margin: float) -> bool:
    right, down = second.x - first.x, second.y - first.y
    gap = {"left of": right, "right of": -right, "above": down, "below": -down}[relation]
    return gap > margin


def parse_caption(caption: str, *, nouns: Sequence[str] = _SHAPES) -> Statement | None:
    """The meaning of a caption in this module's wording, or None when it is not one.

    Examples
    --------
    >>> parse_caption("there is a red disc to the left of a blue square")
    Statement(phrases=(Phrase(noun='circle', colour='red', texture='', size=''), \
Phrase(noun='square', colour='blue', texture='', size='')), relation='left of')
    >>> parse_caption("red circle a square of left blue") is None
    True
    """
    for opening in _OPENINGS[1:]:
        caption = caption.removeprefix(opening)
    relation, parts = "", [caption]
    for candidate in RELATIONS:
        for word in sorted(_SYNONYMS[candidate], key=len, reverse=True):
            if not relation and f" {word} " in caption:
                relation, parts = candidate, caption.split(f" {word} ", 1)
    pieces = [piece for part in parts for piece in part.split(" and ")]
    if relation and " and " in parts[0]:
        return None
    phrases = [_parse_phrase(piece, tuple(nouns)) for piece in pieces]
    found = tuple(phrase for phrase in phrases if phrase)
    return Statement(found, relation) if len(found) == len(pieces) else None


def _parse_phrase(text: str, nouns: tuple[str, ...]) -> Phrase | None:
    match = re.fullmatch(r"an? (.+)", text)
    if not match:
        return None
    rest = match[1]
    if rest in nouns:
        return Phrase(rest)
    values = []
    for known in (SIZES, TEXTURES, _COLOURS):
        word, _, after = rest.partition(" ")
        plain = _PLAIN_WORD.get(word, word)
        values.append(plain if plain in known else "")
        rest = after if plain in known else rest
    noun = _PLAIN_WORD.get(rest, rest)
    size, texture, colour = values
    return Phrase(noun, colour, texture, size) if noun in nouns else None


def things(factors: Factors, row: int) -> list[Thing]:
    """The objects of scene ``row`` in their words."""
    return [_thing(factors, row, slot) for slot in range(int(factors["count"][row]))]


def _thing(factors: Factors, row: int, slot: int) -> Thing:
    place = float(factors["x"][row, slot]), float(factors["y"][row, slot])
    size = SIZES[factors["size"][row, slot]]
    if "noun" in factors:
        return Thing(str(factors["noun"][row, slot]), "", "", size, *place)
    return Thing(
        _SHAPES[factors["shape"][row, slot]], _COLOURS[factors["colour"][row, slot]],
        TEXTURES[factors["texture"][row, slot]], size, *place,
    )  # fmt: skip


def scene_captions(factors: Factors, *, wording: str = "plain") -> list[str]:
    """Captions for all scenes; writes ``mention``, ``relation`` and ``wording`` into ``factors``."""
    index, n = factors["index"], len(factors["index"])
    most = factors["x"].shape[1]
    seed = int(factors["seed"][0])
    drawn = uniform(seed, stream("caption"), index, most + 1)
    factors["mention"], factors["relation"] = _choose(factors, drawn)
    factors["wording"] = np.zeros(n, np.int64)
    if wording == "varied":
        factors["wording"] = 1 + np.floor(drawn[:, most] * 63).astype(np.int64)
    said = zip(statements(factors), factors["wording"], strict=True)
    return [statement.text(int(number)) for statement, number in said]


def _choose(factors: Factors, drawn: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which objects a caption names, in which order, and the relation between the first two.

    Objects in sight stand in random order; the relation is the axis along which the first two differ more,
    where that is clear, else there is none.
    """
    n, most = factors["x"].shape
    rows = np.arange(n)
    seen = factors["visible"] >= VISIBLE
    order = np.argsort(np.where(seen, drawn[:, :most], 2), axis=1, kind="stable")
    mention = np.where(np.take_along_axis(seen, order, 1), order, -1)[:, :_MENTIONED]
    relation = np.zeros(n, np.int64)
    if most > 1:
        first, second = mention[:, 0], mention[:, 1]
        right = factors["x"][rows, second] - factors["x"][rows, first]
        down = factors["y"][rows, second] - factors["y"][rows, first]
        wide, tall = np.abs(right), np.abs(down)
        with np.errstate(invalid="ignore"):
            relation = np.where((wide >= _CLEAR) & (wide >= 1.3 * tall), np.where(right > 0, 1, 2), relation)
            relation = np.where((tall >= _CLEAR) & (tall >= 1.3 * wide), np.where(down > 0, 3, 4), relation)
        relation = np.where(second >= 0, relation, 0)
    full = np.full((n, most), -1, np.int64)
    full[:, : mention.shape[1]] = mention
    return full, relation


def statements(factors: Factors) -> Iterator[Statement]:
    """What the caption of each scene says."""
    most = factors["mention"].shape[1]
    seed = int(factors["seed"][0]) if len(factors["seed"]) else 0
    detail = uniform(seed, stream("caption") + 100, factors["index"], 2 * most).reshape(-1, most, 2)
    for row, (mention, relation) in enumerate(zip(factors["mention"], factors["relation"], strict=True)):
        count = int(factors["count"][row])
        phrases = (
            _phrase(_thing(factors, row, slot), detail[row, slot], count) for slot in mention if slot >= 0
        )
        yield Statement(tuple(phrases), RELATIONS[relation - 1] if relation else "")


def _phrase(thing: Thing, detail: NDArray[np.float64], most: int) -> Phrase:
    """Noun and colour always; a texture half of the time, a size a third of it, more for lone objects."""
    if not thing.colour:
        return Phrase(thing.noun)
    texture = thing.texture if thing.texture != "plain" and detail[0] < (0.5 if most > 1 else 0.8) else ""
    size = thing.size if detail[1] < (0.35 if most > 1 else 0.6) else ""
    return Phrase(thing.noun, thing.colour, texture, size)
