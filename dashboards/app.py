"""The dashboard's frame: its pages, and what stands above each of them. Run by Streamlit.

Pages live in ``views/``: beside a folder named ``pages/`` Streamlit serves the first deep link
after a start without this frame, and thus without the banner.
"""

from pathlib import Path

import components
import marts
import pictures
import streamlit as st
import visitor

from alignment_monitor.resources.parts import UnreadableError
from alignment_monitor.settings import SettingsError

ICON = Path(__file__).with_name("icon.svg")

st.set_page_config(page_title="Alignment monitor", page_icon=str(ICON), layout="wide")


@st.fragment(run_every="15s")
def refresh_when_a_run_lands() -> None:
    """Draw the page afresh when the marts have changed since it was drawn."""
    if st.session_state.setdefault("stamp", marts.stamp()) != marts.stamp():
        st.session_state["stamp"] = marts.stamp()
        st.rerun()


page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("views/alerts.py", title="Alerts", icon=":material/notifications:"),
        st.Page("views/deployments.py", title="Deployments", icon=":material/compare_arrows:"),
        st.Page("views/segments.py", title="Segments", icon=":material/grid_view:"),
        st.Page("views/conversations.py", title="Conversations", icon=":material/forum:"),
        st.Page("views/labelling.py", title="Labelling", icon=":material/edit_note:"),
        st.Page("views/judges.py", title="Judges", icon=":material/gavel:"),
        st.Page("views/health.py", title="Health", icon=":material/vital_signs:"),
        st.Page("views/method.py", title="Method", icon=":material/menu_book:"),
    ],
    position="top",
)
components.style()
try:
    if visitor.admitted():
        components.banner(marts.about())
        components.stand_in(marts.about())
        refresh_when_a_run_lands()
        pictures.begin()
        page.run()
        pictures.offer()
        visitor.footer()
except SettingsError as error:
    st.error("The settings cannot be used, so there is nothing to show.")
    st.code(str(error), language=None)
except UnreadableError as error:
    st.error(
        "What a run has written cannot be read, so there is nothing to show. Pages read copies: "
        "delete the file, then run the day that it is named after, or else the newest one."
    )
    st.code(str(error), language=None)
