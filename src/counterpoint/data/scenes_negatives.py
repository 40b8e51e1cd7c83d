"""Captions that are almost those of a scene and false of it: what a bag of words cannot tell apart.

Attribution, relation and order are the kinds of Yuksekgonul et al., When and Why Vision-Language Models
Behave like Bags-Of-Words, and What to Do About It? (ICLR 2023); "object" exchanges both ends of a relation,
"replaced" puts one word for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.core.errors import CounterpointError
from counterpoint.data.captions import Statement, Thing, holds, parse_caption, statements, things
from counterpoint.data.scenes_layout import stream
from counterpoint.data.scenes_random import uniform
from counterpoint.data.source import ImageSource
from counterpoint.data.sprites import COLOURS, SHAPES

KINDS = ("attribute", "relation", "object", "order", "replaced")
_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_SYNONYMS = ({"bunny", "rabbit"}, {"lightbulb", "light"}, {"lightbulb", "bulb"})
_TRIES = 6
_WORDS = 40


def hard_negatives(source: ImageSource, *, kinds: tuple[str, ...] = KINDS) -> dict[str, list[str | None]]:
    """For every scene one false caption of each kind, or None where that kind has none.

    Parameters
    ----------
    source : ImageSource
        From :func:`~counterpoint.data.scenes.scenes`, also after ``subset``.
    kinds : tuple of str
        - ``"attribute"``: the colours of the first two objects change places, or else texture, or size.
        - ``"relation"``: "left of" becomes "right of", "above" becomes "below", and the reverse.
        - ``"object"``: the two ends of the relation change places.
        - ``"order"``: the caption's words in another order; none for a lone phrase.
        - ``"replaced"``: one noun or colour by another, so that no object fits.

    Returns
    -------
    dict
        Kind -> ``n`` captions or None. A caption is given only when no choice of objects makes it true, also
        of those hidden in part and however little they differ in place; a shuffled one counts as false when
        it says nothing in the language of the captions. Photographs whose names may name one thing (of one
        category, or with a word in common) are neither exchanged nor put for each other.

    Raises
    ------
    CounterpointError
        When the source is not one of scenes.

    Examples
    --------
    >>> from counterpoint.data.scenes import scenes
    >>> source = scenes(64, objects=2)
    >>> found = [i for i, phrase in enumerate(source.captions) if "left of" in phrase][0]
    >>> "right of" in hard_negatives(source)["relation"][found]
    True
    """
    if source.captions is None or not {"mention", "relation", "wording", "seed"} <= set(source.factors):
        raise CounterpointError(
            f'"{source.name}" has no scene factors.', "A source of scenes() was expected."
        )
    factors = source.factors
    out: dict[str, list[str | None]] = {kind: [] for kind in kinds}
    words, order = _vocabulary(source), _shuffles(source)
    for row, statement in enumerate(statements(factors)):
        present, wording = things(factors, row), int(factors["wording"][row])
        for kind in kinds:
            if kind == "order":
                lone = len(statement.phrases) < 2
                shuffled = None if lone else _shuffled(source.captions[row], order[row], present, words.nouns)
                out[kind].append(shuffled)
                continue
            candidates = _candidates(kind, statement, order[row, 0], words=words, present=present)
            false = (candidate for candidate in candidates if not holds(candidate, present))
            found = next(false, None)
            out[kind].append(found.text(wording) if found else None)
    return out


def _candidates(
    kind: str, statement: Statement, drawn: NDArray[np.float64], *, words: _Words, present: list[Thing]
) -> Iterator[Statement]:
    phrases, relation = statement
    if kind == "replaced":
        yield from _replacements(statement, drawn, words=words, present=present)
    if len(phrases) < 2:
        return
    first, second, *rest = phrases
    if words.alike(first.noun, second.noun):
        return
    if kind == "relation" and relation:
        yield Statement(phrases, _OPPOSITE[relation])
    if kind == "object" and relation:
        yield Statement((second, first, *rest), relation)
    if kind == "attribute":
        for name in ("colour", "texture", "size"):
            a, b = getattr(first, name), getattr(second, name)
            if a != b:
                yield Statement((first._replace(**{name: b}), second._replace(**{name: a}), *rest), relation)


def _replacements(
    statement: Statement, drawn: NDArray[np.float64], *, words: _Words, present: list[Thing]
) -> Iterator[Statement]:
    """The statement with one noun or colour replaced, in random order."""
    phrases = statement.phrases
    for number in drawn:
        slot = int(number * len(phrases))
        part = number * len(phrases) - slot
        phrase = phrases[slot]
        if phrase.colour and part < 0.5:
            changed = phrase._replace(colour=list(COLOURS)[int(part * 2 * len(COLOURS))])
        else:
            share = part * 2 - 1 if phrase.colour else part
            changed = phrase._replace(noun=words.nouns[int(share * len(words.nouns))])
            if any(words.alike(changed.noun, thing.noun) for thing in present):
                continue
        if changed != phrase:
            yield Statement((*phrases[:slot], changed, *phrases[slot + 1 :]), statement.relation)


class _Words(NamedTuple):
    """The nouns of a world, and for photographs the categories each is seen in."""

    nouns: tuple[str, ...]
    categories: dict[str, set[int]]

    def alike(self, first: str, second: str) -> bool:
        """Whether two names may name one thing: a shared category or word ("tiger", "sumatran tiger")."""
        if not self.categories:
            return False
        shared = set(first.split()) & set(second.split())
        pair = {first.split()[-1], second.split()[-1]}
        return bool(self.categories[first] & self.categories[second] or shared or pair in _SYNONYMS)


def _vocabulary(source: ImageSource) -> _Words:
    if "noun" not in source.factors:
        return _Words(tuple(SHAPES), {})
    categories: dict[str, set[int]] = {}
    nouns, numbers = source.factors["noun"].ravel().tolist(), source.factors["category"].ravel().tolist()
    for noun, category in set(zip(nouns, numbers, strict=True)):
        if noun:
            categories.setdefault(noun, set()).add(category)
    return _Words(tuple(sorted(categories)), categories)


def _shuffles(source: ImageSource) -> NDArray[np.float64]:
    seed = int(source.factors["seed"][0]) if len(source) else 0
    drawn = uniform(seed, stream("caption") + 101, source.factors["index"], _TRIES * _WORDS)
    return drawn.reshape(-1, _TRIES, _WORDS)


def _shuffled(
    caption: str, order: NDArray[np.float64], present: list[Thing], nouns: tuple[str, ...]
) -> str | None:
    words = caption.split()
    for drawn in order:
        moved = " ".join(words[i] for i in np.argsort(drawn[: len(words)], kind="stable"))
        meaning = parse_caption(moved, nouns=nouns)
        if moved != caption and (meaning is None or not holds(meaning, present)):
            return moved
    return None
