"""The blocks of README, tutorial and how-to, run as they stand."""
