"""Read by connectors: whether words say that the person declined to be referred, or does not agree to it. English and Welsh.

A net: whoever is caught by mistake is asked once more, whoever slips through is rung although they said no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.codes.requested_service import ServiceState, service_of_text

DECLINES = re.compile(
    r"""\b(?: declin\w* | refus\w* | (?:does|did|do)(?:\ not|n['’]?t)\ (?:want|wish|agree|consent) | not\ (?:want|wish|keen|interested|agree|consent)\w*
    | unwilling | (?:said|says)\ no\ to | would\ rather\ not | no\ longer\ wants? | changed\ (?:his|her|their)\ mind
    | opted\ out | turned\ (?:it\ )?down | gwrthod\w* | wrthod\w* | ddim\ (?:eisiau|am|yn\ dymuno|yn\ cytuno)
    | n[ai]d\ (?:yw|ydy|ydw|oedd)(?:['’]\S+)?\ (?:\S+\ ){0,2}?(?:eisiau|am|dymuno|cytuno) )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_THE_SAME = re.compile(
    r"""[\s.,:]*(?: $ | (?: by | this | it | that | these | for | at | today | on | when | after | because | as | the\ (?:offer|referral)
    | referral(?!\ (?:to|for)\b) | further | all | any | support | help | gan | hyn | hynny | am | ar | pan )\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_NAME = re.compile(r"\b(?:social prescri|link worker|(?:p|b|ph|mh)resgripsiyn\w+ cymdeithasol|g?weithiwr cyswllt)", re.IGNORECASE)
_OF_TREATMENT = r"(?!\ (?:to|for)\ (?:\w+\ )?(?:surgery|operation|procedure|treatment|scan|vaccin\w*|transfusion|biopsy|anaesthe\w*|photo\w*|research)\b)"
_NO_CONSENT = re.compile(
    rf"""\b(?: (?:(?:does|did|do|has|have|had|will|would|wo|can|could|is|was)(?:\ not|n['’]?t)|ca(?:nno|n['’])t|no\ longer)
          \ (?:yet\ |been\ |able\ to\ |willing\ to\ |give[n]?\ |gave\ |obtain(?:ed)?\ |gain(?:ed)?\ |his\ |her\ |their\ ){{0,3}}consent\w*
    | (?:un|not\ )able\ to\ (?:obtain|gain|get|give)\ (?:\w+\ )?consent
    | (?:refus|declin|withdr|revok)\w*\ (?:to\ )?(?:give\ |his\ |her\ |their\ |the\ )*consent
    | no\ consent\b(?!\ (?:is\ |was\ )?(?:need|requir|necess|issue|concern|problem|form))
    | without\ (?:his\ |her\ |their\ |(?:the\ )?(?:patient|client|person|tenant)['’]?s['’]?\ )?consent(?!\ (?:of|from|form)\b)
    | consent\w*\ (?:(?:for|to)\ (?:referral|refer|share|sharing)\ )?(?:is\ |was\ |has\ been\ )?(?:not\ (?:yet\ )?(?:been\ )?(?:given|obtained|granted|gained)
          |refused|declined|withdrawn|withheld|revoked|denied)
    | consent(?:\ (?:given|obtained|to\ referral|to\ refer))?\ ?[:=?–-]\ ?
          (?:n|no|none|nil|not\ given|not\ obtained|refused|declined|withdrawn)\b(?!\ (?:need|requir|issue))
    )\b{_OF_TREATMENT}""",
    re.IGNORECASE | re.VERBOSE,
)
_ELSEWHERE = r"(?!\ (?:on\ )?(?:to|for)\ (?!(?:the\ |a\ |an\ |your\ |any\ )?(?:social|communit|link|us\b|you\b|this\b)))"
_NO_REFERRAL = re.compile(  # of this service or of none that is named; a referral elsewhere that was declined is another matter
    rf"""\b(?: (?:declin\w+|refus\w+|unwilling|reluctant|not\ willing|(?:not|\w*n['’]?t)\ (?:agree|want|wish))
          \ (?:to\ be\ |to\ |being\ |a\ |the\ |this\ |any\ |onward\ |further\ |social\ prescribing\ |community\ ){{0,3}}refer(?:ral|red)\b{_ELSEWHERE}
    | referred\ against\ (?:his|her|their)\ w
    | (?:unwilling|not\ willing|(?:not|\w*n['’]?t)\ (?:want|wish))\ to\ be\ contacted\b(?!\ (?:by|on|at|via|before|after|in)\b)
    | (?:do\ not|don['’]?t)\ (?:refer|contact)(?:\ (?:me|us|him|her|them|(?:this\ |the\ )?(?:patient|client|person)))?\s*(?=$|[.,;!])
    | (?:does|did|do)(?:\ not|n['’]?t)\ want\ (?:any\ |further\ )?(?:contact\b(?!\ (?:by|with|detail|number))|(?:anyone|anybody)\ to\ contact)
    | (?:(?:does|did|do)(?:\ not|n['’]?t)\ (?:want|wish|agree|like)|opt(?:s|ed|ing)\ out\ of|object(?:s|ed)?\ to)
          \ (?:\w+\ ){{0,4}}shar(?:ed|ing)\b(?!\ (?:an?|house|accom|flat))
    | (?:do\ not|don['’]?t|(?:not|\w*n['’]?t)\ (?:want|wish|agree|like)(?:\ \w+){{0,3}})
          \ (?:to\ )?share\ (?:(?:my|his|her|their|any|the|personal)\ )*(?:information|data|details|records?)\b )""",
    re.IGNORECASE | re.VERBOSE,
)
_AGREED = r"(?:(?:g|ch)?ydsyn|cydsyn|[cg]aniat|chaniat)\w*"
_NO_AGREEMENT = re.compile(
    rf"""\b(?: (?:ddim|dim|ni|na|nid|nad|heb|gwrthod\w*|wrthod\w*|tynn(?:u|odd|wyd))\ (?:(?!angen|ond|mae|problem|rhaid|ac?\ )[^\s,:;.!?]+\ ){{0,4}}?{_AGREED}
    | {_AGREED}\ (?:heb\ (?:ei\ )?(?:roi|gael)|(?:wedi(?:['’]i|\ ei|\ cael\ ei)\ )?(?:g?wrthod\w*|dynnu))
    | {_AGREED}\ ?[:=?–-]\ ?(?:na|nac|naddo|nag|dim|heb|gwrthod\w*)\b
    | (?:gwrthod\w*|wrthod\w*|ddim\ (?:eisiau|am|yn\ dymuno)|n[ai]d\ (?:yw|ydy|ydw|oedd)(?:['’]\S+)?\ (?:\S+\ ){{0,2}}?(?:eisiau|am|dymuno|cytuno)(?:\ i)?)
      \ (?:[cg]ael\ )?(?:y\ |yr\ |ei\ |eu\ |fy\ )?(?:h?atgyfeiri|g?chyfeiri|gyfeiri)
    | peidiwch\ â\ (?:chysylltu\ â\ (?:mi|fi|hi|fe|ef|nhw)|['’]?i\ [ch]\w*gyfeirio)\b
    | ddim\ (?:eisiau|am|yn\ dymuno|yn\ cytuno)\ (?:[^\s,:;.!?]+\ ){{0,4}}?rh?annu )""",
    re.IGNORECASE | re.VERBOSE,
)
_SAYS_NO = (_NO_CONSENT, _NO_REFERRAL, _NO_AGREEMENT)
_MARKS = (
    *("consent", "declin", "refus", "not ", "not\n", "nt ", "n't ", "n’t ", "unwilling", "reluctant", "opt", "object", "turned ", "against "),
    *("wrthod", "ddim", "dim ", "peidiwch", "tynn", "rather", "no longer", "changed", "said no", "says no", "heb ", "nid ", "nad ", "ydsyn", "aniat"),
)
_OF_OTHERS = re.compile(
    r"\b(?:landlord|planning|council|housing|freeholder)(?:['’]s)? "
    r"(?:(?:association|has|have|refus\w+|declin\w+|withh\w+) ){0,2}consent\w*(?: (?:was|is|not|refused|declined|granted))*",
    re.IGNORECASE,
)
"""What a building or an animal needs, and nobody's own."""
_SENTENCE = re.compile(r"[.!?;\n]+")
_CLAUSE = re.compile(r"[,:–—|]|\ -\ |\bbut\b|\bond\b", re.IGNORECASE)
_OF_ANOTHER = re.compile(
    r"\b(?:claims?|applications?|appeals?|benefits?|credit|pip|esa|dla|housing|visa|asylum|loan|grant|school|cognitive|memory|health|mobility|functional|cais)\s*$",
    re.IGNORECASE,
)


def names_something_else(sentence: str) -> bool:
    """A refusal of something named ("Declined physiotherapy.") is not a refusal of what stood before it."""
    return _THE_SAME.match(DECLINES.split(sentence, maxsplit=1)[-1]) is None


def names_it(words: str, state: ServiceState) -> bool:
    """Whether words name social prescribing, also to say no to it; `state` is what they say of the service."""
    return state is ServiceState.SOCIAL_PRESCRIBING or bool(_NAME.search(words))


def declined_in(texts: Iterable[str]) -> bool:
    """Whether one of the texts says that social prescribing was declined, or that there is no consent."""
    return any(_declined(text) for text in texts if _is_worth_a_look(text.lower()))


def _is_worth_a_look(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _declined(text: str) -> bool:
    plain = _OF_OTHERS.sub(" ", " ".join(text.split()))
    if any(said.search(plain) for said in _SAYS_NO):
        return True
    sentences = [one for one in _SENTENCE.split(text) if one.strip()]
    return any(_says_no_to_it(one, after) for one, after in zip(sentences, [*sentences[1:], ""], strict=True))


def _says_no_to_it(sentence: str, following: str) -> bool:
    """The sentence that names it declines it, or the next one declines and names nothing."""
    refused, then = bool(DECLINES.search(sentence)), bool(DECLINES.search(following))
    if not (refused or then) or not names_it(sentence, service_of_text(sentence)):
        return False
    return (refused and _refuses_it(sentence)) or (then and _begins_with_no(following))


def _begins_with_no(sentence: str) -> bool:
    """No more than who says so stands before the refusal: "Her health declined" is none."""
    before = DECLINES.split(sentence, maxsplit=1)[0]
    rest = DECLINES.split(sentence, maxsplit=1)[-1]
    return _WHO.fullmatch(before) is not None and not names_something_else(sentence) and not _OF_SOME.match(rest)


_OF_SOME = re.compile(r"\s*(?:on|all|any|am|ar|for(?! (?:now|the moment|the time|present)))\b", re.IGNORECASE)
_WHO = re.compile(
    r"\s*(?:(?:but|however|the|has|have|had|was|is|this|he|she|they|i|it|mr|mrs|miss|ms|patient|pt|client|person|tenant|politely|currently|wedi|claf|y)\b[\s,]*)*",
    re.IGNORECASE,
)


def _refuses_it(sentence: str) -> bool:
    """The clause that declines names it, or nothing else."""
    refusing = [clause for clause in _CLAUSE.split(sentence) if DECLINES.search(clause) and not _OF_ANOTHER.search(DECLINES.split(clause, maxsplit=1)[0])]
    return any(_NAME.search(clause) or not names_something_else(clause) for clause in refusing)
