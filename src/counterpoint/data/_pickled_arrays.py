"""One number or array out of a pickle, without ever calling what the pickle names.

A pickle is a small program that may call any function. Here every name in it is looked up in a short table
of stand-ins for numpy's own reconstruction functions; they only note down dtype, shape and bytes, which are
checked before an array is made. Any other name ends the reading.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from counterpoint.core.errors import CounterpointError

_CODE = re.compile(r"[fiub](1|2|4|8)")
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


def unpickle_array(content: bytes, *, place: str) -> np.ndarray:
    """The numeric array (or number) in a pickle; anything else is refused.

    Parameters
    ----------
    content : bytes
        The pickle, any protocol, written by Python 2 or 3.
    place : str
        What messages call it.

    Raises
    ------
    CounterpointError
        When it names anything but numpy's reconstruction functions, or holds no plain numbers.

    Examples
    --------
    >>> import pickle
    >>> unpickle_array(pickle.dumps(np.arange(3)), place="a.pyd")
    array([0, 1, 2])
    """
    try:
        found = _Reader(io.BytesIO(content)).load()
        if isinstance(found, _Shell):
            return found.array()
        if isinstance(found, bool | int | float):
            return np.asarray(found)
    except CounterpointError as error:
        raise CounterpointError(f"{place}: {error.given}", error.expected) from error
    except Exception as error:  # a damaged pickle fails in any of its operations
        raise CounterpointError(
            f"{place} could not be read: {error}.", "A pickled array was expected."
        ) from error
    raise CounterpointError(f"{place} holds a {type(found).__name__}.", "A pickled array was expected.")


class _Shell:
    """What a pickle says of an array: filled by its instructions, believed only after checks."""

    __slots__ = ("content", "dtype", "fortran", "sides")

    def __init__(self) -> None:
        self.dtype: Any = None
        self.sides: Any = ()
        self.content: Any = b""
        self.fortran = False

    def __setstate__(self, state: Any) -> None:
        self.sides, self.dtype, self.fortran, self.content = state[-4:]

    def array(self) -> np.ndarray:
        if not isinstance(self.dtype, _Type):
            raise _refused("an array without a type")
        dtype, sides = self.dtype.numpy(), tuple(self.sides)
        content = self.content.encode("latin1") if isinstance(self.content, str) else self.content
        whole = all(type(side) is int and side >= 0 for side in sides)
        if not isinstance(content, bytes | bytearray) or not whole:
            raise _refused("an array of objects")
        if math.prod(sides) * dtype.itemsize != len(content):
            raise _refused(f"{len(content)} bytes for an array of shape {sides}")
        values = np.frombuffer(bytes(content), dtype).reshape(sides, order="F" if self.fortran else "C")
        return values.astype(dtype.newbyteorder("="))


class _Type:
    """What a pickle says of a dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code
        self.order: Any = "|"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]

    def numpy(self) -> np.dtype[Any]:
        if not isinstance(self.code, str) or not _CODE.fullmatch(self.code) or self.order not in "<>|=":
            raise _refused(f"an array of type {self.code!r}")
        return np.dtype(self.code).newbyteorder(self.order)


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        known = _stand_ins()
        key = name if module in _MODULES else f"{module.replace('__builtin__', 'builtins')}.{name}"
        if key not in known:
            raise _refused(f"it names {module}.{name}")
        return known[key]


def _stand_ins() -> dict[str, Callable[..., Any]]:
    # made anew for every look-up, so that nothing a pickle writes onto one outlives it
    def reconstruct(*_: Any) -> _Shell:
        return _Shell()

    def ndarray(*_: Any) -> Any:
        raise _refused("it calls numpy.ndarray")

    def dtype(code: Any, *_: Any) -> _Type:
        return _Type(code)

    def scalar(kind: Any, content: Any = b"") -> _Shell:
        shell = _Shell()
        shell.__setstate__(((), kind, False, content))
        return shell

    def from_buffer(content: Any, kind: Any, sides: Any, order: Any) -> _Shell:
        shell = _Shell()
        shell.__setstate__((sides, kind, order == "F", content))
        return shell

    def encode(text: str, encoding: str = "") -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise _refused(f"it encodes as {encoding}")
        return text.encode("latin1")

    def no_bytes() -> bytes:
        return b""

    return {
        "builtins.bytes": no_bytes,
        "_reconstruct": reconstruct,
        "scalar": scalar,
        "_frombuffer": from_buffer,
        "numpy.ndarray": ndarray,
        "numpy.dtype": dtype,
        "_codecs.encode": encode,
    }


def _refused(what: str) -> CounterpointError:
    return CounterpointError(
        f"{what}.", "A plain numeric numpy array was expected, and nothing else is unpickled."
    )
