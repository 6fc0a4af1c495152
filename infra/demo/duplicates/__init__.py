"""`make demo-duplicates`: one call of a slow function by real clients, and how often its body runs.

lab.py       two functions with one body, one of them tracked; how often each body ran
proxy.py     between client and service: counts what is sent, and can lose an answer
clients.py   the clients: boto3, AWS CLI, aws-sdk v2, serverless; and those of the API
report.py    what happened, as a table, and whether it is what is promised
functions/   the body; the same with its decorator
node/        aws-sdk v2, fetch and serverless: installed into .local/
"""
