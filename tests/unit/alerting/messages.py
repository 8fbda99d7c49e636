"""Messages as the outbox makes them, for tests of channels."""

import json

from alignment_monitor.alerting.channels import Delivery
from alignment_monitor.alerting.messages import message_of

AT = "2026-12-01T02:15:00+00:00"


def alert(number=0, **changes):
    """What an alert's payload holds, with a family's name that tries to be mark-up."""
    return {
        "alert_id": f"a{number}",
        "type": "MODEL",
        "severity": "page",
        "state": "firing",
        "series": f"MODEL/aurora/caving-{number}/up",
        "deployment_family": "aurora",
        "behaviour": f"caving-{number}",
        "behaviour_title": "caving",
        "direction": "up",
        "opened_on": "2026-11-01",
        "statement": f"Caving {number} of <!channel> rose from 8 % to 19 % & more.",
        "link": "http://localhost:8501/?family=aurora&day=1",
        **changes,
    }


def row(event, number=0, **changes):
    """A row of the outbox."""
    data = alert(number, **changes)
    return {
        "delivery_id": f"msg_{event}_{number}",
        "digest": False,
        "body": json.dumps({"type": f"alert.{event}", "timestamp": AT, "data": data}),
    }


def delivery(*rows, threads=None):
    """The message of such rows."""
    return Delivery(*message_of(rows), threads or {})
