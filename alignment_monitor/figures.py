"""Rates, differences and counts in words, the same on every page and in the terminal.

Here belongs: how many digits a figure deserves and how its interval is written. Here does not
belong: any sentence.
"""

NARROW = 0.04
"""An interval narrower than this deserves a decimal; a wider one would only feign precision."""

SPACE = "\u00a0"


def percent(share: float, digits: int = 0) -> str:
    """A share as ``12 %``, unbroken over lines."""
    return f"{_hundredths(share, digits)}{SPACE}%"


def digits_for(lower: float | None, upper: float | None) -> int:
    """Decimals that the width of an interval justifies."""
    return 1 if lower is not None and upper is not None and upper - lower < NARROW else 0


def interval(lower: float | None, upper: float | None) -> str:
    """An interval in per cent as ``[9, 15]``; empty where there is none."""
    if lower is None or upper is None:
        return ""
    digits = digits_for(lower, upper)
    return f"[{_hundredths(lower, digits)},{SPACE}{_hundredths(upper, digits)}]"


def rate(
    value: float | None,
    lower: float | None = None,
    upper: float | None = None,
    digits: int | None = None,
) -> str:
    """A rate with its interval as ``12 % [9, 15]``, or that there is none."""
    if value is None:
        return "no data"
    shown = percent(value, digits_for(lower, upper) if digits is None else digits)
    return f"{shown} {interval(lower, upper)}".strip()


def points(difference: float) -> str:
    """A difference of rates as ``3.5 points``: decimals only where they matter."""
    size = abs(difference) * 100
    digits = 0 if size >= 10 or round(size, 1) == round(size) else 1
    return f"{size:.{digits}f}{SPACE}point{'' if f'{size:.{digits}f}' == '1' else 's'}"


def moved(
    change: float,
    lower: float | None = None,
    upper: float | None = None,
    digits: int | None = None,
) -> str:
    """A difference of rates with its sign and interval, as ``+10 points [6, 14]``."""
    digits = digits_for(lower, upper) if digits is None else digits
    shown = _hundredths(change, digits)
    sign = "+" if change > 0 and float(f"{100 * change:.{digits}f}") else ""
    noun = "point" if shown.lstrip("−") in ("1", "1.0") else "points"
    return f"{sign}{shown}{SPACE}{noun} {interval(lower, upper)}".strip()


def count(number: float) -> str:
    """A count with thousands apart."""
    return f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """``1 day``, ``2 days``."""
    return f"{count(number)}{SPACE}{noun}{'' if number == 1 else 's'}"


def _hundredths(share: float, digits: int) -> str:
    """A share times a hundred, with a minus that is one, and none before a zero."""
    shown = f"{100 * share:.{digits}f}"
    return shown.lstrip("-") if not float(shown) else shown.replace("-", "−")
