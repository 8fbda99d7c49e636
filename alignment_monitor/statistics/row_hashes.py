"""Hashes of the rows of a frame, and of sets of rows: equal figures, equal hash.

Here belongs: a hash that depends on values alone, not on the order of rows or columns, on how a
library stores them or on its version. Here does not belong: which rows a decision rests on.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_DIGEST = 16
_MISSING = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(frame: pd.DataFrame) -> Hashes:
    """A 64-bit hash of each row, over the names and values of all columns.

    Values of a column count as what they mean: times whatever their unit, numbers as floats by all
    their bits, -0.0 as 0.0, NaN, NaT and None alike as missing, and everything else by its text.

    Args:
        frame: n rows.

    Returns:
        n hashes.
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in sorted(map(str, frame.columns)):
        total = _mixed(total ^ _mixed(_bits(frame[name]) ^ _text_hash(name)))
    return total


def hash_of(parts: Mapping[str, Hashes], figures: Mapping[str, Any]) -> str:
    """One hash of sets of rows and of single figures, as hexadecimal text.

    Args:
        parts: hashes of rows by the name of their set, in any order within it.
        figures: values that JSON has.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST)
    digest.update(json.dumps(figures, sort_keys=True, default=str).encode())
    for name in sorted(parts):
        rows = np.sort(parts[name]).astype("<u8")
        digest.update(f"\0{name}\0{len(rows)}\0".encode())
        digest.update(rows.tobytes())
    return digest.hexdigest()


def _mixed(values: Hashes) -> Hashes:
    """Splitmix64's finaliser (Steele, Lea and Flood 2014): each bit moves all others."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _bits(values: pd.Series) -> Hashes:
    missing = values.isna().to_numpy()
    kind = values.dtype.kind
    if kind == "M":
        days = values.to_numpy().astype("datetime64[us]").astype(np.int64)
        bits = days.view(np.uint64)
    elif kind in "iubf":
        # A whole number as a float: a column turns into floats where one value is missing.
        bits = (values.to_numpy(dtype=np.float64) + 0.0).view(np.uint64)
    else:
        codes, texts = pd.factorize(values.astype(object))
        known = np.array([_text_hash(_told(text)) for text in texts], dtype=np.uint64)
        bits = np.append(known, _MISSING)[codes]
    return np.where(missing, _MISSING, bits)


def _told(value: Any) -> str:
    """A value as text; a day is no other than midnight of it."""
    return value.isoformat()[:10] if isinstance(value, date) else str(value)


def _text_hash(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))
