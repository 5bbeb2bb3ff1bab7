"""Statistics of the gate: functions of counts, nothing else."""
