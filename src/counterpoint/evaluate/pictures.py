"""Reconstructions against the pictures that were seen: pixels, structure, and features of the usual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.evaluate._arrays import Array, blocks
from counterpoint.evaluate._doubles import row_products
from counterpoint.evaluate._picture_weights import unavailable
from counterpoint.evaluate._pictures import as_picture_pair, resized
from counterpoint.evaluate.identification import MeanScore, correlation_distance, two_way_identification
from counterpoint.evaluate.picture_networks import FeatureNetwork, Weights, feature_networks, picture_features
from counterpoint.evaluate.statistics import bootstrap_interval

_BATCH = 16
_SIDE = 256
_GREY = (0.2125, 0.7154, 0.0721)


class PictureScores(NamedTuple):
    """See :func:`network_metrics`."""

    rows: list[dict[str, Any]]
    skipped: dict[str, str]
    per_sample: dict[str, NDArray[np.float64]]


@torch.no_grad()
def pixcorr(images: Array, reconstructions: Array, *, size: int = 425) -> MeanScore:
    """Pearson correlation of all RGB values per picture, after both are resized to ``size`` (bilinear).

    PixCorr of Brain-Diffuser and MindEye. The side matters little, the resizing a bit: torchvision shrinks tensors
    with antialiasing today and did not in the versions those papers pinned.

    Parameters
    ----------
    images, reconstructions : array
        ``(n, 3, height, width)`` in 0..1 (what overshoots is clamped), or uint8; the sides may differ.
    size : int
        Side in pixels.

    Returns
    -------
    MeanScore
        ``mean`` and ``(n,)`` ``per_sample``; a picture of one value scores 0.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(size=(2, 3, 8, 8))
    >>> round(pixcorr(x, 0.5 * x + 0.1, size=16).mean, 6)
    1.0
    """
    a, b = as_picture_pair(images, reconstructions)
    _check_size(size, 1)
    parts = [
        row_products(resized(a[part], size).flatten(1), resized(b[part], size).flatten(1), centre=True)
        for part in blocks(len(a), _BATCH)
    ]
    return _mean_score(torch.cat(parts))


@torch.no_grad()
def ssim(
    images: Array, reconstructions: Array, *, size: int = 425, sigma: float = 1.5, data_range: float = 1.0
) -> MeanScore:
    """Structural similarity (Wang et al. 2004) of grey pictures, as MindEye's evaluation comes to have it.

    Both are resized to ``size``; grey is .2125 R + .7154 G + .0721 B; the window is Gaussian (``sigma`` 1.5: 11 x 11),
    covariances are those of the population, K1 is .01 and K2 .03. The map is averaged without the border that the
    window overhangs (5 pixels). That is scikit-image with ``gaussian_weights``; the full map of torchmetrics, cut by 5
    pixels, is the same at 50 times the work, its own mean differs in the third decimal.

    Published columns are of two kinds. The scripts pass ``multichannel=True`` for 2-D pictures: scikit-image 0.17,
    which Brain-Diffuser pins, takes the columns of the picture for channels, a 1-D similarity; 0.20 and later, which
    MindEye and MindEye2 pin, ignore it. This is the second kind; on one test picture it gave .881 for .854.

    Parameters
    ----------
    images, reconstructions : array
        ``(n, 3, height, width)`` in 0..1 (what overshoots is clamped), or uint8; the sides may differ.
    size : int
        Side in pixels, above the window.
    sigma : float
        Of the window.
    data_range : float
        Span of the values.

    Returns
    -------
    MeanScore
        ``mean`` and ``(n,)`` ``per_sample``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(size=(2, 3, 8, 8))
    >>> round(ssim(x, x, size=32).mean, 6)
    1.0
    """
    a, b = as_picture_pair(images, reconstructions)
    if not sigma > 0 or not data_range > 0:
        raise CounterpointError(f"sigma is {sigma} and data_range {data_range}.", "Both must be above 0.")
    _check_size(size, 2 * int(3.5 * sigma + 0.5) + 1)
    parts = [
        _structure(_grey(resized(a[part], size)), _grey(resized(b[part], size)), sigma, data_range)
        for part in blocks(len(a), _BATCH)
    ]
    values = np.concatenate(parts)
    return MeanScore(float(values.mean()), values)


def network_metrics(
    images: Array,
    reconstructions: Array,
    *,
    networks: Sequence[str] | None = None,
    weights: Weights | None = None,
    download: bool = False,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
    split: str = "test",
    seed: int = 0,
) -> PictureScores:
    """The eight scores of MindEye's table of reconstructions, as far as weights are at hand.

    Pictures and reconstructions are first brought to 256 x 256. PixCorr and SSIM are always there; the networks are
    those of :func:`feature_networks`, scored by two-way identification or by correlation distance. A network whose
    weights are missing is left out and listed with the reason; nothing is downloaded unasked. ``effnet_lite0`` is a
    stand-in that can be had offline: no published column is comparable with it, and its row says so.

    Parameters
    ----------
    images, reconstructions : array
        ``(n, 3, height, width)``, 2 or more, in 0..1 or uint8; row i with row i.
    networks : sequence of str, optional
        Names of :func:`feature_networks`; all by default.
    weights, download, batch_size, device
        As :func:`picture_features`.
    split, seed : str, int
        Noted in the rows; the seed is that of the intervals.

    Returns
    -------
    PictureScores
        ``rows``: dictionaries with metric, model, value, low, high (95 % bootstrap over pictures), protocol, better
        (``higher`` or ``lower``), split, n, seed. ``skipped``: ``{network: reason}``. ``per_sample``: ``{metric:
        (n,)}``.

    Raises
    ------
    CounterpointError
        Pictures that do not fit, an unknown network, weights given that are not there or do not fit.
    """
    known = feature_networks()
    wanted = list(known) if networks is None else list(networks)
    for name in wanted:
        if name not in known:
            raise unknown("feature network", name, known, "networks=('effnet_lite0',)")
    pair = as_picture_pair(images, reconstructions)
    if len(pair[0]) < 2:
        raise CounterpointError("One picture.", "Identification needs 2 or more.")
    reasons = {name: unavailable(known[name], weights, download=download) for name in wanted}
    skipped = {name: reason for name, reason in reasons.items() if reason}
    a, b = (torch.cat([resized(x[part], _SIDE) for part in blocks(len(x), 256)]) for x in pair)
    scores = {"pixcorr": pixcorr(a, b).per_sample, "ssim": ssim(a, b).per_sample}
    for name in (name for name in wanted if name not in skipped):
        true, found = (
            picture_features(x, name, weights=weights, download=download, batch_size=batch_size, device=device)
            for x in (a, b)
        )
        compare = two_way_identification if known[name].score == "two_way" else correlation_distance
        scores[name] = compare(found, true).per_sample
    rows = [_row(name, values, known.get(name), split=split, seed=seed) for name, values in scores.items()]
    return PictureScores(rows, skipped, scores)


def _row(
    name: str, values: NDArray[np.float64], network: FeatureNetwork | None, *, split: str, seed: int
) -> dict[str, Any]:
    low, high = bootstrap_interval(values, seed=seed)
    protocol = f"both at {_SIDE}, then 425 pixels"
    if network is not None:
        score = "two-way identification" if network.score == "two_way" else "correlation distance"
        protocol = f"{network.title}, {network.layer} at {network.size} pixels, {score}"
        protocol += "" if network.comparable else "; not comparable with published columns"
    return {
        "metric": name, "model": "reconstruction", "value": float(values.mean()), "low": low, "high": high,
        "protocol": protocol, "better": "lower" if network and network.score == "distance" else "higher",
        "split": split, "n": len(values), "seed": seed,
    }  # fmt: skip


def _grey(pictures: Tensor) -> NDArray[np.float64]:
    weight = torch.tensor(_GREY, dtype=torch.float64, device=pictures.device).view(3, 1, 1)
    return np.asarray((pictures.double() * weight).sum(1).cpu().numpy())


def _structure(x: NDArray[np.float64], y: NDArray[np.float64], sigma: float, data_range: float) -> NDArray[np.float64]:
    """Mean of the similarity map inside the border, ``(n,)``; the window is applied along one axis, then the other."""
    from scipy.ndimage import gaussian_filter

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, (0, sigma, sigma), truncate=3.5))

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    full = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    full /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    border = int(3.5 * sigma + 0.5)
    return np.asarray(full[:, border:-border, border:-border].mean((1, 2)))


def _check_size(size: int, smallest: int) -> None:
    if size < smallest:
        raise CounterpointError(f"size is {size}.", f"{smallest} pixels or more are needed.")


def _mean_score(values: Tensor) -> MeanScore:
    return MeanScore(float(values.mean()), values.cpu().numpy())
