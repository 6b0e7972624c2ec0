"""What a look-up of words gives, at every stage of the flow: the same thing said in English and in Welsh."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One thing said for a person in both languages; never an input value."""

    en: str
    cy: str

    def as_dict(self) -> dict[str, str]:
        """The shape that goes out: `{"en": …, "cy": …}`."""
        return {"en": self.en, "cy": self.cy}

    def in_language(self, language: str | None) -> str:
        """The words in one language; both, Welsh first, where the language is neither `cy` nor `en` or is not known."""
        if language == "cy":
            return self.cy
        return self.en if language == "en" else f"{self.cy} / {self.en}"
