"""Charts on a page, and each of them as a picture that stands for itself.

Here belongs: drawing a chart and offering it as a file. Here does not belong: what a chart shows
(charts.py and its like). Streamlit's own menu saves what is seen: no title, the reader's theme.
"""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import components
import marts
import streamlit as st
from altair.utils.schemapi import debug_mode
from layers import plain

WIDTH, LEAST_HEIGHT = 720, 260
LINE = 108
"""Characters of the text under a title that fit a line."""
INK, FAINT = "#17212b", "#4d5a66"
LOOK: dict[str, Any] = {
    "background": "#ffffff",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelColor": INK, "titleColor": FAINT, "gridColor": "#e3e8ec", "domain": False},
    "title": {
        "anchor": "start", "color": INK, "fontSize": 16, "fontWeight": 600, "subtitleColor": FAINT,
        "subtitleFontSize": 11, "subtitlePadding": 5, "offset": 18, "frame": "group",
    },
}  # fmt: skip
"""One light look on a background of its own, whatever the reader's theme."""
KINDS = {"PNG": "image/png", "SVG": "image/svg+xml"}
KEPT = "pictures"


alt.data_transformers.register("plain", plain)
alt.data_transformers.enable("plain")


def begin() -> None:
    """Forget what the page drawn before had."""
    st.session_state[KEPT] = {}


def assembled(build: Callable[[Any], Any], data: Any) -> dict[str, Any]:
    """A chart as Vega-Lite, without Altair's own check of every part: tests check what we build."""
    with debug_mode(False):
        chart: dict[str, Any] = build(data).to_dict(validate=False)
    return chart


def ink() -> str:
    """Colour of text in the reader's theme: Streamlit leaves text within a chart black."""
    return "#e3e9ee" if st.context.theme.type == "dark" else INK


def show(chart: Any, *, title: str, alt_text: str, name: str, still: Any = None) -> None:
    """Draw a chart and keep it for ``offer``.

    Args:
        chart: an Altair chart, or one as Vega-Lite.
        title: what a picture of it is headed with.
        alt_text: the chart in words.
        name: of the file.
        still: the same for a picture, which is light, where that differs.
    """
    spec: dict[str, Any] = chart if isinstance(chart, dict) else chart.to_dict()
    st.vega_lite_chart(spec, width="stretch", alt=alt_text)
    st.session_state.setdefault(KEPT, {})[name] = (
        spec if still is None else still.to_dict(),
        title,
        alt_text,
    )


def offer() -> None:
    """All charts of the page as files, made only when asked for."""
    kept: Mapping[str, tuple[dict[str, Any], str, str]] = st.session_state.get(KEPT, {})
    if not kept:
        return
    simulated = bool(marts.about().get("simulated"))
    with st.popover("Save the charts of this page", icon=":material/image:", type="tertiary"):
        for name, (spec, title, alt_text) in kept.items():
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                components.block(f"<p>{components.text(title)}</p>", "am-grow")
                for kind, media in KINDS.items():
                    st.download_button(
                        kind,
                        lambda kind=kind, one=(spec, title, alt_text): picture(
                            standing_alone(*one, simulated=simulated), kind
                        ),
                        f"{name}.{kind.lower()}",
                        media,
                        key=f"{kind}-{name}",
                        on_click="ignore",
                        type="tertiary",
                        help=f"{title} as {kind}",
                    )


def standing_alone(
    spec: Mapping[str, Any], title: str, said: str, *, simulated: bool
) -> dict[str, Any]:
    """A chart with all that a picture needs away from its page: title, words, background.

    Args:
        spec: Vega-Lite as drawn.
        title: of the picture.
        said: the chart in words, put under the title.
        simulated: the verdicts are not real, which the picture then says.
    """
    words = f"Simulated verdicts, not of a real model. {said}" if simulated else said
    config = {**spec.get("config", {}), **LOOK}
    return {
        **spec,
        "width": WIDTH,
        "height": max(spec.get("height") or 0, LEAST_HEIGHT),
        "autosize": {"type": "pad", "contains": "content"},
        "padding": 16,
        "background": LOOK["background"],
        "title": {"text": title, "subtitle": textwrap.wrap(words, LINE)},
        "config": config,
    }


def picture(spec: Mapping[str, Any], kind: str) -> bytes:
    """A chart as a file.

    Args:
        spec: Vega-Lite.
        kind: a key of ``KINDS``.
    """
    import vl_convert  # noqa: PLC0415 - brings a whole engine, which most visits never need

    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    if kind == "SVG":
        drawn: str = vl_convert.vegalite_to_svg(dict(spec), vl_version=version)
        return drawn.encode()
    made: bytes = vl_convert.vegalite_to_png(dict(spec), vl_version=version, scale=2)
    return made
