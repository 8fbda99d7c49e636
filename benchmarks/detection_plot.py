"""A picture of delay against false alarms, one line a method, as a small SVG.

Here belongs how the picture is drawn. Here does not belong: what is measured.

Written by hand, since a plotting library would be needed for this alone. Both axes are logarithmic.
A setting without any false alarm stands at the left edge, hollow; of several such the quickest. A
setting that does not find half of the changes has no delay and is left out. Colours keep a contrast
of 3 to 1 or more with the light and with the dark background, and each line has a dash of its own.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

Points = Sequence[tuple[float, float]]

LIGHT, DARK = "#ffffff", "#0d1117"
COLOURS = ("#2f81f7", "#d1690e", "#1a9348", "#e5534b", "#9d6cf0", "#1690a0", "#d6409f", "#7d8590")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")
WIDTH, HEIGHT = 880, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 320, 44, 56
STEPS = (1, 2, 5)
STYLE = (
    "<style>.paper{fill:#ffffff}.ink{fill:#24292f}.faint{fill:#57606a}.rule{stroke:#d0d7de}"
    ".hollow{fill:#ffffff}@media(prefers-color-scheme:dark){.paper,.hollow{fill:#0d1117}"
    ".ink{fill:#e6edf3}.faint{fill:#9198a1}.rule{stroke:#30363d}}"
    "text{font:13px system-ui,sans-serif}</style>"
)


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two numbers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [float(f"{step}e{power}") for power in powers for step in STEPS]
    return [tick for tick in found if low <= tick <= high]


def usable(points: Points, floor: float) -> list[tuple[float, float, bool]]:
    """Points by false alarms: those, delay, and whether any was seen.

    Args:
        points: false alarms a year and delay in days of each setting.
        floor: fewest false alarms a year that could be seen.
    """
    known = [(false, delay) for false, delay in points if math.isfinite(delay)]
    seen = sorted({(false, delay) for false, delay in known if false > 0})
    quiet = [delay for false, delay in known if false <= 0]
    first = [(floor, min(quiet), False)] if quiet else []
    return first + [(max(false, floor), delay, True) for false, delay in seen]


def scale(low: float, high: float, start: float, end: float, value: float) -> float:
    """Place of a value on a logarithmic axis."""
    return start + (end - start) * math.log(value / low) / math.log(high / low)


def picture(curves: Mapping[str, Points], *, floor: float, title: str, own: str = "") -> str:
    """The picture as SVG.

    Args:
        curves: false alarms a year and median delay in days, by name of the method.
        floor: fewest false alarms a year that could be seen, the left edge; above zero.
        title: what is shown.
        own: the method that is drawn thicker.

    Raises:
        ValueError: no method has a delay.
    """
    drawn = {name: usable(points, floor) for name, points in curves.items()}
    everything = [point for points in drawn.values() for point in points]
    if not everything:
        raise ValueError("no method found half of the changes at any setting")
    most = max(2 * floor, *(false for false, _, _ in everything))
    least, longest = (pick(delay for _, delay, _ in everything) for pick in (min, max))
    low = max(0.8 * least, 1e-3)
    high = max(1.2 * longest, 4 * low)

    def across(false: float) -> float:
        return scale(floor, most, LEFT, WIDTH - RIGHT, false)

    def down(delay: float) -> float:
        return scale(low, high, HEIGHT - BOTTOM, TOP, delay)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        STYLE,
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        text(LEFT, 24, title, "ink"),
        *(upright(across(tick), f"{tick:g}") for tick in ticks(floor, most)),
        *(level(down(tick), f"{tick:g}") for tick in ticks(low, high)),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "false alarms a year", "faint", "middle"),
        text(LEFT - 48, TOP - 6, "days", "faint"),
    ]
    for number, (name, points) in enumerate(drawn.items()):
        look = pen(number, own=name == own)
        places = [(across(false), down(delay), seen) for false, delay, seen in points]
        parts += [*line(places, look), *legend(number, name, look, told=bool(points))]
    return "\n".join([*parts, "</svg>\n"])


def pen(number: int, *, own: bool) -> dict[str, str]:
    """How a line is drawn."""
    look = {"stroke": COLOURS[number % len(COLOURS)], "stroke-width": "3.5" if own else "1.8"}
    dash = "" if own else DASHES[number % len(DASHES)]
    return look | ({"stroke-dasharray": dash} if dash else {})


def attributes(look: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in look.items())


def line(places: Sequence[tuple[float, float, bool]], look: Mapping[str, str]) -> list[str]:
    """A line through its points, hollow where no false alarm was seen."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    dots = []
    for x, y, seen in places:
        fill = f'fill="{look["stroke"]}"' if seen else 'class="hollow"'
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" stroke="{look["stroke"]}" {fill}/>')
    return [f'<polyline points="{path}" fill="none" {attributes(look)}/>', *dots]


def legend(number: int, name: str, look: Mapping[str, str], *, told: bool) -> list[str]:
    """A line's name beside a piece of it."""
    x, y = WIDTH - RIGHT + 16, TOP + 12 + 21 * number
    said = name if told else f"{name}: finds too few"
    return [
        f'<line x1="{x}" y1="{y}" x2="{x + 30}" y2="{y}" {attributes(look)}/>',
        text(x + 38, y + 4, said, "ink"),
    ]


def text(x: float, y: float, said: str, kind: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(said)}</text>'
    )


def upright(x: float, said: str) -> str:
    foot = HEIGHT - BOTTOM
    rule = f'<line class="rule" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{foot}"/>'
    return rule + text(x, foot + 18, said, "faint", "middle")


def level(y: float, said: str) -> str:
    rule = f'<line class="rule" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
    return rule + text(LEFT - 8, y + 4, said, "faint", "end")


def write_picture(
    file: Path, curves: Mapping[str, Points], *, floor: float, title: str, own: str = ""
) -> None:
    """Write the picture; see ``picture``."""
    file.write_text(picture(curves, floor=floor, title=title, own=own), encoding="utf-8")
