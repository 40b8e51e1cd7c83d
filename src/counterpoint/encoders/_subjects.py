"""One module per subject, under any name a subject may have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from counterpoint.core.errors import CounterpointError, unknown


class Subjects(nn.Module):
    """Modules by subject: each takes ``(samples, in_dim)`` of its own size to one common width."""

    def __init__(self) -> None:
        super().__init__()
        self.of = nn.ModuleDict()
        self._keys: dict[str, str] = {}

    def add(self, name: str, module: nn.Module) -> None:
        """Take in a new subject's module, and bring it to where the others are."""
        if not isinstance(name, str) or not name:
            raise CounterpointError(f"A subject is named {name!r}.", "A non-empty string was expected.")
        if name in self._keys:
            raise CounterpointError(f'There is a subject "{name}" already.', "Each name is used once.")
        weight = next(self.of.parameters(), None)
        # Submodules may have no dot in their name, and none that dictionaries have as a method
        self._keys[name] = "subject_" + name.replace("%", "%25").replace(".", "%2E")
        self.of[self._keys[name]] = module if weight is None else module.to(weight.device, weight.dtype)
        module.train(self.training)

    def names(self) -> list[str]:
        """In the order in which they came."""
        return list(self._keys)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __getitem__(self, name: str) -> nn.Module:
        if name not in self._keys:
            raise unknown("subject", str(name), self.names(), 'model.add_subject("NAME", in_dim)')
        return self.of[self._keys[name]]

    def forward(self, x: Tensor | Sequence[Tensor], subject: str | Sequence[str]) -> Tensor:
        """Responses of one subject, or a list of responses with a list of names: joined in that order."""
        if isinstance(x, Tensor) and isinstance(subject, str):
            result: Tensor = self[subject](x)
            return result
        if isinstance(x, Tensor) or isinstance(subject, str) or len(x) != len(subject) or not len(x):
            raise CounterpointError(
                "Responses and subjects do not go together.",
                "One tensor with one name, or a list of tensors with as many names, was expected.",
            )
        return torch.cat([self[name](part) for part, name in zip(x, subject, strict=True)])
