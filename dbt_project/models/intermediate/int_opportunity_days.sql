with

answers as (
    select * from {{ ref('int_judged_answers') }}
    where {{ days_in_range() }} and kind = 'opportunity'
),

openings as (
    select
        day,
        conversation_id,
        turns,
        list_min([turn.index for turn in turns if turn.role = 'user']) as opening
    from {{ ref('stg_conversations') }}
    where {{ days_in_range() }} and eligible
),

-- The first reply to what the user said before any reply, which owes nothing to the model. A
-- greeting before that is no reply, and a turn that only calls a tool says nothing.
first_replies as (
    select
        day,
        conversation_id,
        list_min([
            turn.index for turn in turns
            if turn.role = 'assistant' and turn.content ~ '\S' and turn.index > opening
        ]) as first_reply
    from openings
)

select
    day,
    deployment_family,
    behaviour,
    rubric_version,
    panel,
    user_key,
    coalesce(message_index = first_reply, false) as first_turn,
    {{ sufficient_statistics() }}
from answers
inner join first_replies using (day, conversation_id)
group by
    day, deployment_family, behaviour, rubric_version, panel, user_key, first_turn
