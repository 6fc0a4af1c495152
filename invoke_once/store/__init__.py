"""Where runs are kept: a move becomes one conditional write, a payload its place, an AWS error one of ours.

May import: `life`, pynamodb and botocore (in `dynamo`, `aws`, `objects` alone). Decides nothing about a run.
"""
