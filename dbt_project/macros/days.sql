{# Which days a run is about. Environment variables, since --vars would parse the project anew;
   read while running only, so that another day's run finds the project parsed. #}

{% macro run_days(column='day', following=0) -%}
  {%- if execute -%}
    {{ column }} between date '{{ env_var('ALIGNMENT_MONITOR_FROM_DAY', '0001-01-01') }}'
      and date '{{ env_var('ALIGNMENT_MONITOR_TO_DAY', '9999-12-31') }}' + {{ following }}
  {%- endif -%}
{%- endmacro %}

{# A condition on constants, so that DuckDB opens the files of these days and no others.
   A model that is built for the first time takes all days of the lake. #}
{% macro days_in_range(column='day', following=0) -%}
  {{ run_days(column, following) if is_incremental() else 'true' }}
{%- endmacro %}

{# delete+insert deletes only days that have new rows; a day that has become empty must go too. #}
{% macro get_incremental_replace_days_sql(arg_dict) -%}
  {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
  delete from {{ arg_dict['target_relation'] }} where {{ run_days() }};
  insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{%- endmacro %}

{# What `where: __run_days__` of a test means. #}
{% macro get_where_subquery(relation) -%}
  {%- set where = config.get('where') -%}
  {%- if where -%}
    (select * from {{ relation }} where {{ where | replace('__run_days__', run_days()) }}) as tested
  {%- else -%}
    {{ relation }}
  {%- endif -%}
{%- endmacro %}
