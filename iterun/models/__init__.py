"""Builders of models: what `model=` names, and what the families share about them."""
