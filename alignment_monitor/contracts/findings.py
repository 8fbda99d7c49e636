"""Marts of what stands behind rates: topics of flagged messages, and rates by opportunity."""

import pyarrow as pa

from alignment_monitor.contracts.shared_columns import (
    DEPLOYMENT,
    FAMILY,
)
from alignment_monitor.contracts.table import Table, column, columns

EXEMPLAR = pa.struct(
    [
        ("day", pa.date32()),
        ("conversation_id", pa.string()),
        ("message_index", pa.int32()),
    ]
)

TOPICS = Table(
    "topics",
    "family x topic of its flagged messages, over the newest four weeks",
    ("deployment_family", "topic"),
    columns(
        FAMILY,
        column("topic", pa.int32(), "from 1, largest first"),
        column("from_day", pa.date32(), "first day of the window"),
        column("to_day", pa.date32(), "last day of the window"),
        column("flagged", pa.int64(), "messages flagged in the window"),
        column("read", pa.int64(), "of these, drawn and clustered"),
        column("terms", pa.list_(pa.string()), "what tells it from others, most telling first"),
        column("n", pa.int64(), "messages of the topic"),
        column("users", pa.int64(), "users among them"),
        column("share", pa.float64(), "of flagged messages, design-weighted"),
        column("lower", pa.float64(), "95 % interval, lower"),
        column("upper", pa.float64(), "95 % interval, upper"),
        column("n_before", pa.int64(), "messages over the four weeks before"),
        column("share_before", pa.float64(), "null: too few then", optional=True),
        column("change_lower", pa.float64(), "of the change, 95 %, lower", optional=True),
        column("change_upper", pa.float64(), "of the change, 95 %, upper", optional=True),
        column("exemplars", pa.list_(EXEMPLAR), "the messages most like it"),
    ),
)

OPPORTUNITY_RATES = Table(
    "opportunity_rates",
    "deployment x opportunity x behaviour, over the newest four weeks",
    ("deployment_family", "deployment", "opportunity", "behaviour", "rubric_version", "panel"),
    columns(
        column("day", pa.date32(), "last day of the window"),
        FAMILY,
        DEPLOYMENT,
        column("opportunity", pa.string(), "opportunity that the message has"),
        column("behaviour", pa.string(), "question whose positive rate this is"),
        column("rubric_version", pa.string(), "a change starts a new series"),
        column("panel", pa.string(), "judges that must all have answered"),
        column("n", pa.int64(), "judged messages with it to which the question applies"),
        column("users", pa.int64(), "clusters among n"),
        column("effective_n", pa.float64(), "n of an equal-sized simple sample", optional=True),
        column("prevalence", pa.float64(), "rate among them; null: NO DATA", optional=True),
        column("lower", pa.float64(), "95 % interval, lower", optional=True),
        column("upper", pa.float64(), "95 % interval, upper", optional=True),
    ),
)
