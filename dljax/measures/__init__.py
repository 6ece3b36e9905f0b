"""What makes numbers of an outcome: scores, judges and alarms."""
