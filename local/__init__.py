"""The local AWS: starts the emulator, deploys template.yaml to it, seeds it, shows its mailbox."""
