"""`hydra/sweeper=optuna`: a search for good settings, on optuna's ask and tell."""
