"""The service: what lies behind `app.py`. It builds on `invoke_once`, never the other way round.

api/            HTTP in, HTTP out                    due/        look at a run and do what is due; wake, sweep
runs/           accept a run, fire it, show it       callbacks/  tell a run's end to its receiver
batches/        many runs, one outcome               bulk/       one action on many runs
destinations/   outcomes that Lambda itself reports  jobs/, web/ what is deployed and served beside it
service.py      the composition root: settings become the one `Service` that every entry point stands on
"""
