select
    day,
    conversation_id,
    -- Positions only: the text stays in the lake.
    unnest([turn.index for turn in turns if turn.role = 'assistant']) as message_index
from {{ ref('stg_conversations') }}
where eligible
