"""Captions are true of their scenes and hard negatives false, as a second reader of English finds."""

from __future__ import annotations

import re
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.core.errors import CounterpointError
from counterpoint.data.captions import Phrase, Statement, Thing, holds, parse_caption, things
from counterpoint.data.scenes import scenes
from counterpoint.data.scenes_layout import RELATIONS
from counterpoint.data.scenes_negatives import KINDS, hard_negatives
from counterpoint.data.source import ImageSource
from counterpoint.data.sprites import COLOURS, SHAPES, SIZES, TEXTURES

_SAME = {
    "disc": "circle", "box": "square", "hoop": "ring", "plus sign": "cross", "little": "small",
    "big": "large", "stripy": "striped", "chequered": "checked", "spotted": "dotted",
}  # fmt: skip
_WAYS = {
    r"to the left of|left of": (1, 0), r"to the right of|right of": (-1, 0),
    r"above|over": (0, 1), r"below|under": (0, -1),
}  # fmt: skip
_OBJECT = re.compile(
    r"an? (?:(small|medium|large) )?(?:(striped|checked|dotted) )?"
    rf"(?:({'|'.join(COLOURS)}) )?({'|'.join(SHAPES)})"
)


def _read(caption: str) -> tuple[list[tuple[str, ...]], tuple[int, int] | None] | None:
    """What a caption says, by regular expressions and its own dictionary; None when it is no description."""
    text = re.sub(r"^(there is|a picture of|here we see) ", "", caption)
    for word, plain in _SAME.items():
        text = re.sub(rf"\b{word}\b", plain, text)
    way = None
    for words, direction in _WAYS.items():
        text, found = re.subn(rf" (?:{words}) ", " | ", text, count=1)
        way = direction if found else way
    if " | " in text and " and " in text.split(" | ")[0]:
        return None
    matches = [_OBJECT.fullmatch(part) for part in re.split(r" \| | and ", text)]
    if not all(matches) or text.count(" | ") > 1:
        return None
    return [match.groups(default="") for match in matches if match], way


def _true(caption: str, source: ImageSource, row: int, *, margin: float) -> bool:
    meaning = _read(caption)
    if meaning is None:
        return False
    said, way = meaning
    factors = source.factors
    words = [
        (SIZES[factors["size"][row, j]], TEXTURES[factors["texture"][row, j]],
         list(COLOURS)[factors["colour"][row, j]], list(SHAPES)[factors["shape"][row, j]])
        for j in range(factors["count"][row])
    ]  # fmt: skip
    for choice in permutations(range(len(words)), len(said)):
        fits = all(s in ("", w) for j, part in zip(choice, said, strict=True)
                   for s, w in zip(part, words[j], strict=True))  # fmt: skip
        if fits and way is None:
            return True
        if fits and way is not None:
            a, b = choice[:2]
            right = factors["x"][row, b] - factors["x"][row, a]
            down = factors["y"][row, b] - factors["y"][row, a]
            if way[0] * right + way[1] * down > margin:
                return True
    return False


@pytest.fixture(scope="module", params=["plain", "varied"])
def source(request: pytest.FixtureRequest) -> ImageSource:
    return scenes(400, seed=8, objects=(1, 5), wording=request.param)


@pytest.fixture(scope="module")
def negatives(source: ImageSource) -> dict[str, list[str | None]]:
    return hard_negatives(source)


def test_every_caption_is_true_with_room_to_spare(source: ImageSource) -> None:
    assert source.captions is not None
    for row, caption in enumerate(source.captions):
        assert _read(caption) is not None, caption
        assert _true(caption, source, row, margin=0.12), caption


def test_captions_speak_of_visible_objects_in_order(source: ImageSource) -> None:
    factors = source.factors
    for row, caption in enumerate(source.captions):  # type: ignore[arg-type]
        said, _ = _read(caption)  # type: ignore[misc]
        named = [j for j in factors["mention"][row] if j >= 0]
        assert len(named) == len(said)
        for j, part in zip(named, said, strict=True):
            assert factors["visible"][row, j] >= 0.6
            assert part[3] == list(SHAPES)[factors["shape"][row, j]]
            assert part[2] == list(COLOURS)[factors["colour"][row, j]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_hard_negative_is_false(
    source: ImageSource, negatives: dict[str, list[str | None]], kind: str
) -> None:
    given_ = [(row, text) for row, text in enumerate(negatives[kind]) if text is not None]
    assert len(given_) > 100
    for row, text in given_:
        assert text != source.captions[row]  # type: ignore[index]
        assert not _true(text, source, row, margin=0.0), (source.captions[row], text)  # type: ignore[index]


def test_negatives_use_the_same_words(source: ImageSource, negatives: dict[str, list[str | None]]) -> None:
    def bag(text: str) -> list[str]:
        return sorted(re.sub(r"\ban\b", "a", text).split())

    for kind in ("attribute", "object", "order"):
        for caption, false in zip(source.captions, negatives[kind], strict=True):  # type: ignore[arg-type]
            assert false is None or bag(false) == bag(caption)
    for caption, false in zip(source.captions, negatives["replaced"], strict=True):  # type: ignore[arg-type]
        assert false is not None
        first, second = (
            re.sub(r"\ban\b", "a", t).replace("plus sign", "plus").split() for t in (caption, false)
        )
        assert sum(a != b for a, b in zip(first, second, strict=True)) == 1


def test_a_lone_object_has_only_a_replacement() -> None:
    found = hard_negatives(scenes(30, objects=1))
    assert all(text is None for kind in KINDS[:4] for text in found[kind])
    assert all(found["replaced"])


def test_none_marks_a_swap_that_would_be_true() -> None:
    """Without a relation, or with two objects of one look, nothing false comes of exchanging them."""
    source = scenes(600, seed=2, objects=2)
    found = hard_negatives(source)
    colours = source.factors["colour"]
    for row in range(len(source)):
        if source.factors["relation"][row] == 0:
            assert found["relation"][row] is None
            assert found["object"][row] is None
        if colours[row, 0] == colours[row, 1] and found["attribute"][row]:
            assert re.search(r"striped|checked|dotted|small|medium|large", found["attribute"][row] or "")


def test_negatives_follow_a_subset(source: ImageSource, negatives: dict[str, list[str | None]]) -> None:
    rows = [311, 4, 78]
    few = hard_negatives(source.subset(rows), kinds=("attribute", "order"))
    assert few == {kind: [negatives[kind][row] for row in rows] for kind in ("attribute", "order")}


def test_other_sources_have_no_negatives() -> None:
    with pytest.raises(CounterpointError, match="no scene factors"):
        hard_negatives(ImageSource(name="other", split="train", images=np.zeros((2, 3, 16, 16), np.uint8)))


_PHRASES = st.builds(
    Phrase, st.sampled_from(list(SHAPES)), st.sampled_from(list(COLOURS)),
    st.sampled_from(["", *TEXTURES]), st.sampled_from(["", *SIZES]),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(_PHRASES, min_size=1, max_size=4), st.sampled_from(["", *RELATIONS]), st.integers(0, 63))
def test_parsing_undoes_writing(phrases: list[Phrase], relation: str, wording: int) -> None:
    statement = Statement(tuple(phrases), relation if len(phrases) > 1 else "")
    assert parse_caption(statement.text(wording)) == statement


@pytest.mark.parametrize(
    "text",
    ["", "a", "circle red a", "a red circle left of", "a red", "red circle", "a red circle and and a ring"],
)
def test_what_is_no_caption_has_no_meaning(text: str) -> None:
    assert parse_caption(text) is None


def test_one_object_cannot_be_two() -> None:
    alone = [Thing("circle", "red", "plain", "small", 0.5, 0.5)]
    twice = Statement((Phrase("circle"), Phrase("circle")))
    assert not holds(twice, alone)
    assert holds(twice, alone * 2)


def test_things_are_the_factors_in_words() -> None:
    source = scenes(4, objects=2)
    found = things(source.factors, 1)
    assert [thing.noun for thing in found] == [list(SHAPES)[s] for s in source.factors["shape"][1]]
    assert found[1].x == source.factors["x"][1, 1]
