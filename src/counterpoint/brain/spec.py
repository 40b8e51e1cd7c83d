"""Which responses a run reads, through which network, and what they are matched with: typed settings without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from counterpoint.core.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.brain.subject import Subject
    from counterpoint.encoders.brain_network import BrainNetwork


@dataclass(frozen=True)
class BrainData:
    """Responses of one person or of several, and how they are prepared.

    Attributes
    ----------
    source : str
        ``"simulated"``, a path, or ``layout:path`` with a layout of ``counterpoint data list``
        (``nsd:/data/nsd``, ``haxby:/data/haxby``, ``array:subject.h5`` ...).
    subjects : tuple of str
        Who; several people train in one run. Empty: the first.
    batch_size : int
        Samples of every person per step and process.
    repeats : "one", "all" or "mean"
        ``one``: an epoch shows every picture once, by another of its showings each time; ``all``: every showing is a
        sample; ``mean``: showings are averaged first.
    limit : int or None
        At most this many training pictures of every person, a seeded choice.
    validation : float
        Share of the training pictures held back for the curve of an epoch; never the test pictures.
    zscore : "session", "run", "subject" or "none"
        Within what each voxel is standardised.
    fit_on : "train" or "all"
        Trials that its mean and deviation come from.
    clip : float
        Largest deviation after that; 0 leaves it alone.
    rois : tuple of str
        Masks whose union is kept; empty: all voxels.
    drop_networks : tuple of str
        Networks left out throughout, in training and test: ablation with retraining.
    min_ceiling : float
        Voxels below this noise ceiling (per cent, as shipped with the data) are left out.
    shuffle_pairs : bool
        Null control: training responses are matched with other pictures of the same person.
    workers : int
        Unused: responses are read ahead by one thread.
    download : bool
        Whether a set that is not on this machine may be fetched.
    seed : int
        Of ``limit``, of held-out parts and of simulated people; -1: the run's own.
    options : dict
        Further settings of the reader or of the simulation, such as ``{"train": 600, "voxels": 1500}``.
    """

    source: str = "simulated"
    subjects: tuple[str, ...] = ()
    batch_size: int = 32
    repeats: Literal["one", "all", "mean"] = "one"
    limit: int | None = None
    validation: float = 0.0
    zscore: Literal["session", "run", "subject", "none"] = "session"
    fit_on: Literal["train", "all"] = "train"
    clip: float = 0.0
    rois: tuple[str, ...] = ()
    drop_networks: tuple[str, ...] = ()
    min_ceiling: float = 0.0
    shuffle_pairs: bool = False
    workers: int = 0
    download: bool = False
    seed: int = -1
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise CounterpointError(
                f"A batch of {self.batch_size} has no negatives.",
                "Two or more samples are needed.",
                "--data.batch_size 32",
            )
        if not 0 <= self.validation < 1:
            raise CounterpointError(
                f"data.validation is {self.validation}.",
                "A share in 0..1 was expected.",
                "--data.validation 0.1",
            )

    def load(self, seed: int) -> list[Subject]:
        """The people of this run, prepared; ``seed`` is the run's."""
        from counterpoint.brain.people import load_people

        return load_people(self, seed if self.seed < 0 else self.seed)


@dataclass(frozen=True)
class BrainEncoder:
    """The network from responses to picture tokens.

    Attributes
    ----------
    name : "mlp", "mixer", "adapter", "causal" or "linear"
        ``mlp``: one linear layer per person, then MindEye's shared residual network; ``mixer``: MindEye2's blocks;
        ``adapter``: STTM's adapters and shared token decoder; ``causal``: WAVE's sequence encoder of parcel time
        series; ``linear``: one linear map per person.
    hidden, blocks : int
        Width and residual blocks.
    dropout, block_dropout : float
        After the first layer, and within blocks.
    adapter_blocks : int
        Residual blocks of every person's adapter.
    token_width, attention_width, heads : int
        Token decoder of ``adapter``; ``heads`` also of ``causal``.
    """

    name: Literal["mlp", "mixer", "adapter", "causal", "linear"] = "mlp"
    hidden: int = 256
    blocks: int = 2
    dropout: float = 0.5
    block_dropout: float = 0.15
    adapter_blocks: int = 1
    token_width: int = 128
    attention_width: int = 256
    heads: int = 4

    def build(self, *, inputs: dict[str, int], tokens: int, dim: int, text_dim: int = 0,
              t_r: float = 2.0) -> BrainNetwork:
        """The network for people with these voxel counts and targets of this shape (imports torch)."""
        from counterpoint.encoders.brain_network import BrainNetwork

        settings = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "name"}
        return BrainNetwork(inputs, kind=self.name, tokens=tokens, dim=dim, text_dim=text_dim, t_r=t_r, **settings)


@dataclass(frozen=True)
class BrainViews:
    """The other voices: what a response is matched with, and how the response itself is varied in training.

    Attributes
    ----------
    picture : str
        The frozen network that sees the pictures (``efficientnet_lite0``, ``open_clip:MODEL``, ``clip:FOLDER``);
        empty: texts take its place.
    picture_weights : str
        Folder or safetensors file with its weights, where they are not shipped.
    picture_size : int
        Side in pixels at which it sees them.
    layer : "pooled" or "map"
        One vector per picture, or all tokens.
    text : str
        The frozen network that reads the captions (``minilm``, ``hash``, ``clip:FOLDER``); empty: none.
    text_weights : str
        Its weights, where they are not shipped.
    centre : bool
        Subtract the mean of the training pictures' embeddings and scale their typical length to 1; the spectrum keeps
        its shape. Targets that lie in a narrow cone are told apart better so.
    components : int
        Rotate to the first so many principal directions of the training pictures, without scaling them: the spectrum
        stays, small trainings get cheaper. 0: all dimensions as they are. One token only.
    whiten : bool
        Equalise the spectrum of those directions; only for control experiments.
    latent : bool
        Also the picture's latent of the shipped autoencoder, for a low-level branch.
    maps : bool
        Also the last feature map of the picture network, plain and of a varied picture, for its auxiliary loss.
    noise : float
        Standard deviation of Gaussian noise added to responses.
    drop_entries : float
        Share of entries of a response set to zero, without rescaling.
    shuffle_time : bool
        Time points of a series in random order.
    """

    picture: str = "efficientnet_lite0"
    picture_weights: str = ""
    picture_size: int = 128
    layer: Literal["pooled", "map"] = "pooled"
    text: str = ""
    text_weights: str = ""
    centre: bool = True
    components: int = 0
    whiten: bool = False
    latent: bool = False
    maps: bool = False
    noise: float = 0.0
    drop_entries: float = 0.0
    shuffle_time: bool = False
