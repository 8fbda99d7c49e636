"""Personal data and secrets in a text are replaced by what they are: ``[EMAIL]``, ``[API_KEY]``.

Here belong: which patterns count, and what saves ordinary text from them. The patterns for
personal data are those of the ``datafog`` library, used without its service layer, so that
nothing is sent or logged. Names and addresses in prose need a language model and stay.

Texts come from strangers: every step takes time in proportion to the length, whatever the text.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import cache, lru_cache
from re import Match, Pattern
from typing import NamedTuple

LONGEST_CACHED = 2_000
"""Longer texts seldom repeat, and would fill the memory."""

# No possessive quantifiers: Python 3.11.2 gets them wrong. Nothing follows that could fail, or
# only what cannot begin inside, so there is nothing to gain by going back.
_PRIVATE_KEY = re.compile(
    r"""
    -----BEGIN[ ][A-Z0-9 ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
    (?:
        (?:[^-]|-(?!----))* -----END[ ][A-Z0-9 ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      | (?:(?:\s|\\[nr])* [A-Za-z0-9+/=]{9,})*       # cut off: as far as it is base64
    )
    """,
    re.VERBOSE,
)
_API_KEY = re.compile(
    r"""
    (?<![\w-]) (?:
        sk-(?=[A-Za-z_-]{0,80}\d)[\w-]{20,}             # OpenAI, Anthropic, OpenRouter
      | [rs]k_(?:live|test)_\w{16,}                     # Stripe
      | A[KS]IA[0-9A-Z]{16}(?!\w)                       # AWS
      | gh[opsur]_[A-Za-z0-9]{20,} | github_pat_\w{22,} # GitHub
      | glpat-[\w-]{20,}                                # GitLab
      | xox[abeoprs]-[A-Za-z0-9-]{10,}                  # Slack
      | AIza[\w-]{35}                                   # Google
      | hf_[A-Za-z0-9]{30,}                             # Hugging Face
      | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?            # JSON Web Token
    )
    | (?i:(?<=\bbearer[ ])) (?=[A-Za-z._~+/-]{0,80}\d) [\w.~+/-]{20,}=*
    """,
    re.VERBOSE | re.ASCII,
)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])", re.I | re.A)
_NEAR_AT = re.compile(r"[^\s@]{1,64}@[A-Za-z0-9.-]{3,255}")

_SECRET_HINT = re.compile(
    r"-BEGIN|sk-|k_[lt]|A[KS]IA|gh[opsur]_|_pat_|glpat-|xox|AIza|hf_|eyJ|(?i:bearer )"
)
_LONG_NUMBER_HINT = re.compile(r"\d[\d\s().-]{7,}\d")
_IPV4_HINT = re.compile(r"\d\.\d{1,3}\.\d")
_IPV6_HINT = re.compile(r"[0-9a-fA-F]:(?::|[0-9a-fA-F]{1,4}:)[0-9a-fA-F]")
_AT = re.compile("@")

_NORTH_AMERICAN = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
_PHONE_CUE = re.compile(
    r"\b(?:call|phone|telephone|tel|mobile|cell|whatsapp|fax|dial|sms)\b[^\n]{0,20}$", re.I
)
_VERSION_CUE = re.compile(r"(?:\bversion|\brelease|\bv)[ .:]?$", re.I)


class _Rule(NamedTuple):
    """Where the hint is found, what the pattern finds becomes the tag, if the check agrees."""

    tag: str
    hint: Pattern[str]
    pattern: Pattern[str]
    check: Callable[[Match[str]], bool] = bool


def redact(text: str) -> tuple[str, int]:
    """Replace personal data and secrets.

    Returns:
        The text with tags in place of what was found, and how many pieces were replaced.
    """
    return _redact_cached(text) if len(text) <= LONGEST_CACHED else _redact(text)


def _redact(text: str) -> tuple[str, int]:
    count = 0
    for rule in _rules():
        if rule.hint.search(text):
            text, found = _replace(rule, text)
            count += found
    return text, count


_redact_cached = lru_cache(maxsize=8_192)(_redact)


def _replace(rule: _Rule, text: str) -> tuple[str, int]:
    found = 0

    def tag(match: Match[str]) -> str:
        nonlocal found
        if not rule.check(match):
            return match.group()
        found += 1
        return f"[{rule.tag}]"

    if rule.hint is _AT:
        # The library's pattern rescans long runs without a space: show it what is around each @.
        near = _NEAR_AT.sub(lambda around: rule.pattern.sub(tag, around.group()), text)
        return near, found
    return rule.pattern.sub(tag, text), found


@cache
def _rules() -> tuple[_Rule, ...]:
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    known = RegexAnnotator().patterns
    card, phone = _on_one_line(known["CREDIT_CARD"]), _on_one_line(known["PHONE"])
    return (
        _Rule("PRIVATE_KEY", _SECRET_HINT, _PRIVATE_KEY),
        _Rule("API_KEY", _SECRET_HINT, _API_KEY),
        # From strict to loose: a phone number would take the start of what follows it with it,
        # and the name before an @ the end of what stands before.
        _Rule("IP_ADDRESS", _IPV4_HINT, known["IP_ADDRESS"], _is_ipv4),
        _Rule("IP_ADDRESS", _IPV6_HINT, _IPV6, _is_ipv6),
        _Rule("CREDIT_CARD", _LONG_NUMBER_HINT, card, _is_card),
        _Rule("SSN", _LONG_NUMBER_HINT, known["SSN"], _is_social_security),
        _Rule("PHONE", _LONG_NUMBER_HINT, phone, _is_phone),
        _Rule("EMAIL", _AT, known["EMAIL"]),
    )


def _on_one_line(pattern: Pattern[str]) -> Pattern[str]:
    """The pattern without line breaks between digits: the next line's number is another one."""
    return re.compile(pattern.pattern.replace(r"\s", r"\x20\t\xa0"), pattern.flags)


def _before(match: Match[str], length: int = 1) -> str:
    return match.string[max(0, match.start() - length) : match.start()]


def _digits(match: Match[str]) -> str:
    return "".join(filter(str.isdigit, match.group()))


def _is_card(match: Match[str]) -> bool:
    """The check digit (Luhn) is right, and it is no fraction."""
    digits = [int(digit) for digit in reversed(_digits(match))]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and _before(match) != "."


def _is_social_security(match: Match[str]) -> bool:
    """Written with dashes: nine digits in a row are as likely the speed of light."""
    after = match.string[match.end() : match.end() + 1]
    return "-" in match.group() and _before(match) != "-" != after


def _is_phone(match: Match[str]) -> bool:
    """A dialled form; ten digits in a row are as likely 2**32, so they need a word before them."""
    text, digits = match.group(), _digits(match)
    if _before(match) in tuple(".,-_#$€£"):
        return False
    if text.startswith("+") and not text.startswith("+1"):
        return len(digits) >= 9
    if not _NORTH_AMERICAN.fullmatch(digits):
        return False
    return not text.isdigit() or bool(_PHONE_CUE.search(_before(match, 40)))


def _is_ipv4(match: Match[str]) -> bool:
    """Not part of a longer dotted number, not a version, not this machine."""
    after = match.string[match.end() : match.end() + 2]
    dotted = _before(match) == "." or (after[:1] == "." and after[1:].isdigit())
    local = match.group().startswith(("127.", "0.0.0.0"))  # noqa: S104  nothing is bound here
    return not (dotted or local or _VERSION_CUE.search(_before(match, 12)))


def _is_ipv6(match: Match[str]) -> bool:
    """A valid address of at least three groups: ``a::b`` is a name in many languages."""
    if sum(map(bool, match.group().split(":"))) < 3:
        return False
    try:
        return bool(ipaddress.IPv6Address(match.group()))
    except ValueError:
        return False
