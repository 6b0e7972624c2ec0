"""The Planned Care Referral Data Set of NHS Wales: what it sends, as pure functions."""
