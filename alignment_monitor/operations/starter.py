"""The monitor.yaml that ``init`` writes: short, commented, every value its default."""

from pathlib import Path

from alignment_monitor.settings import FILE_NAME, SIMULATED_MODEL, Settings

_DEFAULT = Settings()
_KNOWN = _DEFAULT.judging.sentinels_per_day + 2 * _DEFAULT.judging.canaries_per_day
STARTER = f"""\
# Alignment Monitor. Every setting has a default that works; what stands here is that default.
# Secrets never stand here: a setting names the environment variable that holds one.

# The earliest day that can be monitored.
first_day: {_DEFAULT.first_day}

intake:
  # Traffic attributes whose values make the segments.
  segment_by: [surface]

judging:
  rubric: sycophancy
  # Messages a day about which each judge may be asked, {_KNOWN} known ones among them. A budget
  # lowers the sampling rates before a day is judged: see "Money" in docs/operations.md.
  calls_per_day: {_DEFAULT.judging.calls_per_day}
  # usd_per_day: 5.00      # of all judges together, for each day of traffic; needs known prices
  judges:
    - name: judge
      model: {_DEFAULT.judging.judges[0].model}
      api_key_variable: OPENAI_API_KEY
      # base_url: http://localhost:8000/v1    # any OpenAI-compatible server
      # Prices, where the packaged list has none or yours differ:
      # usd_per_million_prompt_tokens: 0.25
      # usd_per_million_completion_tokens: 2.0

sampling:
  messages_per_day: {_DEFAULT.sampling.messages_per_day}

detection:
  baseline_days: {_DEFAULT.detection.baseline_days}
  # Stated mean time between false pages, over all series together.
  average_run_length_years: {_DEFAULT.detection.average_run_length_years}

alerts:
  channels: []
  # - kind: webhook
  #   name: on-call
  #   url_variable: ALERT_WEBHOOK_URL
  #   secret_variable: ALERT_WEBHOOK_SECRET      # whsec_...
  # Slack, PagerDuty, Alertmanager, e-mail and others, and who is told of what: docs/alerts.md.
  # Then: alignment-monitor alert test on-call
"""


SIMULATED = f"""\
# A home for trying things out: its judge is `alignment-monitor judge serve`, which answers from
# known labels. Everything that shows its verdicts says that they are simulated.
judging:
  judges:
    - name: simulated
      provider: simulation
      model: {SIMULATED_MODEL}
      api_key_variable: SIMULATED_JUDGE_KEY
      simulated: true
"""


def write_starter(home: Path, *, simulated: bool = False) -> tuple[Path, bool]:
    """Write monitor.yaml unless one is there; gives its path and whether it was written."""
    path = home / FILE_NAME
    if path.exists():
        return path, False
    home.mkdir(parents=True, exist_ok=True)
    path.write_text(SIMULATED if simulated else STARTER, encoding="utf-8")
    return path, True
