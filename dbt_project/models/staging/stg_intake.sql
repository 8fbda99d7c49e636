select day, source, received, repeated
from {{ source('lake', 'intake') }}
