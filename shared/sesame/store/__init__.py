"""DynamoDB: one module an aggregate; every key in keys.py, every access pattern in docs/data-model.md."""
