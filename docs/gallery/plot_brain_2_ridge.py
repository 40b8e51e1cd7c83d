"""
Decoding with ridge, beside chance
==================================

Before any network: one linear map from voxels to an embedding of the picture, its penalty chosen by cross-validation.
Every report has this decoder in every table, and on small and mostly linear data, like these, it is hard to beat. The
responses are simulated, and the embedding is the very list of features that the simulated voxels are tuned to: these
scores say nothing about a real brain.
"""

import matplotlib.pyplot as plt
import numpy as np

from counterpoint.brain import RidgeDecoder, Subject, simulate_subject
from counterpoint.evaluate import decoding_scores, matched_permutation_test

data = simulate_subject(
    train=600,
    test=200,
    voxels=400,
    space="fsaverage5",
    features="factors",
    sprites="procedural",
    networks={"Visual": 0.4, "Default": 0.2, "Dorsal Attention": 0.1},  # signal-to-noise ratios
    seed=1,
)
subject = Subject(data)
features = data.truth["features"]
train, test = subject.stimuli("train"), subject.stimuli("test")


def embedding(ids: np.ndarray) -> np.ndarray:
    """Features of pictures, by stimulus id; with real data, embeddings of a picture network."""
    return features[data.stimuli.rows(ids)]


# %%
# Fit and score
# -------------
# Training pictures were shown once, test pictures three times; showings are averaged after z-scoring. Pictures, never
# trials, are divided into train and test. Directions are named by query and gallery: "brain to image" asks, for each
# response, which of the pictures it belongs to.

decoder = RidgeDecoder().fit(subject.mean(train), embedding(train))
decoded = decoder.predict(subject.mean(test))
for row in decoding_scores(decoded, embedding(test), candidates=100, draws=30, k=(1,), model="ridge"):
    span = "" if row["model"] == "chance" else f"[{row['low']:.3f}, {row['high']:.3f}]"
    print(f"{row['metric']:22} {row['model']:7} {row['value']:.3f} {span:16} {row['protocol']}")

# %%
# The intervals of retrieval are over draws of candidates: they tell how much the choice of candidates matters, not how
# far other test pictures would.
#
# Trained on responses that are matched with other pictures, ridge must be at chance. The permutation test says how
# often re-pairing its predictions does as well: small (never 0) where something is decoded, anything up to 1 where not.


def report(name: str, found: np.ndarray) -> None:
    """Retrieval and permutation p."""
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, embedding(test)))
    p = matched_permutation_test(a @ b.T, num_permutations=999, seed=0).p_value
    top1 = decoding_scores(found, embedding(test), candidates=100, k=(1,))[0]["value"]
    print(f"{name:12} top-1 of 100: {top1:.3f}   p = {p:.3f}")


report("right pairs", decoded)
for seed in range(5):
    wrong = np.random.default_rng(seed).permutation(train)
    null = RidgeDecoder().fit(subject.mean(train), embedding(wrong))
    report("shuffled", null.predict(subject.mean(test)))

# %%
# More showings, more pictures
# ----------------------------
# Averaging the showings of a test picture raises the ceiling; more training pictures bring the decoder nearer to it.
# Both curves should rise, and a decoder that does not profit from either reads something else than the picture.

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")


def draw(axis, x, decoders, showings) -> None:
    """Top-1 with its interval over draws of candidates, above chance."""
    rows = [
        decoding_scores(fitted.predict(subject.mean(test, repeats=k)), embedding(test), candidates=100, k=(1,))[0]
        for fitted, k in zip(decoders, showings, strict=True)
    ]
    value = np.array([row["value"] for row in rows])
    spread = [value - [row["low"] for row in rows], [row["high"] for row in rows] - value]
    axis.errorbar(x, value, spread, fmt="o-", color="#0b5fa5")
    axis.axhline(0.01, color="#5a6574", linewidth=0.8, linestyle=":")
    axis.text(x[-1], 0.015, "chance", color="#5a6574", ha="right", va="bottom", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


draw(left, [1, 2, 3], [decoder] * 3, [1, 2, 3])
left.set(xlabel="showings averaged", ylabel="brain to image, top-1 of 100", xticks=[1, 2, 3], ylim=(0, 0.6))
counts = [75, 150, 300, 600]
order = np.random.default_rng(0).permutation(train)
fewer = [RidgeDecoder().fit(subject.mean(order[:n]), embedding(order[:n])) for n in counts]
draw(right, counts, fewer, [3] * 4)
right.set(xlabel="training pictures", xscale="log")
right.set_xticks(counts, [str(n) for n in counts])
right.minorticks_off()
plt.show()

# %%
# Which regions say what
# ----------------------
# One decoder per region. A region with many voxels has an advantage; its ceiling says how much there was to explain.

ceiling = subject.noise_ceiling()
print("region    voxels  top-1  median ceiling (%)")
for name in ("V1", "V4", "lateral", "ventral", "dorsal"):
    voxels = np.flatnonzero(subject.rois[name])
    own = RidgeDecoder().fit(subject.mean(train)[:, voxels], embedding(train))
    row = decoding_scores(own.predict(subject.mean(test)[:, voxels]), embedding(test), candidates=100, k=(1,))[0]
    print(f"{name:9} {len(voxels):6} {row['value']:6.3f} {np.median(ceiling[voxels]):8.1f}")
