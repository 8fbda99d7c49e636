"""Columns that tables of several modules have, each with its one meaning."""

import pyarrow as pa

from alignment_monitor.contracts.table import column

DAY = column("day", pa.date32(), "UTC date on which the conversation ended")
CONVERSATION = column("conversation_id", pa.string(), "identifier given by the source")
MESSAGE = column("message_index", pa.int32(), "0-based position of the assistant message")
DEPLOYMENT = column("deployment", pa.string(), "model snapshot and prompt version served")
FAMILY = column("deployment_family", pa.string(), "line of deployments that replace another")
SEGMENT = column("segment", pa.string(), "values of the declared segment columns")
