"""Measures the budgets: cold start of every HTTP function, AWS calls and capacity units of every operation,
documents, payments' CPU and throughput, reminders.

Usage: make bench     (figures are recorded in docs/performance.md, with the machine they come from)
"""

import subprocess
import sys

from tests.bench import cold_start, documents, growth, night, operations, reminders

if __name__ == "__main__":
    cold_start.main()
    operations.main()
    documents.main()
    night.main()
    subprocess.run([sys.executable, "-m", "tests.bench.payments"], check=True)
    growth.main()
    reminders.main()
