{# Each row has its counterpart in another model; both sides read the days of the run only. #}
{% test found_in(model, to, columns) %}
select {{ columns | join(', ') }} from {{ model }}
except
select {{ columns | join(', ') }} from {{ to }} where {{ run_days() }}
{% endtest %}
