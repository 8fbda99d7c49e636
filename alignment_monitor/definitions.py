"""READ FIRST: every asset, check, job, schedule and resource, in the order data flows.

    source -> conversations -> screenings -> judging_sample -> verdicts -> dbt (staging,
    intermediate, marts) -> estimates -> drift_signals -> alerts -> deliveries

Beside them the verdicts write the sampling_design by which later days are drawn, and the topics
that pages show.
Nothing is decided here; each name leads to the module of the same name in ``assets``.
"""

import dagster as dg

from alignment_monitor import schedules
from alignment_monitor.assets.alerts import alerts
from alignment_monitor.assets.conversations import conversations
from alignment_monitor.assets.deliveries import deliveries
from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.estimates import estimates
from alignment_monitor.assets.judge_quality import judge_quality, judges_resist_injection
from alignment_monitor.assets.judging_sample import judging_sample
from alignment_monitor.assets.label_requests import label_requests
from alignment_monitor.assets.sampling_design import sampling_design
from alignment_monitor.assets.screenings import screenings
from alignment_monitor.assets.stand_in_labels import stand_in_labels
from alignment_monitor.assets.topics import topics
from alignment_monitor.assets.transcripts import transcripts
from alignment_monitor.assets.verdicts import verdicts
from alignment_monitor.assets.warehouse import warehouse
from alignment_monitor.checks.asset_checks import (
    conversations_are_sound,
    judging_sample_is_sound,
    sampling_design_is_sound,
    verdicts_are_sound,
)
from alignment_monitor.resources.monitor import Monitor

defs = dg.Definitions(
    assets=[
        conversations,
        screenings,
        judging_sample,
        verdicts,
        judge_quality,
        transcripts,
        warehouse,
        sampling_design,
        topics,
        estimates,
        drift_signals,
        label_requests,
        stand_in_labels,
        alerts,
        deliveries,
    ],
    asset_checks=[
        conversations_are_sound,
        judging_sample_is_sound,
        verdicts_are_sound,
        sampling_design_is_sound,
        judges_resist_injection,
    ],
    jobs=[schedules.daily_monitoring, schedules.delivery_job],
    schedules=[schedules.daily, schedules.hourly_recheck, schedules.hourly_delivery],
    sensors=[schedules.failed_run, schedules.stale, schedules.dead_man],
    resources={"monitor": Monitor()},
    # The multiprocess executor imports everything anew for each step; judging is bound by the
    # judge, not by this process.
    executor=dg.in_process_executor,
)
