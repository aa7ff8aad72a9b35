"""E-mail templates and senders."""
