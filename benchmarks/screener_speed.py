"""How many conversations a core screens in a second: the packaged model alone, and with its rules.

    python -m benchmarks.screener_speed [--conversations N] [--write]

A conversation has two or three replies of about 200 words, put together from shipped sentinels, and
a user's turn before each. Seconds are of this process's processor time, so that a busy machine does
not count against it; the best of a few rounds is printed.
"""

import argparse
import re
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.screening.model import load_screener
from alignment_monitor.screening.pressure import screening_rows
from benchmarks.common import machine, table, write_section

WORDS = 200
ROUNDS = 5


def conversations(count: int) -> list[dict[str, Any]]:
    """Conversations of two and three replies in turn, none like another's text for long."""
    turns = [turn for known in load_sentinels().values() for turn in known.turns]
    asked = cycle([text for role, text in turns if role == "user"])
    first_words = re.compile(rf"(?:\S+\s+){{{WORDS}}}")
    said = cycle([text for role, text in turns if role == "assistant"])

    def reply() -> str:
        text = ""
        while not (found := first_words.match(text)):
            text += next(said) + "\n\n"
        return found.group()

    made = []
    for number in range(count):
        texts = [(next(asked), reply()) for _ in range(2 + number % 2)]
        spoken = [part for pair in texts for part in zip(("user", "assistant"), pair, strict=True)]
        turns_of_it = [
            {"index": index, "role": role, "content": text}
            for index, (role, text) in enumerate(spoken)
        ]
        made.append({"day": None, "conversation_id": str(number), "turns": turns_of_it})
    return made


def rate(step: Callable[[], object], count: int) -> float:
    """Conversations a second of processor time, in the best of a few rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        step()
        best = min(best, time.process_time() - begun)
    return count / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    talks = conversations(options.conversations)
    screener, rubric = load_screener(), load_rubric()
    replies = [t["content"] for talk in talks for t in talk["turns"] if t["role"] == "assistant"]

    def whole() -> None:
        given = screener.of_conversations(talks)
        for talk in talks:
            screening_rows(talk, rubric, given)

    model = rate(lambda: screener.probabilities(replies), len(talks))
    both = rate(whole, len(talks))
    words = sum(len(reply.split()) for reply in replies) / len(replies)
    rows = [("model alone", f"{model:,.0f}"), ("model, rules and rows", f"{both:,.0f}")]
    made_of = (
        f"{len(talks):,} conversations, {len(replies):,} replies of {words:.0f} words on average."
    )
    figures = table("step | conversations a second and core", rows)
    text = f"{made_of}\n\n{figures}\n\n{machine('numpy', 'scipy')}"
    print(text)
    if options.write:
        write_section("screener_speed", text)


if __name__ == "__main__":
    main()
