"""One action on the runs that a filter shows: cancel them, retry them, or have their callbacks sent again.

    start ─▶ the job, one item ─▶ work: a worker at a time takes it, notes a page of runs, acts on them ─▶ the end

May come in: `batches` (the runs of one), `runs`, the service, `invoke_once`.
"""
