"""The detector beside other tools on the same simulated judged rates.

Here belong: the table of steps and a ramp at each tool's default and at equal false pages, and the
picture of delay against false pages. Here does not belong: how a tool is called
(``detection_peers``) or how its line is drawn (``detection_plot``).

Tools see the judged rates of the same replicates as the detector, and neither sentinels nor labels.
Those that read each message are slow and see fewer series, which stands beside their figures.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.common import FOLDER, UnavailableError, table
from benchmarks.detection_cases import AFTER, CHANGE_DAY, RUN_LENGTH, Simulated, judged
from benchmarks.detection_figures import Rate, delay_of, false_pages, first_days, page_delay
from benchmarks.detection_peers import (
    PEERS,
    Bools,
    Peer,
    World,
    alarms_by_knob,
    matched_knob,
    spaced,
)
from benchmarks.detection_plot import write_picture

PICTURE = FOLDER.parent / "docs" / "detection.svg"
CASES = ("+3", "+5", "+10", "ramp")
DRAWN = "+5"
RUN_LENGTHS = (2.0, 5.0, 10.0, RUN_LENGTH, 50.0)
SERIES = {"adwin": 40, "page_hinkley": 40, "caliper_cusum": 100, "caliper_ewma": 100}
OTHERS = 200
STEPS, KNOBS = 3, 7
CALIBRATION = 91
OURS = "this detector"


def entrants() -> list[Peer]:
    """Peers that stand for their kind."""
    return [peer for peer in PEERS if peer.standing]


def worlds(peer: Peer, seed: int) -> dict[str, World]:
    """Quiet years, others to match a knob on, and years with a change, as many as it can read."""
    series = SERIES.get(peer.method, OTHERS)
    found = {name: judged(name, series, seed) for name in ("quiet", *CASES)}
    return found | {"calibration": judged("quiet", series, seed, also=CALIBRATION)}


def false_alarms(found: Bools, world: World) -> Rate:
    """Alarms where nothing changed, days in a row as one."""
    before = np.pad(found, ((0, 0), (1, 0)))[:, :-1]
    return Rate(int((found & ~before).sum()), world.watched_years)


def told(rate: Rate) -> str:
    """A rate with what it was counted from."""
    return f"{rate.value:.3f} ({rate.events} in {rate.years:,.0f} years)"


def both_knobs(
    peer: Peer, given: dict[str, World], pages_a_year: float
) -> Iterator[tuple[object, ...]]:
    """Rows of a peer: at its default and where its false pages equal ours."""
    knobs = [peer.default, matched_knob(peer, given["calibration"], pages_a_year, STEPS).knob]
    found = {name: alarms_by_knob(peer, given[name], knobs) for name in ("quiet", *CASES)}
    for number, (kind, knob) in enumerate(zip(("default", "matched"), knobs, strict=True)):
        delays = [delay_of(first_days(found[name][number], CHANGE_DAY, AFTER)) for name in CASES]
        rate = false_alarms(found["quiet"][number], given["quiet"])
        yield (f"{peer.name}, {kind}", f"{knob:.3g}", told(rate), *delays)


def line(peer: Peer, given: dict[str, World]) -> list[tuple[float, float]]:
    """False pages a year and median delay at some knobs."""
    knobs = spaced(peer.grid[0], peer.grid[-1], KNOBS)
    quiet, changed = (alarms_by_knob(peer, given[name], knobs) for name in ("quiet", DRAWN))
    return [
        (
            false_alarms(still, given["quiet"]).value,
            delay_of(first_days(moved, CHANGE_DAY, AFTER)).median,
        )
        for still, moved in zip(quiet, changed, strict=True)
    ]


def report(of: Simulated, *, draw: bool) -> str:
    """The table; the picture too where it is to be drawn.

    Args:
        of: the detector's own years; half of them are used.
        draw: write the picture, which takes as long again.
    """
    own = Simulated(of.seed, max(of.replicates // 2, 1))
    rate = false_pages(own["quiet"])
    delays = [page_delay(own[name], CHANGE_DAY) for name in CASES]
    rows: list[tuple[object, ...]] = [(OURS, f"{RUN_LENGTH:g} years", told(rate), *delays)]
    curves: dict[str, list[tuple[float, float]]] = {}
    if draw:
        both = [(own.at("quiet", x), own.at(DRAWN, x)) for x in RUN_LENGTHS]
        curves[OURS] = [(false_pages(a).value, page_delay(b, CHANGE_DAY).median) for a, b in both]
        print(curves, flush=True)
    missing = ""
    for peer in entrants():
        given = worlds(peer, of.seed)
        try:
            for row in both_knobs(peer, given, rate.value):
                rows.append(row)
                print(*row, sep=" | ", flush=True)
            if draw:
                curves[peer.name] = line(peer, given)
                print(curves[peer.name], flush=True)
        except UnavailableError as reason:
            missing = f"\n\nOther tools cannot be had here: {reason}"
    if draw:
        write_picture(
            PICTURE,
            curves,
            floor=1 / OTHERS,
            title="+5 points: median days to a page, by false pages a year",
            own=OURS,
        )
    header = f"tool | knob | false pages a year | {' | '.join(f'{name} (90 %)' for name in CASES)}"
    return f"Seed {of.seed}.\n\n{table(header, rows)}{missing}"
