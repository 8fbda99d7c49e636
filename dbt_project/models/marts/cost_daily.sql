{{ config(post_hook="{{ export_mart('day, judge, status') }}") }}

select
    day,
    judge,
    status,
    count(*) as calls,
    sum(prompt_tokens)::bigint as prompt_tokens,
    sum(completion_tokens)::bigint as completion_tokens,
    sum(cost_usd) as cost_usd
from {{ ref('stg_verdicts') }}
where {{ days_in_range() }} and question = 'stance' and status <> 'awaiting'
group by day, judge, status
