-- Every assistant message of an accepted conversation ends in exactly one state, and no other
-- message has one.
with

messages as (
    select day, conversation_id, message_index, 1 as expected
    from {{ ref('stg_assistant_messages') }}
    where {{ run_days() }}
),

states as (
    select day, conversation_id, message_index, count(*) as states
    from {{ ref('int_outcomes') }}
    where {{ run_days() }} and level = 'message'
    group by day, conversation_id, message_index
)

select day, conversation_id, message_index, expected, states
from messages
full outer join states using (day, conversation_id, message_index)
where expected is distinct from states
