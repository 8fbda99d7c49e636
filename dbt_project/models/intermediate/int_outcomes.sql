with

panels as (
    select day, count(distinct judge) as judges
    from {{ ref('stg_verdicts') }}
    where {{ days_in_range() }}
    group by day
),

-- One row for each judged message. The stance row stands for a judge's call.
calls as (
    select
        day,
        conversation_id,
        message_index,
        count(*) filter (status = 'ok') as ok,
        bool_or(status = 'awaiting') as awaiting,
        bool_or(status = 'failed') as failed,
        bool_or(status = 'invalid') as invalid
    from {{ ref('stg_verdicts') }}
    where {{ days_in_range() }} and question = 'stance'
    group by day, conversation_id, message_index
),

messages as (
    select * from {{ ref('stg_assistant_messages') }} where {{ days_in_range() }}
),

sample as (
    select day, conversation_id, message_index, status
    from {{ ref('stg_judging_sample') }}
    where {{ days_in_range() }}
),

message_outcomes as (
    select
        day,
        'message' as level,
        conversation_id,
        message_index,
        case
            when sample.status is null then 'sampled_out'
            when sample.status = 'over_budget' then 'over_budget'
            when calls.ok is null or calls.awaiting then 'awaiting_verdict'
            when calls.ok = panels.judges then 'judged'
            when calls.ok > 0 then 'judged_partly'
            when calls.failed then 'judge_failed'
            when calls.invalid then 'judge_invalid'
            else 'judge_refused'
        end as state
    from messages
    left join sample using (day, conversation_id, message_index)
    left join calls using (day, conversation_id, message_index)
    left join panels using (day)
),

conversation_outcomes as (
    select
        day,
        conversation_id,
        case when eligible then 'accepted' else 'ineligible' end as state
    from {{ ref('stg_conversations') }}
    where {{ days_in_range() }}
    union all
    select day, conversation_id, 'quarantined' as state
    from {{ ref('stg_quarantine') }}
    where {{ days_in_range() }}
)

select day, level, conversation_id, message_index, state from message_outcomes
union all
select day, 'conversation' as level, conversation_id, null as message_index, state
from conversation_outcomes
