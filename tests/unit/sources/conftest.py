"""What the tests of this folder share: settings with a home of their own, and a day."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from alignment_monitor.settings import Settings
from alignment_monitor.sources.base import RawConversation, RawMessage

DAY = date(2025, 5, 6)
NOW = datetime(2025, 5, 8, 9, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def day():
    return DAY


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def conversation():
    """Makes a conversation of a day: texts of user and assistant in turn."""

    def make(*texts: str, **fields) -> RawConversation:
        messages = [
            RawMessage("assistant" if index % 2 else "user", text)
            for index, text in enumerate(texts)
        ]
        given = {
            "conversation_id": "c1",
            "deployment": "model-1",
            "ended_at": datetime(2025, 5, 6, 12, tzinfo=UTC),
        }
        return RawConversation(messages=messages, **{**given, **fields})

    return make


@pytest.fixture(params=["spiral_dialogues", "pushback_dialogues", "opinion_replies"])
def labelled_file(request) -> Path:
    path = SHARED / f"{request.param}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the checkout (../shared/data)")
    return path
