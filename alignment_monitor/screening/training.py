"""Training the screener: a calibrated model of each behaviour, and the figures of its card.

Here belongs: the order of these steps. Here does not belong: where examples come from (examples),
the fit (regression), who is held out (evaluation) or the packaged form (model).
"""

from collections.abc import Callable, Sequence
from typing import Any

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.screening import evaluation
from alignment_monitor.screening.examples import LEAST_EVENTS, Example, samples
from alignment_monitor.screening.model import Screener, make_screener
from alignment_monitor.screening.regression import fit


def train(
    examples: Sequence[Example],
    rubric: Rubric,
    announce: Callable[[str], None] = lambda _: None,
) -> tuple[Screener, dict[str, Any]]:
    """Fit, calibrate and evaluate a model of each behaviour that can be learnt.

    Args:
        examples: what to learn from.
        rubric: the behaviours.
        announce: told the behaviour that comes next, since each takes a while.

    Returns:
        The screener, and the figures of its card.

    Raises:
        ValueError: no behaviour has enough examples.
    """
    models, checks, calibrations = {}, [], []
    for sample in samples(examples, rubric):
        announce(sample.behaviour)
        checks += evaluation.checks(sample)
        line, table = evaluation.calibrate(sample)
        calibrations += table
        models[sample.behaviour] = fit(sample.features, sample.events, sample.weights).calibrated(
            *line
        )
    if not models:
        raise ValueError(
            f"no behaviour has {LEAST_EVENTS} messages with it and as many without: add labels"
        )
    screener = make_screener(models)
    return screener, {
        "version": screener.version,
        "sources": _counts(examples),
        "checks": checks,
        "calibration": calibrations,
    }


def _counts(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Messages, groups and models of each source."""
    return [
        {
            "source": source,
            "messages": len(of_it),
            "groups": len({one.group for one in of_it}),
            "deployments": len({one.deployment for one in of_it}),
        }
        for source in dict.fromkeys(example.source for example in examples)
        if (of_it := [example for example in examples if example.source == source])
    ]
