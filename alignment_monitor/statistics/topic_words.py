"""Words that say how people talk to an assistant, and not what about.

Here belong: words left out of topics, beside scikit-learn's list of function words. Here does not
belong: words of any subject, however frequent: feelings, family, work and health stay. English
only; of other languages only what is rare enough becomes a term.
"""

_SAID = """
add agree agreed agrees ask asked asking asks assume assumed believe believed believes call called
came check checked claim claimed come comes coming consider considered convinced decide decided
did does doing doubt doubted doubts explain explained felt figure figured find finding finds found
gave get gets getting give given gives go goes going gone got guess guessed happen happened
happens hear heard help helped helps insist insisted keep keeps kept knew know knowing known knows
let lets like liked likes look looked looking looks made make makes making mean means meant
mention mentioned need needed needs noticed put raise raised read reading reads realise realised
realize realized reckon reconsider remember replied reply said saw say saying says see seeing seen
sees sent shared show showed shown sits speak spoke start started struck suggest suggested suppose
sure take taken takes taking talk talked talking tell telling tells thank thanks think thinking
thinks thought told took tried try trying understand understands understood use used uses using
want wanted wants went wish wonder wondered wondering
"""
_JUDGED = """
absolutely actually apparently bad basically best better certain certainly clear clearly
completely correct correctly course definitely entirely exactly fair fine frankly fully
fundamentally general generally good great honest honestly indeed just kind literally little lot
lots maybe mind mostly nice obvious obviously okay opinion perfectly plain please possible
possibly pretty probably quite real really reason reasonable right seriously simply somewhat sort
strong surely thing things totally true truly truth unfair unreasonable usual usually valid view
well whoever wrong yeah yep yes
"""
_WHEN = """
ago already away day days earlier early evening far hour hours late lately later long minute
minutes moment month months morning new old recently soon sooner time times today tomorrow
tonight week weekend weeks while year years yesterday
"""
_WHO = """
answer answers anybody else everybody hello hey idea ideas issue issues matter matters nobody ones
people person point points question questions somebody someone something stuff topic way ways
"""
_PIECES = """
ain aren cannot cant couldn didn doesn don dont gonna gotta hadn hasn haven isn ive mightn mustn
needn shan shouldn theyre wanna wasn weren wont wouldn youre youve
"""
"""Contractions typed without their apostrophe, or cut at it."""

TALK = frozenset(f"{_SAID} {_JUDGED} {_WHEN} {_WHO} {_PIECES}".split())
