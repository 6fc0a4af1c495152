"""Profile a CSV in one pass and constant memory: its rows, and each column's type, nulls and range.

    bytes (source) ─▶ text (reading: encoding, delimiter) ─▶ batches of rows (rows: header, ragged rows)
          ─▶ one Column each (column) ─▶ the profile (profile)

`source` and `s3` know where bytes come from and how many there are; nothing after them does. A batch is what
some 256 KB of input hold, and a column takes its cells a batch at a time: one pass of C code over a list
(`map(int, …)`, `set`, `min`) instead of Python code for each cell is what makes this quick. Memory is one
batch, and for each column its distinct values up to a bound (distinct).
"""

from chalicelib.jobs.csv_profile.profile import profile

__all__ = ["profile"]
