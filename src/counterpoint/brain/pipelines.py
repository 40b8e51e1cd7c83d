"""Pictures from embeddings with the large generators of the papers, read from a local folder of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.brain._flow import check_sampling
from counterpoint.core.errors import CounterpointError, missing_extra, unknown

KINDS = {
    "unclip": ("unet", 10.0),
    "versatile": ("image_unet", 3.5),
    "sdxl-unclip": ("unet", 5.0),
}
"""Folder of the denoiser, and guidance."""
RISKY = (".py", ".bin", ".ckpt", ".pt", ".pth", ".pkl")


class DiffusersGenerator:
    """A latent diffusion model that is conditioned on picture embeddings, with the picture to start from.

    Every kind runs the same loop: 20 UniPC steps, classifier-free guidance against a zero embedding, and for
    a given ``strength`` a start at the noised low-level picture (SDEdit, Meng et al., 2022). What differs is
    how the embedding enters the denoiser:

    - ``"unclip"``: Stable unCLIP (stable-diffusion-2-1-unclip). One projected CLIP embedding ``(n, dim)``,
      brought to the normaliser's scale, noise level 0, as class embedding; the prompt is empty.
    - ``"versatile"``: the image branch of Versatile Diffusion, as MindEye uses it. Tokens ``(n, 257, 768)``,
      divided by the length of their class token, as cross-attention.
    - ``"sdxl-unclip"``: an SDXL denoiser fine-tuned on image tokens, as MindEye2's ``(n, 256, 1664)``, in
      diffusers' layout, as cross-attention; sizes as time ids.

    Parameters
    ----------
    kind : str
        One of these.
    folder : path
        With ``unet`` (versatile: ``image_unet``), ``vae`` and ``scheduler``, and for unclip a whole pipeline
        folder; safetensors only. Nothing is downloaded.
    device : str
        Where it runs.
    dtype : torch.dtype
        float16 halves the memory on a GPU.

    Raises
    ------
    CounterpointError
        Unknown kind, missing folder or library, or a folder with code or pickled weights in it.
    """

    def __init__(
        self, kind: str, folder: str | Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        if kind not in KINDS:
            raise unknown("generator", kind, KINDS, 'DiffusersGenerator("versatile", FOLDER)')
        home = _safe_pipeline(folder, (KINDS[kind][0], "vae", "scheduler"))
        try:
            import diffusers
        except ImportError:
            raise missing_extra(f'DiffusersGenerator("{kind}")', "diffusers", "images") from None
        self.kind, self.guidance = kind, KINDS[kind][1]
        options = {"local_files_only": True, "use_safetensors": True, "torch_dtype": dtype}
        try:
            if kind == "unclip":
                whole = diffusers.StableUnCLIPImg2ImgPipeline
                self.pipe: Any = whole.from_pretrained(
                    str(home), image_encoder=None, feature_extractor=None, **options
                ).to(device)
                self.unet, self.vae = self.pipe.unet, self.pipe.vae
            else:
                self.unet = diffusers.UNet2DConditionModel.from_pretrained(
                    str(home / KINDS[kind][0]), **options
                )
                self.vae = diffusers.AutoencoderKL.from_pretrained(str(home / "vae"), **options)
            stored = diffusers.UniPCMultistepScheduler.load_config(str(home / "scheduler"))
            self.scheduler = diffusers.UniPCMultistepScheduler.from_config(stored)
        except Exception as error:
            raise CounterpointError(
                f"{folder} could not be read as {kind}: {error}.",
                "A pipeline folder of that kind was expected.",
            ) from error
        for part in (self.unet, self.vae):
            part.requires_grad_(False).eval().to(device)
        self.device, self.dtype = torch.device(device), dtype
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)

    @torch.no_grad()
    def generate(
        self,
        embedding: Tensor | NDArray[np.floating[Any]],
        *,
        low_level: Tensor | NDArray[Any] | None = None,
        strength: float = 1.0,
        samples: int = 1,
        steps: int = 20,
        guidance: float | None = None,
        generator: torch.Generator | None = None,
        batch: int = 4,
    ) -> NDArray[np.uint8]:
        """Draw pictures for embeddings.

        Parameters
        ----------
        embedding : Tensor or ndarray
            ``(n, dim)`` or ``(n, 1, dim)`` for unclip, ``(n, tokens, dim)`` otherwise, as predicted.
        low_level : Tensor or ndarray, optional
            Pictures ``(n, 3, height, width)``, uint8 or float in 0..1, that are resized to the model's size, or
            latents ``(n, 4, height, width)`` of its autoencoder, scaled as the denoiser sees them.
        strength : float
            1 ignores ``low_level``, 0 returns it (through the autoencoder); MindEye takes 0.85.
        samples, steps : int
            Pictures for each embedding; steps of the whole path, of which ``strength`` are taken.
        guidance : float, optional
            By default the kind's own: 10, 3.5 and 5.
        generator : torch.Generator, optional
            Source of all noise.
        batch : int
            Pictures at a time.

        Returns
        -------
        ndarray
            ``(n, samples, 3, height, width)`` uint8.
        """
        check_sampling(strength=strength, samples=samples, steps=steps, given=low_level is not None)
        given = torch.as_tensor(embedding).to(self.device, self.dtype)
        start = None if low_level is None else self._start(torch.as_tensor(low_level))
        if start is not None and len(start) != len(given):
            raise CounterpointError(f"{len(given)} embeddings and {len(start)} pictures to start from.")
        rows = torch.arange(len(given), device=self.device).repeat_interleave(samples).split(batch)
        scale = self.guidance if guidance is None else guidance
        parts = []
        for part in rows:
            first = None if start is None else start[part]
            latents = self._walk(given[part], first, strength, steps=steps, scale=scale, generator=generator)
            pixels = self.vae.decode(latents / self.vae.config.scaling_factor).sample
            parts.append(((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu())
        return torch.cat(parts).unflatten(0, (-1, samples)).numpy()

    def _walk(
        self,
        given: Tensor,
        start: Tensor | None,
        strength: float,
        *,
        steps: int,
        scale: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        side = int(self.unet.config.sample_size)
        shape = (len(given), int(self.unet.config.in_channels), side, side)
        where = generator.device if generator else self.device
        noise = torch.randn(shape, generator=generator, device=where).to(self.device, self.dtype)
        self.scheduler.set_timesteps(steps, device=self.device)
        skipped = 0 if start is None else steps - min(steps, round(steps * strength))
        times = self.scheduler.timesteps[skipped:]
        if start is not None and not len(times):
            return start
        self.scheduler.set_begin_index(skipped)
        if start is None or strength == 1:
            x = noise * self.scheduler.init_noise_sigma
        else:
            x = self.scheduler.add_noise(start, noise, times[:1].expand(len(start)))
        condition = self._condition(given, side * self.factor, generator)
        for time in times:
            twice = self.scheduler.scale_model_input(torch.cat([x, x]), time)
            free, full = self.unet(twice, time, **condition).sample.chunk(2)
            x = self.scheduler.step(free + scale * (full - free), time, x).prev_sample
        return x

    def _condition(self, given: Tensor, size: int, generator: torch.Generator | None) -> dict[str, Any]:
        """What the denoiser is told, without and with the embedding."""
        if self.kind == "unclip":
            flat = given[:, 0] if given.ndim == 3 else given
            noise = torch.randn(
                flat.shape, generator=generator, device=generator.device if generator else None
            )
            told = self.pipe.noise_image_embeddings(flat, noise_level=0, noise=noise.to(flat))
            prompt, _ = self.pipe.encode_prompt("", self.device, len(flat), False)
            return {"encoder_hidden_states": prompt.repeat(2, 1, 1), "class_labels": _with_zeros(told)}
        if given.ndim != 3:
            raise CounterpointError(
                f"Embeddings of shape {tuple(given.shape)} were given.",
                "(n, tokens, dim) was expected.",
                'PictureTarget("clip:FOLDER", layer="map")',
            )
        if self.kind == "versatile":
            return {"encoder_hidden_states": _with_zeros(given / given[:, :1].norm(dim=-1, keepdim=True))}
        return {
            "encoder_hidden_states": _with_zeros(given),
            "added_cond_kwargs": self._sizes(len(given), size),
        }

    def _sizes(self, n: int, size: int) -> dict[str, Tensor]:
        """Original size, crop and (where the denoiser has room for it) target size; no pooled text."""
        config = self.unet.config
        if config.addition_embed_type != "text_time":
            return {}
        room, each = config.projection_class_embeddings_input_dim, config.addition_time_embed_dim
        numbers = torch.tensor([size, size, 0, 0, size, size][: min(6, room // each)])
        told = numbers.to(self.device, self.dtype).expand(2 * n, -1)
        text = torch.zeros(2 * n, room - each * len(numbers), device=self.device, dtype=self.dtype)
        return {"time_ids": told, "text_embeds": text}

    def _start(self, low_level: Tensor) -> Tensor:
        """Latents to start from."""
        if low_level.ndim != 4 or low_level.shape[1] not in (3, 4):
            raise CounterpointError(
                f"low_level has shape {tuple(low_level.shape)}.",
                "Pictures (n, 3, height, width) or latents (n, 4, height, width) were expected.",
            )
        x = low_level.float() / 255 if low_level.dtype == torch.uint8 else low_level.float()
        side = int(self.unet.config.sample_size)
        if x.shape[1] == 4:
            return F.interpolate(x, (side, side)).to(self.device, self.dtype)
        x = F.interpolate(x, (side * self.factor,) * 2, mode="bicubic", antialias=True).clamp(0, 1)
        codes = self.vae.encode((x * 2 - 1).to(self.device, self.dtype)).latent_dist.mode()
        return codes * self.vae.config.scaling_factor


def _with_zeros(value: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(value), value])


def _safe_pipeline(folder: str | Path, needed: tuple[str, ...]) -> Path:
    """A folder with the parts ``needed``, and no file in it that could run code when read."""
    home = Path(folder).expanduser()
    absent = [name for name in needed if not (home / name).is_dir()]
    if absent:
        raise CounterpointError(
            f"{folder} has no folder {', '.join(absent)}.",
            "A pipeline saved by diffusers was expected.",
            "pipeline.save_pretrained(FOLDER, safe_serialization=True)",
        )
    risky = sorted(file.relative_to(home) for file in home.rglob("*") if file.suffix in RISKY)
    if risky:
        raise CounterpointError(
            f"{folder} holds {risky[0]}, which can run code when opened.",
            "Safetensors alone are read.",
            "pipeline.save_pretrained(FOLDER, safe_serialization=True)",
        )
    return home
