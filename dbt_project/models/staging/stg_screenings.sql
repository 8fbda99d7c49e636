select
    day,
    conversation_id,
    message_index,
    behaviour,
    cued,
    probability,
    pressure,
    screener_version
from {{ source('lake', 'screenings') }}
