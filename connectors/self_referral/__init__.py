"""In and before translating: the referral form that a person fills in, for themselves or for somebody else."""
