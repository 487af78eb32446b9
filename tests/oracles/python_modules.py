"""Runs test modules of Python's own test suite and prints the outcome of each test in one line.

Used as `python_modules.py MODULE...`; the lines are compared with those of the same Python on another machine.
Truth: Python's test suite (Lib/test) and its conventions: optional resources stay off, as with `python -m test`.
"""

import io
import os
import re
import sys
import unittest
from test import support

support.use_resources = []
support.verbose = False


class Lines(unittest.TestResult):
    """One line for a test; sub-tests that fail are lines as well."""

    def line(self, test, outcome):
        name = re.sub(r" at 0x[0-9a-f]+", "", test.id())
        print(f"{name} = {outcome}", file=real, flush=True)

    def reason(self, error):
        kind, value, _ = error
        return f"{kind.__name__}: {value}".split("\n")[0][:200]

    def addSuccess(self, test):
        self.line(test, "pass")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, f"skip: {reason}".split("\n")[0])

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line(test, f"FAIL {self.reason(error)}")
        print(self.failures[-1][1], file=sys.__stderr__)

    def addError(self, test, error):
        super().addError(test, error)
        self.line(test, f"ERROR {self.reason(error)}")
        print(self.errors[-1][1], file=sys.__stderr__)

    def addExpectedFailure(self, test, error):
        self.line(test, "expected failure")

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.failures.append((subtest, "sub-test"))
            self.line(subtest, f"FAIL {self.reason(error)}")


real = sys.stdout
bad = False
for module in sys.argv[1:]:
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    except unittest.SkipTest as skipped:
        print(f"test.{module} = skip: {skipped}", file=real)
        continue
    result = Lines()
    # Tests print as they like; only the outcome counts.
    sys.stdout = io.TextIOWrapper(open(os.devnull, "wb"), encoding="utf-8")
    suite.run(result)
    sys.stdout = real
    print(f"{module} tests run = {result.testsRun}", flush=True)
    bad |= not result.wasSuccessful()
sys.exit(bad)
