"""Look at one run and do what is due; what makes that quick (stream, queue), and what makes it certain (the sweep).

May import: `runs`. A callback that is due is handed on as an answer: nothing here talks to a receiver.
"""
