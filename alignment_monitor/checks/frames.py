"""Tables of the lake as flat frames: one column for each thing that a suite expects.

Here belong: what takes a join, a look into nested values or a sum by day; each becomes a plain
column. Here does not belong: what is expected of it (suites). Frames hold no conversation text,
so that no report on them can.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.contracts import ROLES
from alignment_monitor.judging.known import KNOWN
from alignment_monitor.judging.prompt import normalise

if TYPE_CHECKING:
    import pandas as pd

MESSAGE = ["day", "conversation_id", "message_index"]


def conversations_frame(conversations: pa.Table) -> "pd.DataFrame":
    """One row for each conversation, with what holds for its turns."""
    frame = _flat(conversations)
    turns = _exploded(conversations, "turns")
    by_row = turns.groupby("row")
    frame["turns"] = by_row.size().reindex(frame.index, fill_value=0)
    replies = (turns["role"] == "assistant").groupby(turns["row"]).sum()
    frame["replies"] = replies.reindex(frame.index, fill_value=0)
    in_order = turns["index"] == by_row.cumcount()
    frame["turns_in_order"] = _all_of(in_order, turns["row"], frame)
    frame["roles_known"] = _all_of(turns["role"].isin(ROLES), turns["row"], frame)
    frame["offers_a_reply"] = ~frame["eligible"].eq(True) | (frame["replies"] > 0)
    frame["ineligible_explained"] = frame["eligible"].eq(True) == frame["ineligible_reason"].isna()
    frame["ends_after_start"] = frame["started_at"] <= frame["ended_at"]
    frame["ends_on_its_day"] = frame["ended_at"].dt.tz_localize(None).dt.normalize() == frame["day"]
    eligible = frame["eligible"].eq(True).astype(int)
    versions = eligible.groupby([frame["day"], frame["conversation_id"]]).transform("sum")
    frame["eligible_versions"] = versions
    return frame


def conversation_days_frame(
    conversations: pa.Table, quarantine: pa.Table, intake: pa.Table
) -> "pd.DataFrame":
    """One row for each day: what came in, and what became of it."""
    import pandas as pd

    conversations, quarantine, intake = map(_traffic, (conversations, quarantine, intake))
    received = _flat(intake.select(["day", "received"])).groupby("day")["received"].sum()
    kept = {
        "conversations": _flat(conversations.select(["day"])).groupby("day").size(),
        "quarantined": _flat(quarantine.select(["day"])).groupby("day").size(),
    }
    frame = pd.DataFrame({"received": received, **kept}).fillna(0).astype("int64")
    frame["accounted"] = frame["conversations"] + frame["quarantined"]
    frame["quarantined_share"] = frame["quarantined"] / frame["accounted"].clip(lower=1)
    frame["share_of_median_day"] = frame["received"] / max(1.0, frame["received"].median())
    return frame.rename_axis("day").reset_index()


def _traffic(table: pa.Table) -> pa.Table:
    """Without the conversations we know, which come in on the emptiest day."""
    return table.filter(pc.invert(pc.is_in(table["source"], pa.array(KNOWN))))


def judging_sample_frame(judging_sample: pa.Table, conversations: pa.Table) -> "pd.DataFrame":
    """One row for each sampled message, with whether it exists."""
    frame = _flat(judging_sample)
    frame["message_exists"] = _found(frame, _replies(conversations)[MESSAGE])
    product = frame["conversation_probability"] * frame["message_probability"]
    frame["probability_is_the_product"] = (frame["inclusion_probability"] - product).abs() < 1e-9
    return frame


def sampling_design_frame(sampling_design: pa.Table) -> "pd.DataFrame":
    """One row for each place, with how many versions its day names."""
    frame = _flat(sampling_design)
    frame["versions"] = frame.groupby("day")["design_version"].transform("nunique")
    return frame


def verdicts_frame(
    verdicts: pa.Table, judging_sample: pa.Table, conversations: pa.Table
) -> "pd.DataFrame":
    """One row for each answer, with whether its message was selected and its quotes are real."""
    frame = _flat(verdicts)
    selected = _flat(judging_sample.select([*MESSAGE, "status"]))
    selected = selected[selected["status"] == "selected"]
    frame["message_selected"] = _found(frame, selected[MESSAGE])
    stance = frame["question"] == "stance"
    lowest, highest = stance.map({True: -2, False: 0}), stance.map({True: 2, False: 3})
    frame["level_on_its_scale"] = frame["level"].isna() | frame["level"].between(lowest, highest)
    positive, applicable = frame["positive"].notna(), frame["applicable"].eq(True)
    frame["positive_is_applicable"] = ~positive | applicable
    frame["answered_if_ok"] = (frame["status"] == "ok") == frame["applicable"].notna()
    frame["quotes_are_literal"] = _quotes_are_literal(verdicts, conversations, frame)
    return frame


def verdict_days_frame(verdicts: pa.Table) -> "pd.DataFrame":
    """One row for each day and judge: how many calls it was asked, and left unanswered."""
    frame = _flat(verdicts.select(["day", "judge", "question", "status"]))
    calls = frame[frame["question"] == "stance"]
    unanswered = (~calls["status"].isin(["ok", "awaiting"])).groupby([calls["day"], calls["judge"]])
    days = unanswered.agg(["size", "mean"]).reset_index()
    return days.rename(columns={"size": "calls", "mean": "unanswered_share"})


def _flat(table: pa.Table) -> "pd.DataFrame":
    """Columns that are not nested; of a rationale, only whether there is one."""
    names = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    if "rationale" in names:
        given = pc.if_else(pc.is_valid(table["rationale"]), "given", pa.scalar(None, pa.string()))
        table = table.drop_columns("rationale").append_column("rationale", given)
    return table.select(names).to_pandas(date_as_object=False)


def _exploded(table: pa.Table, column: str) -> "pd.DataFrame":
    """Elements of a list of structs, each with the position of its row."""
    lists = table[column].combine_chunks()
    elements = pc.list_flatten(lists)
    fields = {field.name: pc.struct_field(elements, field.name) for field in elements.type}
    return pa.table({"row": pc.list_parent_indices(lists), **fields}).to_pandas()


def _all_of(holds: Any, row: Any, frame: "pd.DataFrame") -> "pd.Series[Any]":
    return holds.groupby(row).all().reindex(frame.index, fill_value=True)


def _replies(conversations: pa.Table) -> "pd.DataFrame":
    """Assistant messages of eligible conversations, with their text."""
    conversations = conversations.filter(conversations["eligible"])
    turns = _exploded(conversations, "turns")
    keys = _flat(conversations.select(["day", "conversation_id"]))
    replies = turns[turns["role"] == "assistant"].join(keys, on="row")
    return replies.rename(columns={"index": "message_index"})[[*MESSAGE, "content"]]


def _found(frame: "pd.DataFrame", keys: "pd.DataFrame") -> Any:
    joined = frame[MESSAGE].merge(keys.drop_duplicates(), how="left", indicator=True)
    return (joined["_merge"] == "both").to_numpy()


def _quotes_are_literal(
    verdicts: pa.Table, conversations: pa.Table, frame: "pd.DataFrame"
) -> "pd.Series[bool]":
    """Whether each quote stands in the message judged, white space and Unicode forms aside."""
    import pandas as pd

    quotes = _exploded(verdicts, "evidence").rename(columns={"message_index": "quoted_index"})
    quotes = quotes.join(frame[MESSAGE], on="row")
    quotes = quotes.merge(_replies(conversations), on=MESSAGE, how="left")
    shown: dict[str, str] = {text: normalise(text) for text in quotes["content"].dropna().unique()}
    literal = [
        index == judged and bool(quote := normalise(given)) and quote in shown.get(text, "")
        for index, judged, given, text in zip(
            quotes["quoted_index"],
            quotes["message_index"],
            quotes["quote"],
            quotes["content"],
            strict=True,
        )
    ]
    return _all_of(pd.Series(literal, dtype=bool), quotes["row"], frame)
