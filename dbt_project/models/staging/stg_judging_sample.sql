select
    day,
    conversation_id,
    message_index,
    deployment_family,
    deployment,
    segment,
    user_key,
    bucket,
    stratum,
    inclusion_probability,
    purpose,
    status
from {{ source('lake', 'judging_sample') }}
