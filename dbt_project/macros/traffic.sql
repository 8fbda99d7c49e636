{# Sentinels and canaries pass through the same tables as traffic; no figure about traffic counts
   them. The Python side names them in judging/known.py. #}
{% macro is_traffic(column='source') -%}
  {{ column }} not in ('sentinel', 'canary')
{%- endmacro %}
