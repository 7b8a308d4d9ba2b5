"""The whole guide against a real cluster: `make test-cluster KUBECONFIG=… CONTEXT=…`."""
