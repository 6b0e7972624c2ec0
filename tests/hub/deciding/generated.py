"""Many different referrals from a fixed seed: synthetic people over real Welsh districts."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hub.places.districts import districts
from schemas.codes.needs import needs
from schemas.referral import Referral
from tests.hub.deciding.referrals import referral

_LANGUAGES = ("cy", "cy", "en", "en", "en", "en", None, None, "pl", "ar")
_SOURCES = ("gp", "gp", "gp", "hospital", "self", "housing", "local-authority", "third-sector")
_PRIORITIES = ("routine", "routine", "routine", "urgent", "asap", "stat")


def generated_referrals(how_many: int, seed: int = 3) -> Iterator[Referral]:
    """As many referrals; the same for the same seed."""
    chance = random.Random(seed)
    welsh = sorted(code for code, place in districts().items() if place.authorities)
    for _ in range(how_many):
        birth = f"{chance.randint(1930, 2012)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        yield referral(
            postcode=f"{chance.choice(welsh)} 1AA",
            needs=tuple(chance.sample(sorted(needs()), chance.choice((0, 1, 1, 2, 2, 3)))),
            source=chance.choice(_SOURCES),
            priority=chance.choice(_PRIORITIES),
            language_spoken=chance.choice(_LANGUAGES),
            birth_date=chance.choice((birth, birth, birth[:4], None)),
            flags=("reasonable-adjustment",) if chance.random() < 0.1 else (),
            share=chance.choice((None, True, False)),
            direct_care=chance.choice((True, None)),
        )
