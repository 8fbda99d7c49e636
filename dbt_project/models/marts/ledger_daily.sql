{{ config(post_hook="{{ export_mart('day, level, state') }}") }}

select day, level, state, count(*) as "count"
from {{ ref('int_outcomes') }}
where {{ days_in_range() }}
group by day, level, state
