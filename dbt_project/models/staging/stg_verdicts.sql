select
    day,
    conversation_id,
    message_index,
    judge,
    fingerprint,
    rubric_version,
    question,
    kind,
    status,
    applicable,
    level,
    positive,
    rationale,
    prompt_tokens,
    completion_tokens,
    cost_usd
from {{ source('lake', 'verdicts') }}
