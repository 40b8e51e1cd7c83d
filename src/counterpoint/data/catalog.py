"""Names and paths to sources.

A file of this folder that defines a function of its own name which takes ``split`` and returns an
:class:`ImageSource` is a known set: its docstring says what it is (a head of Size, Licence, Home, Fetch), its
``INNER`` where it lies in its Debian package, its ``SPLITS`` which splits it makes itself.
"""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.core.errors import CounterpointError, unknown
from counterpoint.data.debian import PACKAGES, package_folder

if TYPE_CHECKING:
    from counterpoint.data.source import ImageSource

FOLDER = Path(__file__).resolve().parent
USER_SIZE = 64
GENERATED = {"train": 12_000, "test": 2_000}
"""Pictures of a generated set when no limit is given."""
SHARED = ("split", "n", "size", "seed", "download")
FORM = ("resize", "channels")


@dataclass(frozen=True)
class Entry:
    """One known set, as its file describes it.

    Attributes
    ----------
    name, summary : str
        What it is called, and one line about it.
    size, licence, home, fetch : str
        How many pictures, terms of use, where from, and how they get onto this machine.
    parameters : tuple of str
        What its function takes; those beyond split, n, size, seed and download are its options.
    package, inner : str
        The Debian package it lies in and the folder there; empty when it needs none.
    """

    name: str
    summary: str
    size: str
    licence: str
    home: str
    fetch: str
    parameters: tuple[str, ...]
    package: str = ""
    inner: str = ""

    @property
    def module(self) -> str:
        """The module's own name, also that of its function."""
        return self.name.replace("-", "_")

    @property
    def options(self) -> tuple[str, ...]:
        """Settings of this set alone."""
        return tuple(name for name in self.parameters if name not in SHARED)

    @property
    def generated(self) -> bool:
        """Whether any number of pictures can be had."""
        return "n" in self.parameters

    def present(self) -> bool:
        """Whether the set is on this machine; generated and installed ones always are."""
        check = getattr(importlib.import_module(f"counterpoint.data.{self.module}"), "present", None)
        if check:
            return bool(check())
        try:
            return not self.package or package_folder(self.package, self.inner).is_dir()
        except CounterpointError:
            return False


@cache
def catalog() -> dict[str, Entry]:
    """Every known set by name, read from the files without importing them.

    >>> "digits" in catalog(), catalog()["fashion-mnist"].licence
    (True, 'MIT')
    """
    found = (_entry(path) for path in sorted(FOLDER.glob("[a-z]*.py")))
    return {entry.name: entry for entry in found if entry}


def load(
    name_or_path: str | Path,
    *,
    split: str,
    size: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    download: bool = False,
    **options: Any,
) -> ImageSource:
    """The pictures of one split of a known set or of the user's own data.

    Parameters
    ----------
    name_or_path : str or Path
        A name of :func:`catalog`, ``hub:OWNER/NAME``, or a path: a folder of pictures, a CSV or parquet
        table, idx files, a saved Hugging Face data set, or tar shards.
    split : str
        ``"train"``, ``"test"``, ``"fit"`` (five sixths of train) or ``"validation"`` (one sixth).
    size : int, optional
        Side of the square pictures; ``None``: that of the arrays, and 64 for picture files.
    limit : int, optional
        At most this many pictures of the split, a seeded choice. A generated set makes this many.
    seed : int
        Of ``fit`` and ``validation``, of held-out test parts, of ``limit``, and of generated pictures.
    download : bool
        Whether what is missing may be fetched.
    **options
        ``resize`` and ``channels`` for all; further settings of a known set; column names of a table, and
        ``memory``, the bytes up to which a user's pictures are decoded at once and kept.

    Raises
    ------
    CounterpointError
        For an unknown name, path, split or option, data that are missing or damaged, and sizes out of range.

    Examples
    --------
    >>> load("digits", split="fit", limit=100).images.shape
    (100, 1, 8, 8)
    """
    from counterpoint.data.splits import check_split

    check_split(split)
    if size is not None and not 4 <= size <= 4096:
        raise CounterpointError(f"Pictures of {size} pixels.", "4 to 4096 was expected.", "--data.size 32")
    name = str(name_or_path)
    if name.replace("_", "-") in catalog():
        return _known(
            catalog()[name.replace("_", "-")],
            split=split,
            size=size,
            limit=limit,
            seed=seed,
            download=download,
            options=options,
        )
    from counterpoint.data.listing import Request
    from counterpoint.data.userdata import read

    form = {key: options.pop(key) for key in (*FORM, "memory") if key in options}
    request = Request(split=split, size=size or USER_SIZE, limit=limit, seed=seed, **form)
    return read(name, request=request, native=size is None, download=download, options=options, known=catalog())


def _known(
    entry: Entry,
    *,
    split: str,
    size: int | None,
    limit: int | None,
    seed: int,
    download: bool,
    options: dict[str, Any],
) -> ImageSource:
    from counterpoint.data.pictures import fit_array
    from counterpoint.data.splits import base_split, cut

    form = {key: options.pop(key) for key in FORM if key in options}
    for key in options:
        if key not in entry.options:
            raise unknown(f"option of {entry.name}", key, (*entry.options, *FORM), "counterpoint data list")
    module = importlib.import_module(f"counterpoint.data.{entry.module}")
    stored = split if split in getattr(module, "SPLITS", ()) else base_split(split)
    given = {"split": stored, "download": download, "size": size}
    if entry.generated:
        given |= {"seed": seed, "n": _count(split, limit)}
    given = {key: value for key, value in given.items() if key in entry.parameters and value is not None}
    source = getattr(module, entry.module)(**given, **options)
    source = cut(source, split, seed=seed, limit=limit, stored=stored)
    source.licence, source.home = source.licence or entry.licence, source.home or entry.home
    return fit_array(source, size=size, **form)


def _count(split: str, limit: int | None) -> int:
    """How many pictures to generate for a split: ``fit`` and ``validation`` are cut from them."""
    if split in GENERATED:
        return limit or GENERATED[split]
    return max(GENERATED["train"], -(-(limit or 0) * 6 // 5))


def _entry(path: Path) -> Entry | None:
    text = path.read_text(encoding="utf-8")
    if f"\ndef {path.stem}(" not in text:
        return None
    tree = ast.parse(text)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name != path.stem or not node.returns:
            continue
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        parameters = tuple(argument.arg for argument in arguments)
        if ast.unparse(node.returns) == "ImageSource" and "split" in parameters and "path" not in parameters:
            return _described(path.stem.replace("_", "-"), tree, parameters)
    return None


def _described(name: str, tree: ast.Module, parameters: tuple[str, ...]) -> Entry:
    doc = ast.get_docstring(tree) or ""
    head = dict(re.findall(r"^(Size|Licence|Home|Fetch): *(.+)$", doc, flags=re.MULTILINE))
    texts = {
        node.targets[0].id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    package = next((key for key, facts in PACKAGES.items() if facts.name == name), "")
    facts = PACKAGES.get(package)
    fetch = f"Debian package {package}, {facts.megabytes} MB" if facts else "computed here"
    return Entry(
        name=name,
        summary=doc.partition("\n")[0].strip(),
        parameters=parameters,
        package=package,
        size=head.get("Size", "any number" if "n" in parameters else ""),
        inner=texts.get("INNER", ""),
        licence=head.get("Licence", facts.licence if facts else ""),
        fetch=head.get("Fetch", fetch),
        home=head.get("Home", facts.home if facts else ""),
    )
