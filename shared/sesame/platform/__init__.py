"""What every other part stands on: settings, AWS clients, clock, ids, secrets, logs, errors, HTTP."""
