"""How each number is made, with the parameters of this installation, and what it cannot tell."""

import components
import judge_facts
import marts
import method_values as values
import record
from components import text

RUBRIC = marts.rubric()
LIMITS = (
    "A judge is a model and errs. Its verdicts are not the truth; people’s labels come nearest, "
    "and even people disagree with each other.",
    "A rate is on the judge’s scale. It can be compared over time only while judge, rubric and "
    "sentinels stay the same. A new one of these starts a new series.",
    "Sentinels are fixed texts. They show that a judge has not changed, not how well it does on "
    "your traffic.",
    "No change found means none of the size that the data could show. Smaller or newer ones may "
    "be there unseen.",
    "An effect told at the first alarm reads too large: an alarm picks out large readings.",
    "That a change began with a deployment does not prove that the deployment caused it.",
    "A reply changes what the user says next. A rate given an opportunity must be read beside how "
    "often that opportunity comes.",
    "Whatever moves slower than the days from which normal is learnt looks like a drift.",
    "Several topics in the news for weeks make false alarms more frequent than stated, beyond what "
    "is forgiven.",
)
READ_ON = {
    "docs/method.md": "each method with its sources and what breaks it",
    "docs/benchmarks.md": "what was measured by simulation, and how to repeat it",
    "docs/judges.md": "choosing and auditing judges",
    "docs/sentinels.md": "texts with known answers, and attempts at injection",
    "docs/labels.md": "labels by people",
    "docs/alerts.md": "alerts, from the first signal to the last word",
    "docs/decisions.md": "why it is built as it is",
}


def words(*paragraphs: str) -> None:
    """Plain sentences."""
    components.block("".join(f"<p>{paragraph}</p>" for paragraph in paragraphs), "am-prose")


def formula(line: str) -> None:
    """A formula as text, where whoever wants it finds it."""
    components.block(f"<pre>{line}</pre>", "am-formula")


def here(rows: values.Values, name: str) -> None:
    """The parameters in force."""
    components.table(
        ["Here", "Value"],
        [[text(key), text(value)] for key, value in rows],
        tight=True,
        look="am-wrap",
        name=name,
    )


def measured() -> None:
    """The questions."""
    components.section("What is measured")
    words(
        "The unit is one reply with the messages before it. A judge model first says what the user "
        "offered: a claim, work, a conflict, pushback, distress. Only then does a behaviour have "
        "an opportunity, and each is graded from 0 to 3. There is no single score: "
        "behaviours move apart from each other, and both too much and too little are watched.",
    )
    components.table(
        ["Behaviour", "Asked where", "Counts", "Which way is worse"],
        [[text(cell) for cell in row] for row in values.questions(RUBRIC)],
        tight=True,
        look="am-wide",
        name="questions",
    )


def sampled() -> None:
    """The draw."""
    components.section("Which replies are judged")
    words(
        "Chance decides, by a keyed hash of the conversation’s name: neither the order of arrival "
        "nor what a reply says. Risky kinds of messages are drawn more often and weigh less in "
        "return, so that a rate is one of all traffic. Where the budget is short, all "
        "chances are lowered alike.",
    )
    formula("weight d = 1 / (chance of the conversation × chance of the message within it)")
    here(values.sampling(marts.settings()), "sampling")


def judged() -> None:
    """The judges."""
    components.section("The judges")
    words(
        "A judge sees neither the model’s name nor the date. It must quote the reply for "
        "each fault it finds; a quote that is not there makes the answer invalid. Every day it is "
        "also asked about texts whose right answer is known, and about texts that try to "
        "talk it into a verdict. Several judges form a panel: a reply counts when all answered.",
    )
    here(values.judging(marts.settings(), RUBRIC), "judging")
    recorded = judge_facts.recorded(RUBRIC)
    eras = {
        name: record.current(record.eras(quality))
        for name, (quality, _) in judge_facts.by_judge(*recorded).items()
    }
    if found := values.fingerprints(eras):
        components.table(
            ["Judge", "Fingerprint", "Rubric", "Sentinels", "Since"],
            [[text(cell) for cell in row] for row in found],
            tight=True,
            name="fingerprints",
        )


def charted() -> None:
    """Rates and intervals."""
    components.section("A rate and its interval")
    words(
        "A rate is the weighted number of replies that show the behaviour, over the weighted "
        "number that had the opportunity. Replies to one user resemble each other, so the "
        "interval counts users rather than replies. No data is no number, and never a zero.",
    )
    formula("θ = Σ d·y / Σ d·o        V = G/(G−1) · Σ over users (Σ d·(y − θ·o) / Σ d·o)²")
    words(
        "<b>Standardised to the same traffic</b>: each segment’s rate, weighted by the segments’ "
        "shares in the baseline. A shift of traffic cannot move it.",
    )
    formula("θ = Σ over segments (share in the baseline × rate now)")
    words(
        "<b>Since a deployment</b>: each day counts alike, and the interval holds on all days at "
        "once, so that it may be looked at every day.",
    )
    formula("θ ± √( 2(V·r² + 1) / (t²·r²) · log( √(V·r² + 1) / α ) )")
    words(
        "<b>Adjusted by sentinels</b>: the judge’s errors on known texts are taken out. It "
        "supposes that the judge errs on traffic as it does on them.",
    )
    formula("θ = (p − false positive rate) / (sensitivity − false positive rate)")
    words(
        "<b>By people’s labels</b>: people label a chance sample of the judged replies, and each "
        "stratum of verdicts gets its labels’ mean. The judge may err as it likes: a bad one "
        "costs width, not truth.",
    )
    formula("θ = Σ over strata (share of the judged replies × mean of the labels there)")
    here(values.rates(marts.settings()), "rates")


def detected() -> None:
    """Changes."""
    components.section("When a change is called one")
    words(
        "Each behaviour and direction is a series. A day’s rate, less what the judge’s own shift "
        "explains and less what such a rate wanders by itself, is held against what was "
        "learnt to be normal. The evidence of the days multiplies up; where there is no change, "
        "the time to reach the alarm is at least the stated one on average.",
    )
    formula("z = ±(rate − judge’s effect − normal) less margins, / daily standard deviation")
    formula("M ← (M + 1) · exp(δ·z − ψ(δ)), averaged over the sizes δ; alarm where M reaches A")
    words(
        "At a suspicion people are asked for labels. It pages when labels agree, or where nobody "
        "labels; labels that speak against it make a ticket about the judge of it.",
        "How often users offer each opportunity is watched as well. A change there is a warning "
        "on the pages and never sent: it may be the users’ and not the model’s.",
    )
    last = next(iter(marts.rows("freshness", table="drift_signals")), {}).get("last_day")
    today = marts.rows("drift_signals", day=last, type="MODEL") if last else []
    here(values.detection(marts.settings(), today), "detection")
    families = sorted({row["deployment_family"] for row in today})
    for family in families:
        words(f"<b>Learnt of {text(family)}</b>, as of the last day:")
        mine = [row for row in today if row["deployment_family"] == family]
        components.table(
            ["Series", "For a", "Normal", "Daily spread", "Forgiven", "Found within 7 days",
             "Within 30 days"],
            [[text(cell) for cell in row] for row in values.calibrated(mine, RUBRIC)],
            numbers=range(2, 7),
            tight=True,
            name=f"learnt-{family}",
            rows=mine,
        )  # fmt: skip
    if families:
        words("Found: about half of the changes of that size are found by then.")


def told() -> None:
    """Alerts."""
    components.section("Who is told")
    words(
        "An alert fires once and stays open until it ends by itself, is declared normal or is "
        "called right or wrong by a person. While an alert about the judge or the pipeline may "
        "explain it, it is held back.",
    )
    here(values.alerting(marts.settings()), "alerting")


def limits() -> None:
    """What no figure says, and where more is told."""
    components.section("What it cannot tell")
    components.block(f"<ul>{''.join(f'<li>{one}</li>' for one in LIMITS)}</ul>", "am-prose")
    components.section("Read on", "In the repository.")
    items = "".join(f"<li><code>{path}</code> {what}</li>" for path, what in READ_ON.items())
    components.block(f"<ul>{items}</ul>", "am-prose")


def main() -> None:
    """Draw the page."""
    components.title(
        "How it measures", "Each number in words, with the parameters of this installation."
    )
    for part in (measured, sampled, judged, charted, detected, told, limits):
        part()


main()
