"""The settings of the dashboard: where it answers, and who may do what on its pages.

Here belong: the section ``dashboard`` of monitor.yaml, and what must hold before it is served to
others. How the file is read belongs to ``settings``. The keys of the identity provider are secrets
and stand in no setting, but in a file of their own (``SECRETS_FILE``).
"""

import ipaddress
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from alignment_monitor.judging_settings import Section

Role = Literal["viewer", "annotator", "operator"]

SECRETS_FILE = "secrets.toml"
"""In the home: what Streamlit's sign-in needs, under [auth]."""
NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
SHORTEST_SECRET = 32


class Dashboard(Section):
    """Where the dashboard answers, and who may do what."""

    address: str = Field("127.0.0.1", description="where it listens")
    roles: dict[str, Role] = Field(
        {}, description="an e-mail address, or @domain for all of one: viewer, annotator, operator"
    )
    others: Literal["viewer", "none"] = Field(
        "viewer", description="role of who signs in without being named; none: not let in"
    )
    anonymous: bool = Field(
        False, description="may be served to others without sign-in; a proxy decides who gets in"
    )

    @field_validator("roles")
    @classmethod
    def _addressed(cls, roles: dict[str, Role]) -> dict[str, Role]:
        for name in roles:
            before, at, domain = name.rpartition("@")
            if not at or not domain or "@" in before:
                raise ValueError(f"{name!r} is neither an e-mail address nor @domain")
        folded = {name.strip().casefold(): role for name, role in roles.items()}
        if len(folded) < len(roles):
            raise ValueError("an e-mail address or domain stands there twice")
        return folded


def is_local(address: str | None) -> bool:
    """Whether only this machine reaches what listens there; an empty address means everywhere."""
    name = (address or "").strip().strip("[]").casefold()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refusal(dashboard: Dashboard, address: str | None, *, sign_in: bool) -> str:
    """Why the dashboard must not be served at an address, and what to do; empty if it may.

    Args:
        dashboard: its settings.
        address: where it would listen.
        sign_in: whether people have to sign in.
    """
    if sign_in or dashboard.anonymous or is_local(address):
        return ""
    return (
        f"Others could reach the dashboard at {address or 'all addresses'}, read conversations and "
        f"act on alerts without signing in. Set up sign-in in {SECRETS_FILE} of the home, serve it "
        "on 127.0.0.1, or, where a proxy before it decides who gets in, set dashboard.anonymous: "
        "true in monitor.yaml."
    )


def sign_in_problem(path: Path) -> str:
    """What is wrong with the file of secrets, and how to mend it; empty if nothing, or no file."""
    if not path.exists():
        return ""
    try:
        auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return f"{path} is not valid TOML: {error}"
    if not isinstance(auth, dict):
        return f"{path} has no section [auth]"
    providers = [value for value in auth.values() if isinstance(value, dict)]
    for section in providers or [{}]:
        if missing := [name for name in NEEDED if not {**auth, **section}.get(name)]:
            return f"{path} lacks {', '.join(missing)} under [auth]"
    if len(str(auth["cookie_secret"])) < SHORTEST_SECRET:
        return f"cookie_secret in {path} is shorter than {SHORTEST_SECRET} characters: make it anew"
    return ""
