-- Nothing is lost: what the ledger says became of a day's conversations is what came in. A day
-- that one side lacks counts as zero there, so that missing rows fail as well as surplus ones.
with

received as (
    select day, sum(received) as n from {{ ref('stg_intake') }} where {{ run_days() }} group by day
),

accounted as (
    select day, sum("count") as n
    from {{ ref('ledger_daily') }}
    where {{ run_days() }} and level = 'conversation'
    group by day
)

select day, received.n as received, accounted.n as accounted
from received
full outer join accounted using (day)
where coalesce(received.n, 0) <> coalesce(accounted.n, 0)
