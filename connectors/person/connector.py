"""On the way out: what a person without a system is told, as an e-mail or as a letter; and what a mail server's answer means."""

from __future__ import annotations

from connectors.person.letter import letter
from connectors.person.mail import mail
from schemas.messages import Delivered, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected


def compose(notice: Notice, profile: Profile) -> OutboundMessage:  # noqa: ARG001  (what a reader wants to hear is theirs, not the form's)
    """An e-mail (RFC 5322, with its envelope's addresses in From and To) or the HTML of one letter. Raises Rejected `required` when it is not
    said to whom, or there is no address for the way that is asked for."""
    to = notice.addressee
    if to is None or not (to.email and to.sender.email if to.way == "mail" else to.address):
        raise Rejected(Reason.REQUIRED, (Issue(Reason.REQUIRED, "addressee"),))
    if to.way == "mail":
        return OutboundMessage("mail", notice.id, mail(notice, to), "message/rfc822")
    return OutboundMessage("letter", notice.id, letter(notice, to), "text/html")


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:  # noqa: ARG001  (the reply code says it all)
    """RFC 5321 4.2.1: 2yz the server took it (whether it arrives is not known), 4yz not now, 5yz never."""
    status = reply.status or 0
    if 200 <= status < 300:
        return Delivered()
    return Refused(Reason.DELIVERY_REFUSED) if 500 <= status < 600 else TryAgain()
