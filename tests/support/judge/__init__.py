"""An evaluator of EKS's rules that shares nothing with the tool: it imports no module of
``migrator``.

It is naive on purpose: it goes over every row, entry, binding and rule for each question, keeps no
index, and takes the access policies from ``tests/data/access_policies.json``. Everything is plain
JSON as AWS and Kubernetes write it. The recorded answers of the real components judge it
(``tests/judge/test_recorded.py``), and it judges the tool, the lab and the lab's oracle.
"""
