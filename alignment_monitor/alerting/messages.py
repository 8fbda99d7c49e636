"""The JSON that leaves: of one alert, of several together, of a test.

Here belong: payloads, and the names under which receivers know them. Here does not belong: how a
channel words them (channels), or what an alert knows (evidence).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from alignment_monitor.alerting.alert import OF_TRAFFIC
from alignment_monitor.alerting.channels.base import GROUP, LASTING, TEST
from alignment_monitor.alerting.evidence import if_expected
from alignment_monitor.alerting.lifecycle import Transition

Row = Mapping[str, Any]


def identity(*parts: object) -> str:
    """The id of a delivery or message: the same parts, the same id."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=12)
    return f"msg_{digest.hexdigest()}"


def body(transition: Transition, evidence: dict[str, Any], now: datetime) -> str:
    """What is told of one transition."""
    alert = transition.after
    data = {
        **evidence,
        "alert_id": alert.alert_id,
        "fingerprint": alert.fingerprint,
        "type": alert.type,
        "severity": alert.severity,
        "state": alert.state,
        "opened_on": alert.opened_on.isoformat(),
        "resolved_on": alert.resolved_on and alert.resolved_on.isoformat(),
    }
    if transition.caveat:
        data["statement"] = f"{data.get('statement', '')} {transition.caveat}".strip()
    if transition.event in LASTING and alert.type in OF_TRAFFIC:
        data["if_expected"] = if_expected(alert.alert_id)
    return _json(str(transition.event), now.isoformat(), data)


def test_body(channel: str, dashboard_url: str, now: datetime) -> str:
    """What a test of a channel says: that it is one."""
    data = {
        "test": True,
        "statement": f"A test of the channel {channel}: nothing happened, nothing is to be done.",
        "severity": "warn",
        "link": dashboard_url,
    }
    return _json(TEST, now.isoformat(), data)


def message_of(rows: Sequence[Row]) -> tuple[str, str]:
    """Id and body of a message of these rows of the outbox, the same for the same rows.

    One alone goes as it was queued. Of several each keeps its own ``delivery_id`` inside, so that
    a receiver can tell what it has seen however alerts were put together.
    """
    if len(rows) == 1:
        return rows[0]["delivery_id"], rows[0]["body"]
    told = [{"delivery_id": row["delivery_id"], **json.loads(row["body"])} for row in rows]
    events = sorted({item["type"] for item in told})
    data = {
        "statement": f"{len(told)} alerts together",
        "count": len(told),
        "events": events,
        "digest": all(row["digest"] for row in rows),
        "alerts": told,
    }
    at = max(item["timestamp"] for item in told)
    return identity(*(row["delivery_id"] for row in rows)), _json(GROUP, at, data)


def _json(event: str, timestamp: str, data: Mapping[str, Any]) -> str:
    payload = {"type": event, "timestamp": timestamp, "data": data}
    return json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
