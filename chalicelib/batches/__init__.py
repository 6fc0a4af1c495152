"""Many runs, one outcome: accept a batch, spread it into runs, count them, end it once.

    start ─▶ manifest, then head ─▶ spread: chunks of 100 become runs ─▶ look: count, and when all have ended, end
                                                                         cancel · retry: the next pass

May import: `runs`, the service, `invoke_once`. A callback that is due is handed on, as in `due`.
"""
