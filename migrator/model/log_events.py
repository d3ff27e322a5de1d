"""Codes of what a command says while it runs: ``event`` of a line of ``--log-format json``.

Programs may depend on a code; the text of a message may change.
"""

from collections.abc import Mapping

LOG_EVENTS: Mapping[str, str] = {
    # of every command
    "notice": "Something else that a person should know.",
    "doing": "What the command does from now on.",
    "progress": "How far a long thing is: `label`, `done`, `total`.",
    "question": "A question that waits for an answer.",
    "answered": "A question that was answered on the command line.",
    "proposal": "What will be done, shown above its question.",
    "error": "The command ended with an error: `code`, `why`, `remedy`, `exitCode`.",
    "log": "A line of `-v`: `logger` says of which part of the program.",
    # settings, files
    "setting-used": "A setting of the environment or of `migrate.yaml` that is used.",
    "setting-ignored": "A variable that is not read, because it would answer a question of safety.",
    "state-found": "The folder of the state, found from the plan.",
    "file-written": "A file was written.",
    "output-failed": "The result could not be written; what was done is done.",
    "log-file": "Something about the log file itself.",
    # reading
    "not-read": "Something that could not be read, and is unknown therefore.",
    "logs-read": "What was found in the logs, or how they are read.",
    "code-note": "What to know about generated code.",
    # locks and state
    "locked": "Something about the lock of the cluster: who holds it, or that it was removed.",
    "break-glass": "Which administrators remain without the plan's entries.",
    # a run
    "waiting": "The run waits for something.",
    "step": "A step of the plan is carried out.",
    "step-undone": "A step is undone.",
    "step-refused": "EKS refused a step, or it is not possible any more.",
    "step-kept": "A step is left as it is.",
    "entry-taken-over": "An entry that EKS made is changed to what was planned.",
    # canary pods, nodes
    "canary-pod": "Something about a canary pod.",
    "node": "Something about nodes that are waited for.",
    # rehearsal
    "rehearsal": "A stage of a rehearsal.",
    "timer": "The Job that puts aws-auth back.",
    # the endpoint
    "endpoint-opened": "This machine's address was added to publicAccessCidrs.",
    "endpoint-closed": "An address was removed from publicAccessCidrs.",
    "endpoint-open": "An address is still in publicAccessCidrs.",
    "tunnel": "The Session Manager tunnel.",
    # leftovers
    "leftover": "Something that a run left in the cluster.",
    "leftover-removed": "It was removed.",
    # a fleet
    "cluster-done": "Clusters that are done already.",
    "cluster-not-done": "How a command ended on a cluster, where it is not done.",
    "account-silent": "An account or a Region that did not answer.",
    "wave": "A wave of clusters.",
    "worker": "A worker of the dask cluster.",
    "stopping": "The command was interrupted, and ends what is under way.",
    # the lab
    "lab": "Something about the lab on this machine.",
}
