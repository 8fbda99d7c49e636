{# Replaces <marts>/<model>.parquet whole: readers see the old file or the new one. The
   materialization `external` is not used because it writes a row of nulls for an empty table. #}
{% macro export_mart(order_by, last_days=none) -%}
  {%- set file = env_var('ALIGNMENT_MONITOR_MARTS', '.') ~ '/' ~ this.identifier ~ '.parquet' -%}
  copy (
    select * from {{ this }}
    {% if last_days -%}
    where day > (select max(day) from {{ this }}) - {{ last_days }}
    {% endif -%}
    order by {{ order_by }}
  ) to '{{ file | replace("'", "''") }}' (format parquet, compression zstd, use_tmp_file true)
{%- endmacro %}

{# The same by month, <marts>/<model>/month=YYYY-MM.parquet: those that the run's days are in, and
   those without a file yet. Small row groups, so that readers leave out what they do not want. #}
{% macro export_months(order_by) -%}
  {%- if execute -%}
  {%- set folder = env_var('ALIGNMENT_MONITOR_MARTS', '.') ~ '/' ~ this.identifier -%}
  {%- set folder = folder | replace("'", "''") -%}
  {%- set months = run_query(
    "with written as (select regexp_extract(file, 'month=(.{7}).parquet$', 1) as month"
    ~ " from glob('" ~ folder ~ "/month=*.parquet')),"
    ~ " held as (select distinct strftime(day, '%Y-%m') as month from " ~ this ~ ")"
    ~ " select month from held full join written using (month)"
    ~ " where written.month is null"
    ~ " or (month || '-01')::date between date_trunc('month', "
    ~ "date '" ~ env_var('ALIGNMENT_MONITOR_FROM_DAY', '0001-01-01') ~ "') and "
    ~ "date '" ~ env_var('ALIGNMENT_MONITOR_TO_DAY', '9999-12-31') ~ "' order by month"
  ).columns[0].values() -%}
  {%- for month in months %}
  copy (
    select * from {{ this }}
    where day between date '{{ month }}-01' and last_day(date '{{ month }}-01')
    order by {{ order_by }}
  ) to '{{ folder }}/month={{ month }}.parquet'
  (format parquet, compression zstd, row_group_size 4096, use_tmp_file true);
  {% endfor %}
  {%- endif -%}
{%- endmacro %}
