"""Documents are read in many threads at once, types that nobody has used yet included."""

import subprocess
import sys
from pathlib import Path

PLAN = Path(__file__).parents[3] / "examples" / "forty-two-roles" / "plan.json"
PROGRAM = """
import sys, threading
from pathlib import Path
from migrator.model.files.plan import decode_plan
sys.setswitchinterval(1e-6)
content = Path(sys.argv[1]).read_bytes()
barrier, read = threading.Barrier(16), []
def work():
    barrier.wait()
    read.append(len(decode_plan(content).principals))
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(read), len(set(read)))
"""


def test_the_first_use_of_a_type_may_be_in_many_threads() -> None:
    for _ in range(6):  # without preparing types, a third of such processes die
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(PLAN)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.split()) == (0, ["16", "1"]), done.stderr[-400:]
