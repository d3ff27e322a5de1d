"""Does a pod reach the API server, DNS and the two addresses of credentials, by the network
policies of the cluster: Kubernetes, Calico, and those of cluster administrators.
"""
