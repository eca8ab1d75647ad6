"""What a person sees first. Puts together what the features offer and owns no tables."""
