select day, deployment_family, deployment, count(*) as conversations
from {{ ref('stg_conversations') }}
where {{ days_in_range() }} and eligible
group by day, deployment_family, deployment
