"""A process that writes to a register: N times it adds one to `people` of an object, and says so after each commit.

use: python -m tests.support.register_writer URL OBJECT N WHO
"""

import sys

from geo_risk.core.errors import ConflictError
from geo_risk.register.entry import Author, Change
from geo_risk.register.store import Register


def main(url, object_id, n, who):
    author = Author(who, "试")
    clashes = 0
    with Register.open(url) as register:
        print("ready", flush=True)
        for _ in range(int(n)):
            while True:
                state = register.get([object_id])[object_id]
                try:
                    with register.writing():
                        after = {"people": state.values["people"] + 1}
                        register.apply([Change(state.layer, object_id, state.version, "edit", after)], author)
                    break
                except ConflictError:
                    clashes += 1
            print(f"did {state.version + 1}", flush=True)
    print(f"clashes {clashes}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
