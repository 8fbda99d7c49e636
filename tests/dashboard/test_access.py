"""Who may do what: roles, what they may do, and where the dashboard may be served."""

import access
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alignment_monitor.dashboard_settings import Dashboard, is_local, refusal, sign_in_problem
from alignment_monitor.operations.servers import ServerError, dashboard_command
from alignment_monitor.settings import Settings
from tests.dashboard.conftest import DASHBOARDS
from tests.dashboard.sample_marts import Sample
from tests.dashboard.sample_store import FIRING, write_store
from tests.dashboard.test_pages import AppTest, said

NAMED = Dashboard(
    roles={"Ann@Example.org": "operator", "@example.org": "annotator", "@example.com": "viewer"},
    others="none",
)
GOOD = """\
[auth]
redirect_uri = "https://monitor.example.org/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
[auth.company]
client_id = "monitor"
client_secret = "-"
server_metadata_url = "https://login.example.org/.well-known/openid-configuration"
"""


@pytest.mark.parametrize(
    ("email", "role"),
    [
        ("ann@example.org", "operator"),
        (" ANN@EXAMPLE.ORG ", "operator"),
        ("bo@example.org", "annotator"),
        ("cy@example.com", "viewer"),
        ("ann@example.org.evil.net", None),
        ("ann@example.org@evil.net", None),
        ("@example.org.", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_a_role_is_a_persons_own_then_their_domains(email, role):
    assert access.role_of(NAMED, email) == role


@pytest.mark.parametrize("verified", [False, "false", "False", 0, None])
def test_an_address_nobody_vouches_for_is_none(verified):
    claims = {"email": "ann@example.org", "email_verified": verified}
    assert access.person_of(NAMED, claims) == access.Person("", None)
    open_to_all = NAMED.model_copy(update={"others": "viewer"})
    assert access.person_of(open_to_all, claims) == access.Person("", "viewer")


def test_a_provider_that_does_not_say_whether_it_verified_is_believed():
    assert access.person_of(NAMED, {"email": "ann@example.org"}).role == "operator"


@given(st.sampled_from([*access.RANK, None]), st.sampled_from(list(access.NEEDED)))
def test_more_rank_never_may_less_and_nobody_may_nothing(role, act):
    person = access.Person("x@y.z", role)
    better = [r for r in access.RANK if role is None or access.RANK[r] >= access.RANK[role]]
    if access.may(person, act):
        assert all(access.may(access.Person("x@y.z", r), act) for r in better)
        assert not access.lacking(person, act)
    else:
        assert access.NEEDED[act] in access.lacking(person, act)
    assert role is not None or not access.may(person, act)


def test_only_an_operator_acts_and_a_viewer_only_reads():
    allowed = {
        role: [act for act in access.NEEDED if access.may(access.Person("", role), act)]
        for role in access.RANK
    }
    assert allowed == {
        "viewer": ["read"], "annotator": ["read", "label"], "operator": ["read", "label", "act"],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["ann", "a@b@c", "ann@", "@"])
def test_what_is_no_address_gets_no_role(name):
    with pytest.raises(ValidationError, match="neither an e-mail address nor @domain"):
        Dashboard(roles={name: "viewer"})


def test_one_address_written_twice_is_refused():
    with pytest.raises(ValidationError, match="twice"):
        Dashboard(roles={"a@b.c": "viewer", "A@b.c": "operator"})


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("", False), (None, False), ("10.0.0.3", False),
     ("localhost.evil.net", False)],
)  # fmt: skip
def test_only_loopback_is_local(address, local):
    assert is_local(address) is local
    told = refusal(Dashboard(), address, sign_in=False)
    assert bool(told) is not local
    assert not refusal(Dashboard(), address, sign_in=True)
    assert not refusal(Dashboard(anonymous=True), address, sign_in=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD, ""),
        (GOOD.replace("[auth.company]\n", ""), ""),
        (GOOD.replace('client_secret = "-"\n', ""), "lacks client_secret"),
        (GOOD.replace("cdef0123456789abcdef", ""), "shorter than 32"),
        ("[other]\nx = 1", "no section [auth]"),
        ("[auth", "not valid TOML"),
    ],
)
def test_secrets_that_would_fail_at_the_first_sign_in_are_told_before(text, told, tmp_path):
    path = tmp_path / "secrets.toml"
    assert not sign_in_problem(path), "without a file nobody signs in"
    path.write_text(text)
    found = sign_in_problem(path)
    assert told in found
    assert bool(told) is bool(found)


def test_nothing_is_served_to_others_without_sign_in(tmp_path):
    settings = Settings(home=tmp_path)
    assert "127.0.0.1" in dashboard_command(settings, 8501)
    with pytest.raises(ServerError, match=r"0\.0\.0\.0, read conversations"):
        dashboard_command(settings, 8501, "0.0.0.0")
    settings.secrets.write_text("[auth")
    with pytest.raises(ServerError, match="not valid TOML"):
        dashboard_command(settings, 8501)
    settings.secrets.write_text(GOOD)
    command = dashboard_command(settings, 8501, "0.0.0.0")
    assert command[command.index("--browser.gatherUsageStats") + 1] == "false"
    assert command[command.index("--secrets.files") + 1] == str(settings.secrets)


def page_of(email: str | None, page: str = "views/alerts.py", **claims) -> AppTest:
    app = AppTest.from_file(str(DASHBOARDS / "app.py"), default_timeout=60)
    app.secrets["auth"] = {"redirect_uri": "-"}
    app.user = {"is_logged_in": email is not None, "email": email or "", **claims}
    app.switch_page(page).run()
    assert not app.exception
    return app


def test_pages_keep_to_the_role_also_when_it_is_taken_away(tmp_path, use_home):
    use_home(tmp_path, Sample(days=5, talks_per_day=2))
    names = write_store(tmp_path)
    roles = tmp_path / "monitor.yaml"
    roles.write_text('dashboard: {roles: {"ann@example.org": operator}, others: none}')
    assert "Sign in to read on" in said(page_of(None))
    stranger = said(page_of("eve@example.net"))
    assert "You may not read this" in stranger
    assert "Page · MODEL" not in stranger
    app = page_of("ann@example.org")
    assert "who" not in {field.key for field in app.text_input}, "the name is the address"
    roles.write_text('dashboard: {roles: {"ann@example.org": annotator}}')
    app.button(key=f"ack-{names[FIRING]}").click().run()
    assert "takes the role operator; yours is annotator" in app.error[0].value
    assert not [button for button in app.button if button.key == f"ack-{names[FIRING]}"]


def test_only_who_may_labels_and_under_their_own_address(tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, talks_per_day=2))
    write_store(tmp_path)
    (tmp_path / "monitor.yaml").write_text('dashboard: {roles: {"ann@example.org": annotator}}')
    page = "views/labelling.py"
    refused = page_of("ann@example.org", page, email_verified=False)
    assert "You may not label" in said(refused)
    assert "yours is viewer" in said(refused)
    allowed = page_of("ann@example.org", page)
    assert "You may not label" not in said(allowed)
    assert "Type your name" not in said(allowed)
    assert "annotator" not in {field.key for field in allowed.text_input}


def test_without_sign_in_the_page_says_so(tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, talks_per_day=2))
    app = AppTest.from_file(str(DASHBOARDS / "app.py"), default_timeout=60).run()
    assert "No sign-in is set up" in said(app)
