select
    day,
    conversation_id,
    -- Positions only: the text stays in the lake. A turn that only calls a tool says nothing.
    unnest([
        turn.index for turn in turns if turn.role = 'assistant' and turn.content ~ '\S'
    ]) as message_index
from {{ ref('stg_conversations') }}
where eligible
