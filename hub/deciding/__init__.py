"""Asked by intake (triage) and routing (decide): what to do about one referral. Pure: arguments in, reasons out."""
