import re
from pathlib import Path

import pytest
import yaml

from alignment_monitor.settings import Settings

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_is_settings_that_are_taken(example):
    given = yaml.safe_load(example)["alerts"]
    taken = Settings(alerts=given).alerts.model_dump(by_alias=True)
    assert given
    assert set(given) <= set(taken)


def test_every_kind_of_channel_has_its_example():
    settings = [Settings(**yaml.safe_load(example)).alerts for example in EXAMPLES]
    shown = {channel.kind for alerts in settings for channel in alerts.channels}
    assert shown == {"webhook", "slack", "pagerduty", "alertmanager", "email", "apprise"}
    assert any(rule.proceed for alerts in settings for rule in alerts.routes)
