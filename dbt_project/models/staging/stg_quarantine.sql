select day, receipt_id, source, location, conversation_id, rule, reason, excerpt
from {{ source('lake', 'quarantine') }}
where {{ is_traffic() }}
