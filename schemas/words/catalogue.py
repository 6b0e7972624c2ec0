"""Behind every look-up of words: reads the gettext catalogues that are shipped beside it and fills in placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from schemas.words.bilingual import Text

LANGUAGES = ("en", "cy")
Forms = tuple[str, ...]
Catalogue = Mapping[str, Forms]
Value = str | int | float | Text

# The position of each plural form in a catalogue: English has one and other; Welsh has zero, one, two, three, six and other.
_PLURAL: Mapping[str, Mapping[int, int]] = {"en": {1: 0}, "cy": {0: 0, 1: 1, 2: 2, 3: 3, 6: 4}}
_OTHER: Mapping[str, int] = {"en": 1, "cy": 5}


class WordsMissing(KeyError):  # noqa: N818  (the words are what is missing)
    """A key has no words in one of the languages, or a placeholder was not given: a fault of ours; add the words or the parameter."""


def text(key: str, **params: Value) -> Text:
    """The words under `key` in both languages, placeholders filled from `params`.

    A parameter that is itself a `Text` is said in the language of the sentence. A key with plural forms needs `count`.
    Parameters that the words do not name are allowed. Raises WordsMissing.
    """
    return Text(en=_say("en", key, params), cy=_say("cy", key, params))


def keys() -> frozenset[str]:
    """Every key that has English words."""
    return frozenset(catalogue("en"))


def placeholders_filled(words: str, language: str, params: Mapping[str, Value]) -> str:
    """`words` with each `{name}` replaced. Raises KeyError when one is not given."""
    return words.format_map({name: (getattr(value, language) if isinstance(value, Text) else value) for name, value in params.items()})


def _say(language: str, key: str, params: Mapping[str, Value]) -> str:
    forms = catalogue(language).get(key)
    if forms is None:
        raise WordsMissing(f"{key} has no words in {language}")
    try:
        words = forms[0] if len(forms) == 1 else forms[_form(language, params["count"])]
        return placeholders_filled(words, language, params)
    except KeyError as missing:
        raise WordsMissing(f"{key} in {language} needs {missing.args[0]}") from None


def _form(language: str, count: Value) -> int:
    return _PLURAL[language].get(int(str(count)), _OTHER[language])


@cache
def catalogue(language: str) -> Mapping[str, Forms]:
    """Every key of one language with its words (one string, or one for each plural form). Raises ValueError when two files give one key."""
    found: dict[str, Forms] = {}
    for domain in domains(language):
        for key, forms in read_domain(language, domain).items():
            if key in found:
                raise ValueError(f"{key} stands in two catalogues of {language}")
            found[key] = forms
    return found


def domains(language: str) -> tuple[str, ...]:
    """The names of one language's catalogues, without `.po`, in order."""
    names = (entry.name for entry in files(__package__).joinpath(language).iterdir())
    return tuple(sorted(name.removesuffix(".po") for name in names if name.endswith(".po")))


def read_domain(language: str, domain: str) -> Mapping[str, Forms]:
    """One catalogue: key → its words. Raises ValueError when a key stands twice in the file or has no words."""
    from babel.messages.pofile import read_po  # here, so that a command which says nothing does not wait for it

    with files(__package__).joinpath(language, f"{domain}.po").open("rb") as file:
        messages = [message for message in read_po(file, locale=language, abort_invalid=True) if message.id]
    found: dict[str, Forms] = {}
    for message in messages:
        key = str(message.id if isinstance(message.id, str) else message.id[0])
        found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        if not found[key] or not all(found[key]):
            raise ValueError(f"{key} has no words in {language}")
    return found
