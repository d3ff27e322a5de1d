"""Every interleaving of small worlds, over the real workflows: who does what when, and is access
right all the while.

``python -m tests.exploring`` lists the worlds, explores one, or replays one trace. A state is a
cluster, the state folders, and the processes of one or two operators. A move lets a process's next
call have its effect (or lose it), ends a process, starts a command, or is made by an administrator,
IAM or EKS.
"""
