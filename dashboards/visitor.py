"""Who is at the page: signed in through Streamlit, or anybody where that is not set up.

Here belong: signing in and out, and the line that says who one is. Here does not belong: what a
role may do (access.py).
"""

from collections.abc import Mapping

import access
import components
import marts
import streamlit as st
from access import ANYBODY, Person

from alignment_monitor.dashboard_settings import is_local, refusal

NO_PROVIDER = ("client_kwargs",)


def sign_in_is_set_up() -> bool:
    """Whether there are secrets with a section on signing in."""
    return bool(_auth())


def current() -> Person:
    """Who looks at this page; their role is read anew each time, so that it can be taken away."""
    if not sign_in_is_set_up():
        return ANYBODY
    if not st.user.get("is_logged_in", False):
        return Person("", None)
    return access.person_of(marts.settings().dashboard, st.user.to_dict())


def admitted() -> bool:
    """Whether the page may be shown; says what is missing where it may not."""
    address = st.get_option("server.address")
    if told := refusal(marts.settings().dashboard, address, sign_in=sign_in_is_set_up()):
        st.error(told)
        return False
    if not sign_in_is_set_up():
        return True
    person = current()
    if not st.user.get("is_logged_in", False):
        _door()
    elif person.role is None:
        _stranger(person)
    else:
        _badge(person)
    return person.role is not None


def footer() -> None:
    """Where nobody signs in: what that means."""
    if not sign_in_is_set_up():
        local = is_local(st.get_option("server.address"))
        where = "This page answers on this machine only" if local else "A proxy decides who gets in"
        components.block(
            f'<p class="am-faint am-small">No sign-in is set up: everybody here is an operator. '
            f"{where}.</p>",
            "am-footer",
        )


def _auth() -> Mapping[str, object]:
    return st.secrets["auth"] if st.secrets.load_if_toml_exists() and "auth" in st.secrets else {}


def _providers() -> list[str]:
    """Names of several providers; none where one stands under [auth] itself."""
    return [
        name
        for name, value in _auth().items()
        if isinstance(value, Mapping) and name not in NO_PROVIDER
    ]


def _door() -> None:
    components.block(
        "<h1>Sign in to read on</h1><p>These pages hold what people wrote to a model.</p>",
        "am-empty",
    )
    for name in _providers() or [""]:
        label = f"Sign in with {name.capitalize()}" if name else "Sign in"
        st.button(label, key=f"sign-in-{name}", type="primary", on_click=st.login,
                  args=(name,) if name else ())  # fmt: skip


def _stranger(person: Person) -> None:
    who = f"as {components.text(person.email)}" if person.email else "without a verified address"
    components.block(
        f"<h1>You may not read this</h1><p>You are signed in {who}, which has no role here. Ask "
        "whoever runs this monitor to name you under <code>dashboard.roles</code>.</p>",
        "am-empty",
    )
    st.button("Sign out", key="sign-out", on_click=st.logout)


def _badge(person: Person) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        name = components.text(person.email or "no verified address")
        components.block(f'<p class="am-small am-faint">{name} · {person.role}</p>', "am-badge")
        st.button("Sign out", key="sign-out", type="tertiary", on_click=st.logout)
