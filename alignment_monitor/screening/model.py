"""The packaged screener: a probability of each behaviour for a reply, from its wording alone.

Here belong: reading and writing weights, and scoring with them. The probabilities order messages
and explain variance; they are never charted as a rate. Here does not belong: learning (training).
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alignment_monitor.screening.features import BUCKETS, FEATURES_VERSION, feature_matrix
from alignment_monitor.screening.regression import Linear

FOLDER = "weights"
WEIGHTS, FIGURES = "screener.npz", "screener.json"
TRAINED_FOR = "sycophancy"
"""The rubric whose behaviours it knows; of another one it says nothing."""
BATCH = 64
"""Texts scored together: what fits the processor's cache is twice as fast as what does not."""
_DIGITS = 4
_STEPS = 127
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises of a file that is none, ends too soon or lacks a part."""


class ScreenerFileError(ValueError):
    """A file of weights cannot be used; the message says why."""


@dataclass(frozen=True)
class Screener:
    """One linear model a behaviour, over the same features.

    Attributes:
        behaviours: names, in the order of the columns.
        steps: weights as whole steps, shape (BUCKETS, behaviours).
        sizes: size of a step, one a behaviour.
        intercepts: one a behaviour.
    """

    behaviours: tuple[str, ...]
    steps: NDArray[np.int8]
    sizes: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    @property
    def version(self) -> str:
        """Features and hash of the weights: other weights are another screener."""
        digest = hashlib.blake2b(" ".join(self.behaviours).encode(), digest_size=4)
        for part in (self.steps, self.sizes, self.intercepts):
            digest.update(np.ascontiguousarray(part).tobytes())
        return f"{FEATURES_VERSION}-{digest.hexdigest()}"

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probability of level 2 or more, where the behaviour's opportunity is present.

        Args:
            texts: replies of the assistant.

        Returns:
            Shape (texts, behaviours), rounded to four digits.
        """
        weights = self.steps.astype(np.float32)
        found = np.empty((len(texts), len(self.behaviours)))
        for start in range(0, len(texts), BATCH):
            part = feature_matrix(texts[start : start + BATCH])
            found[start : start + BATCH] = (part @ weights) * self.sizes + self.intercepts
        return np.round(expit(found), _DIGITS)

    def of_conversations(
        self, conversations: Iterable[Mapping[str, Any]]
    ) -> dict[tuple[str, int], dict[str, float]]:
        """Probabilities by behaviour of every assistant message, by conversation and index."""
        places, texts = [], []
        for conversation in conversations:
            for turn in conversation["turns"]:
                if turn["role"] == "assistant" and turn["content"].strip():
                    places.append((conversation["conversation_id"], turn["index"]))
                    texts.append(turn["content"])
        rows = self.probabilities(texts).tolist()
        return {
            place: dict(zip(self.behaviours, row, strict=True))
            for place, row in zip(places, rows, strict=True)
        }


def make_screener(models: Mapping[str, Linear]) -> Screener:
    """Fitted models in their packaged form: weights in whole steps, 127 to the largest."""
    weights = np.stack([model.coefficients for model in models.values()], axis=1)
    sizes = np.maximum(np.abs(weights).max(axis=0), np.finfo(np.float32).tiny) / _STEPS
    return Screener(
        tuple(models),
        np.round(weights / sizes).astype(np.int8),
        sizes.astype(np.float32),
        np.array([model.intercept for model in models.values()], dtype=np.float32),
    )


def save_screener(screener: Screener, path: Path) -> None:
    """Write the weights as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            features=np.array(FEATURES_VERSION),
            behaviours=np.array(screener.behaviours),
            steps=screener.steps,
            sizes=screener.sizes,
            intercepts=screener.intercepts,
        )


def load_screener(path: Path | None = None) -> Screener:
    """Read a screener.

    Args:
        path: its file; else, or where there is none, the packaged one.

    Raises:
        ScreenerFileError: the file is none, or made for other features.
    """
    return _read(path) if path is not None and path.is_file() else _packaged()


def packaged(name: str) -> Path:
    """Where a packaged file of the screener lies."""
    return Path(str(files("alignment_monitor") / "screening" / FOLDER / name))


@cache
def _packaged() -> Screener:
    return _read(packaged(WEIGHTS))


def _read(path: Path) -> Screener:
    try:
        with np.load(path, allow_pickle=False) as given:
            version = str(given["features"])
            screener = Screener(
                tuple(map(str, given["behaviours"])),
                given["steps"],
                given["sizes"],
                given["intercepts"],
            )
    except PermissionError as error:
        raise ScreenerFileError(f"{path} cannot be read: change its owner or its mode") from error
    except _DAMAGE as error:
        raise ScreenerFileError(
            f"{path} holds no screener: it is damaged, or another file. Put a backup back, train "
            "it again (`alignment-monitor screener train`), or remove it to use the packaged one"
        ) from error
    shape = (BUCKETS, len(screener.behaviours))
    if version != FEATURES_VERSION or screener.steps.shape != shape:
        raise ScreenerFileError(
            f"{path.name} was made for features {version}, not {FEATURES_VERSION}: "
            "train it again, or remove it to use the packaged one"
        )
    return screener
