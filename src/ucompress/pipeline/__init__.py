"""The phases of a run: analyzer, file processor, plan, orchestrator."""
