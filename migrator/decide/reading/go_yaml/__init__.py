"""YAML as Go reads it: what the authenticator makes of a section of the aws-auth ConfigMap.

aws-iam-authenticator turns a section into JSON with ``sigs.k8s.io/yaml`` (go-yaml v2 underneath)
before it decodes rows. Python's YAML loaders resolve scalars, merge keys, duplicates and aliases
differently, so they are not used: :mod:`.compose` takes libyaml's events (go-yaml is a port of
libyaml), :mod:`.resolve` gives scalars their YAML 1.1 types, and :mod:`.decode` does what go-yaml's
decoder and the conversion to JSON do, their refusals included.
"""
