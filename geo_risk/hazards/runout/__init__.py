"""Run-out: how far slides, debris flows and falling rock come from where they start, and whom they reach."""
