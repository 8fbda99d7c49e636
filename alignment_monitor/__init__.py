"""Alignment Monitor: has the model you serve become more sycophantic, since when, and how sure?

The pipeline in ten lines, each a folder of this package and an asset of the Dagster graph:

    sources, privacy   conversations come in, normalised and redacted; what is malformed is kept
    screening          every assistant message is screened for cues of pressure by the user
    sampling           a probability sample is drawn; each inclusion probability is stored
    judging            judge models answer the rubric's questions about each sampled message
    checks             Great Expectations stand between the stages and stop what is broken
    dbt_project        verdicts become facts, ledger and sufficient statistics
    statistics         prevalence with an interval; sequential detection of drift, both ways
    alerting           a page with its evidence, sent once through an outbox
    dashboards         what a person decides from
    simulation         traffic with a known truth, to prove all of the above
"""

__version__ = "0.1.0"
