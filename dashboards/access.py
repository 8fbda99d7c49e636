"""Who may do what on the pages, as pure functions.

Here belong: the role of a person and what a role may do. Here does not belong: signing in, which
is Streamlit's (visitor.py), or the settings themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alignment_monitor.dashboard_settings import Dashboard, Role

Act = Literal["read", "label", "act"]

NEEDED: Mapping[Act, Role] = {"read": "viewer", "label": "annotator", "act": "operator"}
"""The least role for each kind of act: reading pages, labelling replies, acting on alerts."""
RANK: Mapping[Role, int] = {"viewer": 0, "annotator": 1, "operator": 2}


@dataclass(frozen=True)
class Person:
    """Who looks at a page.

    Attributes:
        email: as signed in; empty where nobody has to.
        role: what they are; None: not let in.
    """

    email: str
    role: Role | None


ANYBODY = Person("", "operator")
"""Where no sign-in is set up, and thus only this machine is served."""


def role_of(settings: Dashboard, email: str) -> Role | None:
    """The role of who signed in with an e-mail address: their own, their domain's, or the rest's.

    Args:
        settings: of the dashboard.
        email: as the provider vouches for it; empty where it vouches for none.
    """
    name = email.strip().casefold()
    own = settings.roles.get(name) if name else None
    domain = settings.roles.get(f"@{name.rpartition('@')[2]}") if "@" in name else None
    others: Role | None = "viewer" if settings.others == "viewer" else None
    return own or domain or others


def person_of(settings: Dashboard, claims: Mapping[str, Any]) -> Person:
    """Who signed in, by what the provider says of them.

    An address that the provider says is not verified is taken for none: whoever types another's
    address there must not get their role, nor act under their name.
    """
    email = str(claims.get("email") or "")
    doubtful = str(claims.get("email_verified", True)).casefold() in ("false", "0", "none")
    if doubtful or "@" not in email:
        email = ""
    return Person(email, role_of(settings, email))


def may(person: Person, act: Act) -> bool:
    """Whether somebody may do something."""
    return person.role is not None and RANK[person.role] >= RANK[NEEDED[act]]


def lacking(person: Person, act: Act) -> str:
    """Why somebody may not do something; empty if they may."""
    if may(person, act):
        return ""
    words = {"read": "Reading", "label": "Labelling", "act": "Acting on alerts"}
    return f"{words[act]} takes the role {NEEDED[act]}; yours is {person.role or 'none'}."
