"""One hospital interface: HL7 v2 over MLLP, referrals and person events in, RRI back."""
