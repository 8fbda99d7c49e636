{{ config(
    materialized='table',
    post_hook="{{ export_mart('deployment_family, first_day, deployment') }}",
) }}

select
    deployment_family,
    deployment,
    min(day) as first_day,
    max(day) as last_day,
    sum(conversations)::bigint as conversations
from {{ ref('int_deployment_days') }}
group by deployment_family, deployment
