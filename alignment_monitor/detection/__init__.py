"""The next detector: is a change real, whose is it, and since when.

Nothing pages by it yet: alerts come from ``statistics.charts`` until it takes that place. To
mend before that: a series once labelled never pages by the judge alone again, though labelling may
stop; a drift that only labels see joins the labels' baseline; without labels a change of the judge
can page on its first day, for there is no INDETERMINATE; bets on labels promise too much where few
messages are judged (``gold``).

    chart       a judged rate against its baseline, day by day: the e-detector
    margin      how far a series wanders by itself, and what is therefore forgiven
    instrument  what the sentinels say of the judge, and what of a shift is the judge's
    gold        bets on human labels: evidence whatever the judge does
    tiers       from evidence to a verdict: WARN, PAGE, TICKET, UNRESOLVED
    engine      the five of them for one day of many series

Here does not belong: where the daily figures come from (statistics), or who is told (alerting).
"""
