{# What the estimators need of judged answers, in sums that add up over days. Sums of doubles in a
   fixed order: a rebuilt warehouse agrees with the old one to the last digit. #}
{% macro sufficient_statistics() -%}
    count(*) as n,
    count(*) filter (o >= 0.5) as n_o,
    count(*) filter (y >= 0.5) as n_y,
    {{ ordered_sum('d') }} as sum_d,
    {{ ordered_sum('d * o') }} as sum_do,
    {{ ordered_sum('d * y') }} as sum_dy
{%- endmacro %}

{% macro ordered_sum(expression) -%}
  sum({{ expression }} order by {{ expression }})
{%- endmacro %}
