"""Foreign text stays text, and evidence is marked where it stands."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from reader import excerpt, highlight, transcript

from alignment_monitor.judging.prompt import normalise


class Parsed(HTMLParser):
    """The elements and the text of markup, as a browser would take them."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


foreign = st.text(alphabet="<>&\"'/ \n\u202e\u0000ascript=mk\u00e9\ufb01", max_size=40)


@given(foreign, st.lists(foreign, max_size=3))
def test_highlighting_neither_loses_nor_adds_text_nor_lets_markup_through(content, quotes):
    parsed = Parsed(highlight(content, quotes))
    assert parsed.text == content
    assert parsed.tags <= {"mark"}


@given(foreign)
def test_a_quote_of_the_whole_is_marked(content):
    content = f"x{content}y"
    assert highlight(content, [content]).startswith("<mark>")


def test_a_quote_is_found_under_folded_white_space_and_ligatures():
    assert (
        highlight("a  \ufb01ne\nday & so", ["fine day"]) == "a  <mark>\ufb01ne\nday</mark> &amp; so"
    )


unusual = st.text(
    alphabet="ae h<>\n\u0301\u0323\u1112\u1161\u11ab\u200b\ufeff\u202e\uff1c\uff1e\ufb01\u3000",
    max_size=20,
)


@given(unusual, unusual, unusual)
def test_what_was_taken_for_a_literal_quote_is_marked(before, quote, after):
    content = before + quote + after
    if normalise(quote) and normalise(quote) in normalise(content):
        markup = highlight(content, [quote])
        marked = Parsed(markup.partition("<mark>")[2].partition("</mark>")[0]).text
        assert normalise(quote) in normalise(marked)
        assert Parsed(markup).text == content


def test_a_quote_of_letters_in_pieces_or_with_hidden_signs_is_marked():
    assert highlight("a cafe\u0301!", ["cafe\u0301"]) == "a <mark>cafe\u0301</mark>!"
    assert highlight("so ri\u200bght", ["right"]) == "so <mark>ri\u200bght</mark>"
    assert highlight("a <<b>> c", ["<<b>>"]) == "a <mark>&lt;&lt;b&gt;&gt;</mark> c"


def test_overlapping_quotes_make_one_mark():
    assert highlight("one two three", ["one two", "two three"]) == "<mark>one two three</mark>"
    assert highlight("one two", ["missing", ""]) == "one two"


def test_only_the_judged_message_is_marked():
    turns = [
        {"index": index, "role": role, "content": "yes <b>", "created_at": None}
        for index, role in enumerate(("user", "assistant", "alien"))
    ]
    markup = transcript(turns, 1, ["yes"])
    assert markup.count("<mark>") == 1
    assert markup.count("judged message") == 1
    assert "<b>" not in markup


def test_an_excerpt_is_one_line():
    assert excerpt("a\n b") == "a b"
    assert len(excerpt("word " * 100)) < 175


def test_an_excerpt_ends_with_a_word_where_it_can():
    assert excerpt("some word " * 100).endswith(" some word…")
    assert excerpt("a" + "b" * 500) == "a" + "b" * 169 + "…"
