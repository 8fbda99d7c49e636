{{ config(post_hook="{{ export_mart('day, receipt_id', last_days=400) }}") }}

select day, receipt_id, source, location, conversation_id, rule, reason, excerpt
from {{ ref('stg_quarantine') }}
where {{ days_in_range() }}
