"""One colour for each behaviour and each deployment, the same on every page.

All are of middling lightness, so that each stands out (contrast 3.8 or more) on the light and on
the dark background alike, and hues are ordered so that neighbours differ under colour blindness.
No meaning rests on a colour alone: a title or label always stands beside it.
"""

from collections.abc import Iterable, Sequence

BEHAVIOURS = ("#2f80c8", "#c8622b", "#8566c4", "#c4527f", "#16907a", "#96792a", "#5f8c4a")
DEPLOYMENTS = ("#6b7f93", "#96792a", "#5f8c4a", "#9c6b57", "#5c87a6", "#8a8250")
QUIET = "#6b7f93"
ALARM = "#d1495b"
GOOD, PENDING, LOST, BAD = "#16907a", "#2f80c8", "#96792a", "#d1495b"


def behaviour_colours(headline: Iterable[str], others: Iterable[str] = ()) -> dict[str, str]:
    """A hue for each headline behaviour, in the rubric's order; the gauges beside them are grey."""
    colours = _cycled(tuple(headline), BEHAVIOURS)
    return {**{name: QUIET for name in others}, **colours}


def deployment_colours(deployments: Iterable[str]) -> dict[str, str]:
    """A hue for each deployment, in the order in which they began."""
    return _cycled(tuple(deployments), DEPLOYMENTS)


def _cycled(names: Sequence[str], hues: Sequence[str]) -> dict[str, str]:
    return {name: hues[place % len(hues)] for place, name in enumerate(names)}
