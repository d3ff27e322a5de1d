"""The Kubernetes side of the lab: an API server for one cluster, on standard library threads and
TLS.

``store`` keeps objects, ``registry`` gives them their life (metadata, conflicts, validation,
patches), ``api`` answers requests, ``http`` brings them over the wire. The semantics are those of
kube-apiserver; error texts are its texts, because clients parse them.
"""
