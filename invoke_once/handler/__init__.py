"""Inside a Lambda: `@tracked` claims the run of an event, runs the handler, records what came of it.

May import: `life` and `store`. Knows neither the service's HTTP interface nor the client: a target has neither.
"""
