"""Is a change real, whose is it, and since when.

    replay          a history day by day, and the stream that stands for a series
    inputs          from tables to arrays: rates by view, ``sentinel_days``, ``label_days``
    day             what the engine is given for a day, and tells
    engine          one day of many series, in this order:
        instrument  what the sentinels say of the judge, and what of a shift is the judge's
        margin      how far a series wanders by itself, and what is therefore forgiven
        chart       a judged rate against its ``baseline``, by an ``edetector``
        gold        bets on people's labels: evidence whatever the judge does
        attribution without labels: may the change be the judge's own
        tiers       from evidence to a verdict
    history         what the engine said on every day
    alarms          how long an alarm lasts; ``decisions`` and ``judge_signals`` make rows of it
    traffic         opportunity rates by the same detector, and whose a moved one is
    explanation     one decision, figure by figure
    calibration     thresholds by simulation

Everything here is a pure function of what is stored, so that any decision can be recomputed. Here
does not belong: who is told (alerting).
"""
