"""What the fold says, remembered in tables that can be thrown away and built again.

Read `asking` first (how pure code asks for rows), then `events` and `subjects` (what there is),
`rows` (what scripts and stores say to each other), `appending` and `folding` (how an event becomes
a stage), and `following` (what comes later). `models`, `rebuilding` and `backtesting` are about
documents that change; `registers` and `webhooks` stand beside the log; `safekeeping` and `erasing`
look after all of it; `reading` is what may be asked.
"""
