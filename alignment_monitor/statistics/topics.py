"""What flagged messages are about: a few topics, each named by its terms.

Here belong: term weights, the factors found in them, and how large each topic is with its change.
Here does not belong: where messages come from, or any claim that a topic causes anything. Method:
TF-IDF and non-negative matrix factorisation (Lee and Seung 1999) of scikit-learn; a message belongs
to the topic that explains most of it, if it has any of the terms that name the topic.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.intervals import clustered, difference
from alignment_monitor.statistics.topic_words import TALK

FEWEST = 40
"""Recent flagged messages below which there are no topics."""
FEWEST_BEFORE = 20
"""Earlier ones below which there is no change."""
SMALLEST, SMALLEST_USERS = 8, 3
"""Messages and users below which a topic is not shown, nor a term: it could tell of one person."""
MOST_TOPICS, PER_TOPIC = 8, 50
TERMS, EXEMPLARS, VOCABULARY = 6, 3, 4000
SEED = 1

_WORD = r"(?u)\b[^\W\d_]{3,}\b"
"""Letters only: numbers tell of people and not of topics."""
_NO_TERM = re.compile(r"\[[A-Z][A-Z_]+\]|\w+['’]\w+")
"""What redaction left behind, and contractions: "don't" would become a term of its own."""


@dataclass(frozen=True)
class Flagged:
    """A message that judges flagged.

    Attributes:
        day: of its conversation.
        conversation_id: its conversation.
        message_index: its place there.
        user_key: whose it is.
        weight: how many messages it stands for.
        text: what the user said before it, redacted.
        is_recent: of the recent window, not of the one before.
    """

    day: date
    conversation_id: str
    message_index: int
    user_key: str
    weight: float
    text: str
    is_recent: bool


@dataclass(frozen=True)
class Topics:
    """Which topic each message belongs to; -1: of none, for want of its terms.

    Attributes:
        terms: of each topic, most telling first.
        topic: of each message.
        strength: how much of it the topic explains.
    """

    terms: list[list[str]]
    topic: Integers
    strength: Floats


def topic_rows(messages: Sequence[Flagged]) -> list[dict[str, Any]]:
    """Topics of the recent messages, largest first, with their change against those before.

    Topics are found in both windows together, so that neither has a better fit. The same messages
    give the same topics in any order.

    Returns:
        For each topic: terms, n and users of the recent window, share of its flagged messages
        (design-weighted, clustered by user, 95 %), n_before and share_before, the change with its
        interval (null with too few before), and the recent messages most like it.
    """
    rows = sorted(messages, key=lambda row: (row.day, row.conversation_id, row.message_index))
    recent = np.array([row.is_recent for row in rows], dtype=bool)
    if recent.sum() < FEWEST:
        return []
    _, users = np.unique([row.user_key for row in rows], return_inverse=True)
    weights = np.array([row.weight for row in rows])
    found = find_topics([row.text for row in rows], users)
    told = []
    for number, terms in enumerate(found.terms):
        mine = found.topic == number
        n, people = int((mine & recent).sum()), _count(users, mine & recent)
        if n < SMALLEST or people < SMALLEST_USERS:
            continue
        now = share(mine[recent], weights[recent], users[recent])
        row = {
            "terms": terms,
            "n": n,
            "users": people,
            "share": now[0],
            "lower": now[1],
            "upper": now[2],
            "n_before": int((mine & ~recent).sum()),
            "exemplars": _exemplars(rows, found, number, mine & recent),
        }
        if (~recent).sum() >= FEWEST_BEFORE:
            then = share(mine[~recent], weights[~recent], users[~recent])
            lower, upper = difference(now[0], now[1:], then[0], then[1:])
            row |= {"share_before": then[0], "change_lower": lower, "change_upper": upper}
        told.append(row)
    return sorted(told, key=lambda row: (-row["share"], row["terms"]))


def find_topics(texts: Sequence[str], users: Integers) -> Topics:
    """Factor the terms of texts into topics; a text without any of their terms has none.

    Args:
        texts: one for each message.
        users: number of the user of each: a term that fewer than three use is no term.
    """
    from scipy import sparse
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import (
        ENGLISH_STOP_WORDS,
        CountVectorizer,
        TfidfTransformer,
    )
    from threadpoolctl import threadpool_limits

    nothing = Topics([], np.full(len(texts), -1), np.zeros(len(texts)))
    counter = CountVectorizer(stop_words=sorted(ENGLISH_STOP_WORDS | TALK), token_pattern=_WORD)
    try:
        counts = counter.fit_transform([_NO_TERM.sub(" ", text) for text in texts])
    except ValueError:  # no text has a term
        return nothing
    uses = (counts > 0).astype(np.int64)
    person = sparse.csr_matrix((np.ones(len(texts)), (users, np.arange(len(texts)))))
    by_users = np.asarray(((person @ uses) > 0).sum(axis=0)).ravel()
    by_texts = np.asarray(uses.sum(axis=0)).ravel()
    useful = (by_users >= SMALLEST_USERS) & (by_texts >= SMALLEST) & (by_texts <= len(texts) / 2)
    order = np.lexsort((np.arange(len(useful)), -by_texts))
    kept = np.sort(order[useful[order]][:VOCABULARY])
    topics = int(np.clip(len(texts) // PER_TOPIC, 2, MOST_TOPICS))
    if len(kept) <= topics:
        return nothing
    names = counter.get_feature_names_out()[kept]
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, kept])
    model = NMF(topics, init="nndsvd", random_state=SEED, max_iter=500)
    with threadpool_limits(1):  # sums over several threads may differ in their last digit
        by_text = model.fit_transform(weighted)
    # Each factor weighed by its terms, so that factors of different scale can be compared.
    strength = by_text * np.linalg.norm(model.components_, axis=1)
    best = np.where(strength.max(axis=1) > 0, strength.argmax(axis=1), -1)
    telling = [
        [place for place in np.argsort(-factor, kind="stable")[:TERMS] if factor[place]]
        for factor in model.components_.round(9)
    ]
    # The largest factor also takes what fits nowhere; that is not of the topic its terms name.
    named = np.hstack([np.asarray(uses[:, kept[places]].sum(axis=1)) for places in telling]) > 0
    best = np.where(named[np.arange(len(texts)), best], best, -1)
    terms = [[str(names[place]) for place in places] for places in telling]
    return Topics(terms, best.astype(np.int64), strength.max(axis=1).round(9))


def share(event: NDArray[np.bool_], weight: Floats, user: Integers) -> tuple[float, float, float]:
    """Design-weighted share with its 95 % interval, clustered by user.

    Args:
        event: whether each message counts.
        weight: how many it stands for; not all zero.
        user: number of its user.
    """
    return clustered(weight * event, weight, user, len(event))


def _count(users: Integers, mask: NDArray[np.bool_]) -> int:
    return len(np.unique(users[mask]))


def _exemplars(
    rows: Sequence[Flagged], found: Topics, number: int, mine: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The messages most like a topic, of different users; among equals chance decides, stably."""
    places = sorted(
        np.flatnonzero(mine).tolist(),
        key=lambda place: (-found.strength[place], _chance(rows[place])),
    )
    chosen: dict[str, Flagged] = {}
    for place in places:
        chosen.setdefault(rows[place].user_key, rows[place])
        if len(chosen) == EXEMPLARS:
            break
    return [
        {name: getattr(row, name) for name in ("day", "conversation_id", "message_index")}
        for row in chosen.values()
    ]


def _chance(row: Flagged) -> bytes:
    name = f"{row.conversation_id}/{row.message_index}"
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
