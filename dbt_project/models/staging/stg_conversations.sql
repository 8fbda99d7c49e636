select
    day,
    conversation_id,
    source,
    ended_at,
    content_hash,
    deployment_family,
    deployment,
    segment,
    user_key,
    eligible,
    ineligible_reason,
    turns
from {{ source('lake', 'conversations') }}
where {{ is_traffic() }}
