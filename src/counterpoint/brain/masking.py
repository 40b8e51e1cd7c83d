"""Switching networks of the brain off: which parcels a decoder may see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from counterpoint.core.errors import CounterpointError


def mask_networks(x: Tensor, network_labels: Tensor, *, drop: Sequence[int]) -> Tensor:
    """Set the parcels of some networks to 0, at every time point; the input is left as it is.

    Wang et al. 2024 (WAVE, arXiv 2411.07121), the ablation of networks. In z-scored input 0 is the mean, so
    that a parcel then says nothing; in input that is not, 0 is a signal. Networks differ in size: compare with
    :func:`random_parcel_control`.

    Parameters
    ----------
    x : Tensor
        ``(batch, time, parcels)``, or any shape with the parcels last.
    network_labels : Tensor
        ``(parcels,)`` integers, such as the Yeo-7 network of each parcel.
    drop : sequence of int
        Labels to switch off; empty for a plain copy.

    Returns
    -------
    Tensor
        Like ``x``.

    Raises
    ------
    CounterpointError
        Labels that do not fit the parcels, or a label that no parcel has.

    Examples
    --------
    >>> import torch
    >>> mask_networks(torch.ones(1, 1, 4), torch.tensor([1, 2, 2, 7]), drop=[2])
    tensor([[[1., 0., 0., 1.]]])
    """
    labels = _labels(network_labels)
    if x.ndim == 0 or labels.shape != x.shape[-1:]:
        raise CounterpointError(
            f"There are {len(labels)} network labels for an x of shape {tuple(x.shape)}.",
            "One label per parcel was expected, parcels as the last axis.",
        )
    for label in drop:
        _network(labels, label)
    wanted = torch.as_tensor(list(drop), dtype=labels.dtype, device=labels.device)
    return x.masked_fill(torch.isin(labels, wanted).to(x.device), 0.0)


def random_parcel_control(
    network_labels: Tensor,
    network: int,
    *,
    exclude: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Tensor:
    """As many random parcels as a network has, none of them its own: the control for its size.

    Parameters
    ----------
    network_labels : Tensor
        ``(parcels,)`` integers.
    network : int
        The network whose size is matched.
    exclude : sequence of int
        Further labels to draw nothing from, such as that of unlabelled parcels, or of a network that is known
        to matter.
    generator : torch.Generator, optional
        For the same draw again.

    Returns
    -------
    Tensor
        ``(parcels,)`` bool, True for the drawn parcels: ``x.masked_fill(mask, 0.0)`` switches them off.

    Raises
    ------
    CounterpointError
        A network that no parcel has, or too few parcels to draw from.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([1, 1, 2, 3, 3, 3])
    >>> mask = random_parcel_control(labels, 1, exclude=[2])
    >>> int(mask.sum()), sorted(set(labels[mask].tolist()))
    (2, [3])
    """
    labels = _labels(network_labels)
    size = int((labels == _network(labels, network)).sum())
    closed = torch.as_tensor([network, *exclude], dtype=labels.dtype, device=labels.device)
    pool = (~torch.isin(labels, closed)).nonzero().squeeze(1)
    if len(pool) < size:
        raise CounterpointError(
            f"Network {network} has {size} parcels and only {len(pool)} are left to draw from.",
            "A control needs as many outside it; exclude fewer labels.",
        )
    home = generator.device if generator is not None else labels.device
    drawn = pool[torch.randperm(len(pool), generator=generator, device=home)[:size].to(pool.device)]
    mask = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    mask[drawn] = True
    return mask


def _labels(network_labels: Tensor) -> Tensor:
    labels = torch.as_tensor(network_labels)
    if labels.ndim != 1 or labels.is_floating_point() or labels.dtype == torch.bool:
        raise CounterpointError(
            f"network_labels are {labels.dtype} of shape {tuple(labels.shape)}.", "(parcels,) integers were expected."
        )
    return labels


def _network(labels: Tensor, label: int) -> int:
    if not bool((labels == label).any()):
        known = ", ".join(str(value) for value in labels.unique().tolist()[:12])
        raise CounterpointError(f"No parcel has the network label {label}.", f"Known: {known}.")
    return label
