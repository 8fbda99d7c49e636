"""Every page on homes that are full, fresh, learning, broken or hostile."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pictures import picture, standing_alone
from streamlit.testing.v1 import AppTest

from alignment_monitor.contracts import MARTS
from alignment_monitor.resources.marts import Marts
from tests.dashboard.conftest import DASHBOARDS
from tests.dashboard.sample_marts import DRIFT_DAY, RUBRIC, Sample
from tests.dashboard.serving import VIEWS

READ = {
    "views/deployments.py": ("estimates", "deployments", "judge_quality"),
    "views/segments.py": ("estimates", "deployments", "topics", "opportunity_rates"),
}
"""Marts of pages that read few: without another one they are as they were."""


PAGES = VIEWS
OF_DATA = tuple(page for page in PAGES if page != "views/method.py")
"""Pages that have nothing to show before a run."""
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> **bold** [x](javascript:0) \u202e"
SMALL = {"talks_per_day": 2}


def opened(page: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(DASHBOARDS / "app.py"), default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(page).run()
    assert not app.exception
    return app


def markup(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def said(app: AppTest) -> str:
    return markup(app).replace("\u00a0", " ")


@pytest.mark.parametrize("page", OF_DATA)
def test_a_fresh_home_says_what_to_do(page, tmp_path, use_home):
    use_home(tmp_path)
    text = said(opened(page))
    assert "make demo" in text
    assert "alignment-monitor backfill" in text
    assert "Simulated" not in text


@pytest.mark.parametrize("content", [b"", b"PAR1 cut short"])
def test_a_file_that_is_no_mart_is_named_and_nothing_broken_is_shown(content, tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=3, **SMALL))
    path = Marts(home / "marts").whole("alerts")
    path.write_bytes(content)
    app = opened("views/alerts.py")
    assert "cannot be read" in app.error[0].value
    assert str(path) in app.code[0].value


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("simulated", [True, False])
def test_every_page_says_that_verdicts_are_simulated(page, simulated, tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, simulated=simulated, **SMALL))
    assert ("Simulated verdicts" in said(opened(page))) is simulated


def test_the_overview_tells_the_change(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/overview.py")
    text = said(app)
    assert "unwarranted agreement rose from 10 % to 21 %" in text
    assert "since 4 Nov, 1 day after aurora-1.2 began" in text
    assert "caving rose from 15 % to 25 %" in text
    assert "and warranted challenge fell" in text
    assert "roll aurora-1.2 back to aurora-1.1" in text
    assert "Nobody has acknowledged any of them" in text
    assert "aurora-1.2 by segment" in text
    assert len(app.get("vega_lite_chart")) == 8
    assert not app.selectbox, "one family needs no choice"
    assert "people’s labels, 28 days: 17 % [14, 21]" in text
    assert "97.0 %" not in text, "figures of other modes are not the judge's scale"


def test_rates_can_be_shown_at_the_mix_of_the_baseline(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/overview.py", traffic="standardised to the same traffic"))
    assert "97.0 %" in text, "the sample’s standardised figure"
    assert "unwarranted agreement rose from 10 % to 21 %" in text, "the verdict is of alerts"


@pytest.mark.parametrize("page", PAGES)
def test_every_table_can_be_had_as_csv(page, drifted_home, use_home):
    use_home(drifted_home)
    app = opened(page)
    tables = markup(app).count("<table") + len(app.dataframe)
    files = [one for one in app.get("download_button") if one.proto.label == "CSV"]
    assert len(files) >= tables
    charts = len(app.get("vega_lite_chart"))
    pictures = [one.proto.label for one in app.get("download_button")]
    assert pictures.count("PNG") == pictures.count("SVG") == charts
    for name, (spec, title, words) in (app.session_state["pictures"] if charts else {}).items():
        drawn = picture(standing_alone(spec, title, words, simulated=True), "SVG").decode()
        assert title in drawn
        # The flow of what came in has no axes: each of its parts is named with its number.
        assert name == "outcomes" or 'aria-roledescription="axis"' in drawn


def test_the_method_tells_the_parameters_in_force(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/method.py"))
    assert "one in 5 years" in text
    assert RUBRIC.full_version in text
    assert "vulnerable 3, pushback 3" in text
    assert "sample/sample-2" in text, "the judge’s fingerprint"
    assert "What it cannot tell" in text


def test_the_method_is_told_before_any_run(tmp_path, use_home):
    use_home(tmp_path)
    (tmp_path / "monitor.yaml").write_text(
        "sampling: {messages_per_day: 321}\ndetection: {average_run_length_years: 9}"
    )
    text = said(opened("views/method.py"))
    assert "321" in text
    assert "one in 9 years" in text


def test_the_overview_learns_first(tmp_path, use_home):
    use_home(tmp_path, Sample(days=12, **SMALL))
    text = said(opened("views/overview.py"))
    assert "day 12 of 28" in text
    assert "No change" not in text


def test_no_change_comes_with_its_power(tmp_path, use_home):
    use_home(tmp_path, Sample(days=40, drift=False, **SMALL))
    text = said(opened("views/overview.py"))
    assert "No change of aurora found up to 3 Nov 2026" in text
    assert "within 7 days" in text


def test_a_finished_run_is_shown_at_once(tmp_path, use_home):
    use_home(tmp_path, Sample(days=12, **SMALL))
    app = opened("views/overview.py")
    use_home(tmp_path, Sample(days=13, **SMALL))
    assert "day 13 of 28" in said(app.run())


@pytest.mark.parametrize("name", sorted(MARTS))
def test_no_mart_is_taken_for_granted(name, tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, **SMALL))
    for path in Marts(home / "marts").files(name):
        path.unlink()
    for page in PAGES:
        if name in READ.get(page, MARTS):
            opened(page)


def test_filters_narrow_the_list(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/conversations.py")
    assert "360 judged messages" in said(app)
    app.selectbox(key="flagged").select("caving").run()
    text = said(app)
    assert "360 judged" not in text
    assert "Caving" in text
    assert "Uncritical validation" not in text
    app.text_input(key="search").input("NO SUCH words").run()
    assert "No judged message matches" in said(app)


def test_search_finds_words_in_any_turn(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/conversations.py")
    app.text_input(key="search").input("LIGHTNING NEVER").run()
    text = said(app)
    assert "lightning never strikes" in text
    assert "Caving" not in text


def test_filters_come_from_the_address(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/conversations.py", days=DRIFT_DAY.isoformat(), flagged="Caving")
    assert "40 judged messages" in said(app)
    assert app.selectbox(key="flagged").value == "caving"
    first = DRIFT_DAY.isoformat()
    assert f"conversations?days={first}&amp;days=" in said(app)
    assert "&amp;flagged=Caving" in said(app)


def test_a_permalink_opens_the_message_with_its_verdict(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/conversations.py", conversation="c-1123-1", message="4"))
    assert "<mark>You are right, I apologise for the confusion.</mark>" in text
    assert "reverses itself or apologises without new evidence" in text
    assert "pushback" in text
    assert "90 % chance" in text


@pytest.mark.parametrize(
    ("conversation", "message", "answer"),
    [
        ("nobody", "4", "No judged conversation"),
        ("c-1123-1", "2", "was not judged"),
        ("c-1123-1", "9" * 5000, "was not judged"),
    ],
)
def test_a_dead_permalink_says_so(conversation, message, answer, drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/conversations.py", conversation=conversation, message=message))
    assert answer in text


def test_the_ledger_adds_up(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/health.py")
    rows = pq.read_table(drifted_home / "marts" / "ledger_daily.parquet").to_pylist()
    last = max(row["day"] for row in rows)
    for level in ("conversation", "message"):
        whole = sum(
            row["count"] for row in rows if row["level"] == level and (last - row["day"]).days < 28
        )
        assert f"<b>{whole:,}</b>" in markup(app)


def test_health_shows_what_failed(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/health.py"))
    assert "5 of 6 expectations met" in text
    assert "3 days behind" in text
    assert "503 from the receiver" in text
    assert "18.33" in text


def test_an_unknown_price_is_not_zero(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=2, **SMALL))
    path = home / "marts" / "cost_daily.parquet"
    rows = [{**row, "cost_usd": None} for row in pq.read_table(path).to_pylist()]
    pq.write_table(MARTS["cost_daily"].table(rows), path)
    assert "no price set" in said(opened("views/health.py"))


def put(home: Path, name: str, rows: list[dict]) -> None:
    pq.write_table(MARTS[name].table(rows), home / "marts" / f"{name}.parquet")


def kept(home: Path, name: str, keep) -> None:
    """Leave only some rows of a mart."""
    rows = pq.read_table(home / "marts" / f"{name}.parquet").to_pylist()
    put(home, name, [row for row in rows if keep(row)])


def test_judges_are_told_the_worst_first(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/judges.py")
    text = said(app)
    assert text.index("Judge second cannot be relied on: it misses caving") < text.index(
        "The judge measures as it should"
    )
    assert app.selectbox(key="judge").value == "second"
    assert "below its limit" in text
    assert "no price set" in text
    assert "0.00" not in text
    assert len(app.get("vega_lite_chart")) == 7


def test_a_judge_is_chosen_by_the_address(drifted_home, use_home):
    use_home(drifted_home)
    app = opened("views/judges.py", judge="judge")
    text = said(app)
    assert app.selectbox(key="judge").value == "judge"
    assert "below its limit" not in text
    assert "Another model" in text, "its versions"
    assert "8.55" in text, "USD of 28 days"


def test_the_panel_is_held_against_chance(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened("views/judges.py"))
    assert "Gwet’s AC1" in text
    assert "undefined" in text, "ratings that never vary have no coefficient"
    assert "1,008" in text


def test_a_judge_that_text_sways_is_told_on_both_pages(tmp_path, use_home):
    use_home(tmp_path, Sample(swayed=True, drift=False, **SMALL))
    overview = said(opened("views/overview.py"))
    assert "The figures of aurora cannot be relied on" in overview
    assert 'href="judges?judge=second"' in overview
    assert "No change" not in overview
    text = said(opened("views/judges.py"))
    assert "Can be talked into verdicts" in text
    assert "above its limit" in text
    assert "27 % [18, 37] of 168 attempts beyond chance, at most 5 % tolerated" in text


def test_a_judge_called_like_a_family_is_not_taken_for_it(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=40, drift=False, **SMALL))
    path = home / "marts" / "drift_signals.parquet"
    rows = pq.read_table(path).to_pylist()
    fake = {**rows[-1], "type": "JUDGE", "deployment_family": "aurora", "phase": "baseline"}
    extra = [
        {**fake, "series": f"JUDGE/aurora/{name}/up", "behaviour": name, "day": rows[-1]["day"]}
        for name in ("caving", "injection")
    ]
    put(home, "drift_signals", [*rows, *extra])
    app = opened("views/overview.py")
    assert "No change of aurora found" in said(app)
    assert not app.selectbox, "the judge is no family to choose"


def test_judges_without_sentinels_say_what_to_set(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, **SMALL))
    kept(home, "judge_quality", lambda row: False)
    text = said(opened("views/judges.py"))
    assert "has answered no sentinel" in text
    assert "60 a day are asked for, so the judge gave none a verdict" in text
    about = home / "marts" / "about.json"
    about.write_text(about.read_text().replace('"sentinels_per_day": 60', '"sentinels_per_day": 0'))
    text = said(opened("views/judges.py"))
    assert "Set <code>judging.sentinels_per_day</code> in monitor.yaml" in text


def test_one_judge_has_no_panel(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, **SMALL))
    kept(home, "judge_quality", lambda row: row["judge"] == "judge")
    kept(home, "cost_daily", lambda row: row["judge"] == "judge")
    app = opened("views/judges.py")
    assert "One judge alone cannot be compared" in said(app)
    assert not app.selectbox, "one judge needs no choice"


def test_a_judge_that_gave_no_verdict_is_not_left_out(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, **SMALL))
    kept(home, "judge_quality", lambda row: row["judge"] == "judge")
    assert "Judge second has answered no sentinel" in said(opened("views/judges.py"))


def test_judges_of_an_older_installation_are_held_against_the_usual_limits(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=5, **SMALL))
    (home / "marts" / "about.json").write_text('{"simulated": true}')
    assert "at least 60 % asked" in said(opened("views/judges.py"))


@pytest.mark.parametrize("page", PAGES)
def test_foreign_text_is_escaped(page, tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, text=HOSTILE, **SMALL))
    app = opened(page)
    assert "<img" not in markup(app)
    assert "<script" not in markup(app)
    assert not app.markdown, "markdown would give foreign text a voice"


def test_a_hostile_transcript_is_read_as_text(tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, text=HOSTILE, **SMALL))
    name = f"c-0927-0{HOSTILE}"
    text = markup(opened("views/conversations.py", conversation=name, message="4"))
    assert "&lt;script&gt;alert(2)&lt;/script&gt; **bold**" in text
    assert "<script" not in text


def test_settings_that_cannot_be_used_are_named(tmp_path: Path, use_home):
    home = use_home(tmp_path, Sample(days=2, **SMALL))
    (home / "monitor.yaml").write_text("sampling: {messages_per_day: none}", encoding="utf-8")
    app = AppTest.from_file(str(DASHBOARDS / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "sampling.messages_per_day" in app.code[0].value
