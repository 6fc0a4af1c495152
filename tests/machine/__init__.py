"""A model-free state machine over the real code: the store in memory, Lambda simulated, faults wherever you like."""
