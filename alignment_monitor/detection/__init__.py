"""The next detector: is a change real, whose is it, and since when.

Nothing pages by it yet: alerts come from ``statistics.charts`` until it takes that place.

    chart       a judged rate against its baseline, day by day: the e-detector
    margin      how far a series wanders by itself, and what is therefore forgiven
    instrument  what the sentinels say of the judge, and what of a shift is the judge's
    gold        bets on human labels: evidence that owes the judge nothing
    tiers       from evidence to a verdict: WARN, PAGE, TICKET, UNRESOLVED
    engine      the five of them for one day of many series

Here does not belong: where the daily figures come from (statistics), or who is told (alerting).
"""
