"""Answers improved by feedback, round after round."""
