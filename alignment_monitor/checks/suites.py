"""What is expected of each table, as Great Expectations suites.

Here belong: expectations and how bad it is to break one. Critical: the figures would mean
something else, so what follows stops. Warning: suspicious. Info: good to know. Here does not
belong: how a column comes about that only a frame has (frames) or what a failure does (asset
checks).
"""

from typing import Any

import pyarrow as pa

from alignment_monitor.contracts import (
    CONVERSATIONS,
    JUDGING_SAMPLE,
    PURPOSES,
    QUESTION_KINDS,
    SAMPLE_STATUSES,
    SAMPLING_DESIGN,
    VERDICT_STATUSES,
    VERDICTS,
    Table,
)

UNANSWERED_SHARE = 0.2
QUARANTINED_SHARE = 0.2
QUIET_DAY = 0.25
LEAST_DEVIATION, MOST_DEVIATION = 1e-4, 1e4


def conversations_suite() -> Any:
    """Each conversation is whole, in order and on its day."""
    import great_expectations.expectations as gxe

    return _suite(
        "conversations",
        *_contract(CONVERSATIONS),
        *_holds("turns_in_order", "roles_known", "offers_a_reply"),
        *_holds("ineligible_explained", "ends_on_its_day"),
        *_holds("ends_after_start", severity="warning"),
        gxe.ExpectColumnValuesToBeBetween(
            column="eligible_versions",
            max_value=1,
            notes="Two versions of a conversation would count twice.",
        ),
        gxe.ExpectColumnValuesToBeBetween(column="redactions", min_value=0),
        gxe.ExpectColumnValuesToBeInSet(
            column="feedback", value_set=["up", "down"], severity="warning"
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="feedback", mostly=0.01, severity="info"),
    )


def conversation_days_suite() -> Any:
    """Nothing is lost on the way in, and no day is suspiciously quiet."""
    import great_expectations.expectations as gxe

    return _suite(
        "conversations.by_day",
        gxe.ExpectTableRowCountToBeBetween(min_value=1, severity="warning"),
        gxe.ExpectColumnPairValuesToBeEqual(
            column_A="received",
            column_B="accounted",
            notes="Records received are conversations or in quarantine.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="share_of_median_day", min_value=QUIET_DAY, severity="warning"
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="quarantined_share", max_value=QUARANTINED_SHARE, severity="warning"
        ),
    )


def judging_sample_suite() -> Any:
    """Each sampled message exists once, with the probability it was drawn with."""
    import great_expectations.expectations as gxe

    probabilities = ("conversation_probability", "message_probability", "inclusion_probability")
    return _suite(
        "judging_sample",
        *_contract(JUDGING_SAMPLE),
        *_holds("message_exists", "probability_is_the_product"),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=name, min_value=0, strict_min=True, max_value=1
            )
            for name in probabilities
        ),
        gxe.ExpectColumnValuesToBeBetween(column="sampling_number", min_value=0, max_value=1),
        *_values("purpose", PURPOSES),
        *_values("status", SAMPLE_STATUSES),
    )


def sampling_design_suite() -> Any:
    """Each place exists once, with a boost from which a probability can be made."""
    import great_expectations.expectations as gxe

    return _suite(
        "sampling_design",
        *_contract(SAMPLING_DESIGN),
        gxe.ExpectColumnValuesToBeBetween(column="boost", min_value=0, strict_min=True),
        gxe.ExpectColumnValuesToBeBetween(column="messages", min_value=0, strict_min=True),
        gxe.ExpectColumnValuesToBeBetween(column="judged", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="versions", max_value=1),
        gxe.ExpectColumnValuesToBeBetween(
            column="deviation",
            min_value=LEAST_DEVIATION,
            max_value=MOST_DEVIATION,
            severity="warning",
            notes="Weights that differ so much make intervals wide.",
        ),
    )


def verdicts_suite() -> Any:
    """Each answer is on its scale, about a message that was selected, with real quotes."""
    import great_expectations.expectations as gxe

    return _suite(
        "verdicts",
        *_contract(VERDICTS),
        *_holds("message_selected", "level_on_its_scale", "positive_is_applicable"),
        *_holds("answered_if_ok", "quotes_are_literal"),
        *_values("kind", QUESTION_KINDS),
        *_values("status", VERDICT_STATUSES),
        gxe.ExpectColumnValuesToBeBetween(column="probability", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(
            column="applicable_probability", min_value=0, max_value=1
        ),
        gxe.ExpectColumnValuesToBeBetween(column="cost_usd", min_value=0, severity="warning"),
    )


def verdict_days_suite() -> Any:
    """No judge left many messages of a day unanswered."""
    import great_expectations.expectations as gxe

    return _suite(
        "verdicts.by_day",
        gxe.ExpectColumnValuesToBeBetween(
            column="unanswered_share",
            max_value=UNANSWERED_SHARE,
            severity="warning",
            notes="Calls that the judge refused, failed, or answered unusably.",
        ),
    )


def _suite(name: str, *expectations: Any) -> Any:
    import great_expectations as gx

    return gx.ExpectationSuite(name=name, expectations=list(expectations))


def _contract(table: Table) -> list[Any]:
    """What a contract promises: its columns, its key, and where there is no null."""
    import great_expectations.expectations as gxe

    flat = [field for field in table.schema if not pa.types.is_nested(field.type)]
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=[field.name for field in flat], exact_match=False
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key)),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=field.name)
            for field in flat
            if not field.nullable
        ),
    ]


def _holds(*columns: str, severity: str = "critical") -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[True], severity=severity)
        for name in columns
    ]


def _values(column: str, vocabulary: tuple[str, ...]) -> list[Any]:
    import great_expectations.expectations as gxe

    return [gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(vocabulary))]
