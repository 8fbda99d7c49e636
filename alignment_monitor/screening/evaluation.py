"""How well wording tells a behaviour: on items, on models and on data sets that were held out.

Here belong: who is held out from whom, and the length-only baseline beside each figure. Here does
not belong: the fit itself (regression) or where examples come from (training).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from alignment_monitor.screening.examples import Sample
from alignment_monitor.screening.regression import area_under_curve, calibration, fit

WITHIN, UNSEEN_MODEL, ACROSS = "within", "unseen_model", "across"
FOLDS = 4
CLASSES = 5
"""Parts of equal size that a calibration is shown in."""
_LEAST = 5
_SEED = 5

Floats = NDArray[np.float64]
Held = tuple[str, NDArray[np.bool_], NDArray[np.bool_]]


def checks(sample: Sample) -> list[dict[str, Any]]:
    """Figures of one behaviour, one row a held-out part that holds events and non-events.

    Within: folds by item of one data set, learnt from its other items; one row with the mean over
    the folds. Unseen model: one model of a data set, learnt from its other models, on the same
    items. Across: a whole data set, learnt from all others.

    Returns:
        Dicts with kind, behaviour, source, held, messages, rate (share of events), said (mean
        probability), auc and length_auc (the same by the number of words alone, in the direction
        that the training part shows).
    """
    rows = []
    for source in dict.fromkeys(sample.sources.tolist()):
        own = sample.where(sample.sources == source)
        folds = [_row(own, WITHIN, *held) for held in _usable(own, _by_fold(own))]
        if folds:
            rows.append(_averaged(folds))
        if len(set(own.deployments)) > 1:
            models = _usable(own, _each(own.deployments))
            rows += [_row(own, UNSEEN_MODEL, *held) for held in models]
        across = [(source, sample.sources != source, sample.sources == source)]
        rows += [_row(sample, ACROSS, *held) for held in _usable(sample, iter(across))]
    return rows


def calibrate(sample: Sample) -> tuple[tuple[float, float], list[dict[str, Any]]]:
    """The line that calibrates scores, from texts held out by item, and how well it fits them.

    Returns:
        Slope and intercept for the log-odds; and a row for each fifth of the messages by
        probability, with behaviour, messages, said and rate, all weighted by source.
    """
    scores, held_out = np.zeros(sample.events.size), np.zeros(sample.events.size, dtype=bool)
    for _, train, test in _usable(sample, _by_fold(sample)):
        scores[test] = _scores(sample, train, test)
        held_out |= test
    if not held_out.any():
        return (1.0, 0.0), []
    scores, events, weights = (part[held_out] for part in (scores, sample.events, sample.weights))
    slope, intercept = calibration(scores, events, weights)
    said = expit(slope * scores + intercept)
    table = [
        {
            "behaviour": sample.behaviour,
            "messages": int(part.size),
            "said": float(np.average(said[part], weights=weights[part])),
            "rate": float(np.average(events[part], weights=weights[part])),
        }
        for part in np.array_split(np.argsort(said, kind="stable"), CLASSES)
    ]
    return (slope, intercept), table


def _by_fold(sample: Sample) -> Iterator[Held]:
    """Groups in folds at random, whole."""
    names, inverse = np.unique(sample.groups, return_inverse=True)
    order = np.random.default_rng(_SEED).permutation(names.size)
    folds = (order % FOLDS)[inverse]
    for fold in range(FOLDS):
        yield "items", folds != fold, folds == fold


def _each(labels: NDArray[np.str_]) -> Iterator[Held]:
    for name in np.unique(labels).tolist():
        yield name, labels != name, labels == name


def _usable(sample: Sample, parts: Iterator[Held]) -> Iterator[Held]:
    """Parts with enough events and non-events on both sides to say anything."""
    for name, train, test in parts:
        sides = (sample.events[train], sample.events[test])
        if all(min(side.sum(), (1 - side).sum()) >= _LEAST for side in sides):
            yield name, train, test


def _scores(sample: Sample, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Floats:
    taught = sample.where(train)
    model = fit(taught.features, taught.events, taught.weights)
    return model.scores(sample.features[np.flatnonzero(test)])


def _row(
    sample: Sample, kind: str, held: str, train: NDArray[np.bool_], test: NDArray[np.bool_]
) -> dict[str, Any]:
    events, scores = sample.events[test], _scores(sample, train, test)
    taught = area_under_curve(sample.events[train], sample.words[train])
    by_length = sample.words[test] * (1 if taught >= 1 / 2 else -1)
    return {
        "kind": kind,
        "behaviour": sample.behaviour,
        "source": str(sample.sources[test][0]),
        "held": held,
        "messages": int(events.size),
        "rate": float(events.mean()),
        "said": float(expit(scores).mean()),
        "auc": area_under_curve(events, scores),
        "length_auc": area_under_curve(events, by_length),
    }


def _averaged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row for all folds: rates by messages, areas as plain means of the folds'."""
    sizes = [row["messages"] for row in rows]
    averaged = {
        name: float(np.average([row[name] for row in rows], weights=weights))
        for name, weights in (("rate", sizes), ("said", sizes), ("auc", None), ("length_auc", None))
    }
    return {**rows[0], "messages": sum(sizes), **averaged}
