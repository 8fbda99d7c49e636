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
