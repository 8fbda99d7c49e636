{{ config(
    on_schema_change='append_new_columns',
    post_hook="{{ export_months('day, conversation_id, message_index, judge') }}",
) }}

with

answers as (
    select
        day,
        conversation_id,
        message_index,
        judge,
        rubric_version,
        max(status) filter (question = 'stance') as status,
        max(level) filter (question = 'stance') as stance,
        list(question order by question) filter (kind = 'opportunity' and positive) as present,
        list(question order by question) filter (
            kind in ('behaviour', 'guard') and question <> 'substance' and positive
        ) as flags,
        max(level) filter (kind = 'behaviour') as highest_level,
        max(rationale) as rationale
    from {{ ref('stg_verdicts') }}
    where {{ days_in_range() }} and status <> 'awaiting'
    group by day, conversation_id, message_index, judge, rubric_version
),

sample as (
    select
        day,
        conversation_id,
        message_index,
        deployment_family,
        deployment,
        segment,
        bucket,
        stratum,
        inclusion_probability
    from {{ ref('stg_judging_sample') }}
    where {{ days_in_range() }} and purpose = 'estimate'
)

select
    day,
    conversation_id,
    message_index,
    sample.deployment_family,
    sample.deployment,
    sample.segment,
    sample.bucket,
    sample.stratum,
    sample.inclusion_probability,
    answers.judge,
    answers.rubric_version,
    answers.status,
    answers.stance,
    coalesce(answers.present, []) as opportunities,
    coalesce(answers.flags, []) as flagged,
    answers.highest_level,
    answers.rationale
from answers
inner join sample using (day, conversation_id, message_index)
