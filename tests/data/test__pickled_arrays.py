from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpoint.core.errors import CounterpointError
from counterpoint.data._pickled_arrays import unpickle_array


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(
        st.sampled_from(["<f4", ">f8", "<f2", "<i8", ">i2", "u1", "?"]),
        hnp.array_shapes(min_dims=0, min_side=0),
    ),
    protocol=st.integers(0, 5),
    fortran=st.booleans(),
)
def test_numpy_arrays_come_back(values: np.ndarray, protocol: int, fortran: bool) -> None:
    stored = np.asfortranarray(values) if fortran else values
    found = unpickle_array(pickle.dumps(stored, protocol), place="x")
    np.testing.assert_array_equal(found, stored)
    assert found.shape == stored.shape
    assert found.dtype == values.dtype.newbyteorder("=")


@pytest.mark.parametrize("value", [2.0, 3, np.float32(1.5), np.int64(-4), np.float64(2)])
@pytest.mark.parametrize("protocol", range(6))
def test_numbers_come_back(value: Any, protocol: int) -> None:
    assert unpickle_array(pickle.dumps(value, protocol), place="x") == value


def test_pickles_of_older_numpy_come_back() -> None:
    """The path of numpy 1, and text for bytes as Python 2 wrote it."""
    new = pickle.dumps(np.arange(3, dtype="<i4"), 2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != new
    assert unpickle_array(old, place="x").tolist() == [0, 1, 2]
    two = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n"
        b"(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."
    )
    assert unpickle_array(two, place="x").tolist() == [1.0, 2.0]


class _Shout:
    def __reduce__(self) -> Any:
        return os.system, ("touch SHOUTED",)


class _Evaluated:
    def __reduce__(self) -> Any:
        return eval, ("1",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(_Shout()), "it names (posix|nt).system"),
        (pickle.dumps(_Evaluated()), "it names builtins.eval"),
        (pickle.dumps(np.array([_Shout()], object)), "it names"),
        (pickle.dumps(np.array(["a", None], object)), "type 'O8'"),
        (pickle.dumps(np.array(["a"])), "type 'U1'"),
        (pickle.dumps(np.zeros(2, [("a", "f4")])), "type 'V4'"),
        (pickle.dumps({"a": 1}), "a dict"),
        (pickle.dumps("text"), "a str"),
        (pickle.dumps(np.zeros(3))[:-9], "could not be read"),
        (b"", "could not be read"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n(S'x'\ntR.", "fromfile"),
        (b"cnumpy.core.multiarray\nscalar.__class__\n.", "it names"),
        (b"cnumpy\nndarray\n(I9\ntR.", "it calls numpy.ndarray"),
        (b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.", "encodes as zip"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(tR.", "without a type"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(L99999999999L\ntcnumpy\ndtype\n(S'f8'\ntRI00\nS''\ntb.",
            "0 bytes for",
        ),
        (b"Pname\n.", "could not be read"),
    ],
)
def test_anything_else_is_refused(
    content: bytes, message: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CounterpointError, match=message) as caught:
        unpickle_array(content, place="bold.pyd of a.tar")
    assert "bold.pyd of a.tar" in str(caught.value)
    assert not list(tmp_path.iterdir())
