"""Texts as sparse features: which hashed character and word n-grams stand in each.

Here belong: how a text is cleaned, which n-grams count, and their hashing, all in array operations.
Here does not belong: what a feature weighs (model, training).

Source of the method: the hashing trick (Weinberger et al. 2009) without signs, over polynomial
hashes of every window of a buffer that holds all texts end to end (Karp and Rabin 1987).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FEATURES_VERSION = "ngrams-1"
BITS = 17
BUCKETS = 2**BITS
CHARACTER_ORDERS = (4,)
WORD_ORDERS = (1, 2)
MOST_CHARACTERS = 8_000
"""What is read of a text: a reply of megabytes must not cost seconds."""

_BASE = 0x9E3779B97F4A7C15
_MIXER = np.uint64(0xD6E8FEB86659FD93)
_SPACE = ord(" ")


def _symbols() -> NDArray[np.uint8]:
    """Each byte's symbol: small letters, any digit as 0, white space as one kind of space."""
    table = np.arange(256, dtype=np.uint8)
    table[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
    table[ord("0") : ord("9") + 1] = ord("0")
    table[: _SPACE + 1] = _SPACE
    return table


_SYMBOLS = _symbols()
_IN_WORD = np.array([chr(s).isalnum() or s >= 128 or s == ord("'") for s in range(256)])


def buckets(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct hashed n-grams of each text.

    Args:
        texts: any texts, empty ones too.

    Returns:
        The buckets of all texts end to end, ascending within each, and where each text's begin:
        shape (number of texts + 1,).
    """
    cleaned = [
        text[:MOST_CHARACTERS].lower().replace("’", "'").encode("utf-8", "replace")
        for text in texts
    ]
    starts = np.zeros(len(cleaned) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in cleaned], out=starts[1:])
    symbols = _SYMBOLS[np.frombuffer(b"".join(cleaned), dtype=np.uint8)]
    owner = np.repeat(np.arange(len(cleaned), dtype=np.int64), np.diff(starts))
    hashes = _Hashes(symbols)
    found = [_characters(hashes, owner, order) for order in CHARACTER_ORDERS]
    found += _words(hashes, symbols, owner)
    keys = np.concatenate(found)
    keys.sort()
    if keys.size:
        keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
    bounds = np.searchsorted(keys, np.arange(len(cleaned) + 1, dtype=np.int64) << BITS)
    return keys & (BUCKETS - 1), bounds


def feature_matrix(texts: Sequence[str]) -> sparse.csr_matrix:
    """One row a text, of Euclidean length 1: the same value for each n-gram that stands in it.

    Args:
        texts: any texts.

    Returns:
        Shape (number of texts, BUCKETS), 32-bit floats.
    """
    columns, bounds = buckets(texts)
    counts = np.diff(bounds)
    values = np.repeat(1.0 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    return sparse.csr_matrix((values, columns, bounds), shape=(len(texts), BUCKETS))


class _Hashes:
    """Hashes of any stretch of a buffer, from running sums of its symbols, modulo 2**64."""

    def __init__(self, symbols: NDArray[np.uint8]) -> None:
        powers, self._inverse = _powers(_rounded(symbols.size + 1))
        self._sums = np.zeros(symbols.size + 1, dtype=np.uint64)
        np.cumsum((symbols + np.uint64(1)) * powers[: symbols.size], out=self._sums[1:])

    def of(
        self, starts: NDArray[np.int64] | slice, ends: NDArray[np.int64] | slice
    ) -> NDArray[np.uint64]:
        return (self._sums[ends] - self._sums[starts]) * self._inverse[: self._sums.size][starts]


def _characters(hashes: _Hashes, owner: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Keys of the windows of so many characters that lie within one text."""
    windows = max(owner.size - order + 1, 0)
    whole = hashes.of(slice(0, windows), slice(order, order + windows))
    keys = _keys(whole, owner[:windows], order)
    return keys[owner[:windows] == owner[owner.size - windows :]] if windows else keys


def _words(
    hashes: _Hashes, symbols: NDArray[np.uint8], owner: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Keys of words and of pairs of words that follow each other in one text."""
    inside = _IN_WORD[symbols]
    begins, ends = inside.copy(), inside.copy()
    same = owner[1:] == owner[:-1]
    begins[1:] &= ~(inside[:-1] & same)
    ends[:-1] &= ~(inside[1:] & same)
    first, last = np.flatnonzero(begins), np.flatnonzero(ends) + 1
    words, owners = hashes.of(first, last), owner[first]
    found = []
    for order in WORD_ORDERS:
        count = max(words.size - order + 1, 0)
        whole = words[:count].copy()
        for step in range(1, order):
            whole = whole * _MIXER + words[step : step + count]
        keys = _keys(whole, owners[:count], -order)
        found.append(keys[owners[:count] == owners[words.size - count :]] if count else keys)
    return found


def _keys(hashes: NDArray[np.uint64], owners: NDArray[np.int64], kind: int) -> NDArray[np.int64]:
    """Text and bucket in one number: n-grams of different kinds do not share their hashes."""
    mixed = hashes + np.uint64(kind % 2**64)
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MIXER
    mixed >>= np.uint64(64 - BITS)
    return (owners << BITS) | mixed.view(np.int64)


def _rounded(size: int) -> int:
    return 1 << max(size, 1).bit_length()


@lru_cache(maxsize=4)
def _powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of the base and of its inverse modulo 2**64."""
    both = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        factors = np.full(size, base, dtype=np.uint64)
        factors[0] = 1
        both.append(np.cumprod(factors))
    return both[0], both[1]
