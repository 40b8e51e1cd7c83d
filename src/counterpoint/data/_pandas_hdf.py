"""The numbers of a pandas HDF table, read with h5py.

pandas and PyTables unpickle attributes and labels of any file they open, so a file from elsewhere is not given to
them. The numbers themselves are plain HDF5 arrays: one per kind of number in the fixed form (``block0_values``), one
field each in the table form. Labels that are pickled are not read; within a block columns keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError, missing_extra
from counterpoint.data._reading import place
from counterpoint.data.brain import as_text, pickled

REWRITE = ('rewrite it where you trust it: h5py.File(NEW, "w")["responses"] = '
           'pandas.read_hdf(OLD).drop(columns="voxel_id").to_numpy("float32")')
ROWS = 1024


class HdfTable:
    """Rows of numbers of a pandas frame, or of one plain two-dimensional dataset.

    Attributes
    ----------
    shape : (rows, columns) of the widest block of floats.
    first : whole numbers of a block of their own (``voxel_id``), if there are any.
    labels : names of the columns where they are stored as text.
    """

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise missing_extra(f"Reading {path.name}", "h5py", "fmri") from error
        self.path = place(path, "A pandas HDF file")
        try:
            with h5py.File(self.path) as file:
                self._describe(file)
        except OSError as error:
            raise CounterpointError(f"{path} could not be read: {error}.", "An HDF5 file was expected.") from error

    def _describe(self, file: Any) -> None:
        frames: list[Any] = []
        file.visititems(lambda _, item: frames.append(item) if "pandas_type" in item.attrs else None)
        self.first: np.ndarray | None = None
        self.labels: list[str] | None = None
        self.field, self.turned = "", False
        if not frames:
            plain = [item for item in file.values() if getattr(item, "ndim", 0) == 2]
            if len(plain) != 1:
                raise CounterpointError(f"{self.path} holds {len(plain)} tables of numbers.",
                                        "One was expected.", REWRITE)
            self._take(plain[0])
            return
        if len(frames) != 1:
            raise CounterpointError(f"{self.path} holds {len(frames)} pandas objects.", "One frame was expected.")
        table = frames[0].get("table")
        self._fixed(frames[0]) if table is None else self._appendable(table)

    def _fixed(self, group: Any) -> None:
        blocks = sorted(name[: -len("_values")] for name in group if name.endswith("_values"))
        objects = [name for name in blocks if group[f"{name}_values"].dtype.kind not in "fiu"]
        if objects or not blocks:
            raise pickled(f"{self.path} ({group.name}/{(objects or ['block0'])[0]}_values)", REWRITE)
        floats = [name for name in blocks if group[f"{name}_values"].dtype.kind == "f"]
        widest = max(floats or blocks, key=lambda name: group[f"{name}_values"].size)
        if len(floats) > 1:
            raise CounterpointError(f"{self.path} keeps its columns in {len(floats)} blocks of floats.",
                                    "One kind of number for all trials was expected.", REWRITE)
        items = group[f"{widest}_items"]
        self.labels = as_text(items[:]) if items.dtype.kind == "S" else None
        self.turned = not bool(group[f"{widest}_values"].attrs.get("transposed", 1))
        self._take(group[f"{widest}_values"])
        for name in blocks:
            values = group[f"{name}_values"]
            if name != widest and values.size == self.shape[0]:
                self.first = np.asarray(values[:]).reshape(-1)

    def _appendable(self, table: Any) -> None:
        fields = [name for name in table.dtype.names if name.startswith("values_block_")]
        wide = [name for name in fields if table.dtype[name].base.kind == "f"]
        if len(wide) != 1:
            raise CounterpointError(f"{self.path} keeps its columns in {len(wide)} blocks of floats.",
                                    "One kind of number for all trials was expected.", REWRITE)
        self.field, self.dataset = wide[0], table.name
        self.dtype = table.dtype[wide[0]].base
        self.shape = (len(table), *(table.dtype[wide[0]].shape or (1,)))
        for name in fields:
            if table.dtype[name].base.kind in "iu" and int(np.prod(table.dtype[name].shape or (1,))) == 1:
                self.first = np.asarray(table[name]).reshape(-1)

    def _take(self, dataset: Any) -> None:
        if dataset.dtype.kind not in "fiu":
            raise pickled(f"{self.path} ({dataset.name})", REWRITE)
        self.dataset, self.dtype = dataset.name, dataset.dtype
        self.shape = dataset.shape[::-1] if self.turned else dataset.shape

    def parts(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and ``(rows, columns)`` of one stretch after another."""
        import h5py

        with h5py.File(self.path) as file:
            dataset = file[self.dataset]
            for start in range(0, self.shape[0], ROWS):
                stop = min(start + ROWS, self.shape[0])
                try:
                    part = dataset[:, start:stop].T if self.turned else dataset[start:stop]
                except OSError as error:
                    raise CounterpointError(f"{self.path} could not be read: {error}.",
                                            "Numbers in a compression that h5py knows were expected.",
                                            REWRITE) from error
                yield start, part[self.field].reshape(stop - start, -1) if self.field else part
