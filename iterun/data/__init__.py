"""Data sets: builders that `data=` names; each has `train`, `dev`, `test` and a fingerprint."""
