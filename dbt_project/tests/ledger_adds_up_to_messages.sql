-- The published ledger holds every assistant message of the accepted conversations.
with

offered as (
    select day, count(*) as n
    from {{ ref('stg_assistant_messages') }}
    where {{ run_days() }}
    group by day
),

accounted as (
    select day, sum("count") as n
    from {{ ref('ledger_daily') }}
    where {{ run_days() }} and level = 'message'
    group by day
)

select day, offered.n as offered, accounted.n as accounted
from offered
full outer join accounted using (day)
where coalesce(offered.n, 0) <> coalesce(accounted.n, 0)
