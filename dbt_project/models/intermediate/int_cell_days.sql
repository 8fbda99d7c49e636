select
    day,
    deployment_family,
    deployment,
    segment,
    behaviour,
    rubric_version,
    panel,
    stratum,
    {{ sufficient_statistics() }},
    {{ ordered_sum('d * d') }} as sum_dd,
    {{ ordered_sum('d * o * d * o') }} as sum_ddo
from {{ ref('int_judged_answers') }}
where {{ days_in_range() }}
group by
    day, deployment_family, deployment, segment, behaviour, rubric_version, panel, stratum
