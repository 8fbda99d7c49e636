"""The tables of labelling: what was answered, what is to be, and who is at it.

Here belong: columns, keys and indexes. A change here needs a migration; a test compares the two.
"""

from sqlalchemy import Column, Date, Float, Index, Integer, String, Table, Text, text

from alignment_monitor.store.columns import UtcDateTime, metadata

labels = Table(
    "labels",
    metadata,
    Column("label_id", Integer, primary_key=True),
    Column("conversation_id", String, nullable=False),
    Column("message_index", Integer, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("annotator", String, nullable=False),
    Column("rubric", String, nullable=False),
    Column("rubric_version", String, nullable=False),
    Column("question", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("value", String),
    Column("level", Integer),
    Column("note", Text, nullable=False, default=""),
    Column("labelled_at", UtcDateTime, nullable=False),
    Column("replaced_at", UtcDateTime),
    Index(
        "uq_labels_current",
        "conversation_id",
        "message_index",
        "content_hash",
        "annotator",
        "rubric_version",
        "question",
        unique=True,
        sqlite_where=text("replaced_at is null"),
        postgresql_where=text("replaced_at is null"),
    ),
    Index("ix_labels_version", "rubric_version", "replaced_at"),
)
"""What people answered; ``content_hash`` is the judged unit's, as in the journal. An answer that a
later one replaced stays, with the time: what an estimate had seen can be told."""

gold_queue = Table(
    "gold_queue",
    metadata,
    Column("day", Date, primary_key=True),
    Column("conversation_id", String, primary_key=True),
    Column("message_index", Integer, primary_key=True),
    Column("content_hash", String, nullable=False),
    Column("blind_id", String, nullable=False),
    Column("stratum", String, nullable=False),
    Column("inclusion_probability", Float, nullable=False),
    Column("purpose", String, nullable=False),
    Column("batch", String, nullable=False),
    Column("queued_at", UtcDateTime, nullable=False),
    Index("ix_gold_queue_message", "conversation_id", "message_index", "content_hash"),
    Index("ix_gold_queue_blind_id", "blind_id"),
)
"""Messages chosen to be labelled. ``inclusion_probability`` is given the judged sample, the largest
of all draws that could have chosen it; ``blind_id`` names its conversation to annotators, since the
real identifier may tell the day or the model."""

label_claims = Table(
    "label_claims",
    metadata,
    Column("conversation_id", String, primary_key=True),
    Column("message_index", Integer, primary_key=True),
    Column("content_hash", String, primary_key=True),
    Column("rubric_version", String, primary_key=True),
    Column("annotator", String, primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("skipped_at", UtcDateTime),
    Index("ix_label_claims_annotator", "annotator", "rubric_version"),
)
"""Which message is before which annotator, until when; ``skipped_at``: put off, and before nobody.
A claim ends with the label. See store.claims."""
