select
    day,
    deployment_family,
    deployment,
    segment,
    behaviour,
    rubric_version,
    panel,
    user_key,
    {{ sufficient_statistics() }}
from {{ ref('int_judged_answers') }}
where {{ days_in_range() }}
group by
    day, deployment_family, deployment, segment, behaviour, rubric_version, panel, user_key
