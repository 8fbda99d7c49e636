select day, source, received, repeated
from {{ source('lake', 'intake') }}
where {{ is_traffic() }}
